/* Agent dispatches: kept with their room. */
#include <stdio.h>
#include <string.h>

#include "kit.h"

static void no_auto_create(struct node_config *c) {
    c->auto_create = false;
    c->metadata_bytes_max = 4;
    c->attributes_bytes_max = 4;
}

static const Livekit__ListAgentDispatchResponse *list(struct kit *k, const char *id) {
    char json[128];
    snprintf(json, sizeof(json), "{\"room\":\"r\",\"dispatchId\":\"%s\"}", id);
    return kit_read(k, API_LIST_DISPATCH,
                    kit_call(k, API_LIST_DISPATCH, kit_admin_claims("r"), json));
}

static const Livekit__AgentDispatch *create(struct kit *k, enum api_coding coding,
                                            const char *json) {
    struct answer a = kit_call_as(k, API_CREATE_DISPATCH, coding, kit_admin_claims("r"), json);
    return kit_read(k, API_CREATE_DISPATCH, a);
}

static void test_a_room_has_the_default_dispatch(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_create_room(&k, "{\"name\":\"r\"}");
    const Livekit__ListAgentDispatchResponse *l = list(&k, "");
    assert_int_equal(l->n_agent_dispatches, 1);
    const Livekit__AgentDispatch *d = l->agent_dispatches[0];
    assert_string_equal(d->agent_name, "");
    assert_string_equal(d->room, "r");
    assert_memory_equal(d->id, "AD_", 3);
    assert_int_equal(d->state->created_at, 1700000000000 * 1000000);
    char id[32];
    snprintf(id, sizeof(id), "%s", d->id);
    assert_string_equal(list(&k, id)->agent_dispatches[0]->id, id); /* each time the same */
    assert_int_equal(list(&k, "AD_x")->n_agent_dispatches, 0);
    kit_close(&k);
}

static void test_dispatches_of_a_create_request(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_create_room(&k, "{\"name\":\"r\",\"tags\":{\"a\":\"b\"},\"agents\":[{\"agentName\":\"x\","
                        "\"metadata\":\"m\",\"attributes\":{\"k\":\"v\"}},{\"agentName\":\"y\"}]}");
    const Livekit__ListAgentDispatchResponse *l = list(&k, "");
    assert_int_equal(l->n_agent_dispatches, 2);
    assert_string_equal(l->agent_dispatches[0]->agent_name, "x");
    assert_string_equal(l->agent_dispatches[0]->metadata, "m");
    assert_string_equal(l->agent_dispatches[0]->attributes[0]->value, "v");
    assert_string_equal(l->agent_dispatches[1]->agent_name, "y");
    assert_string_not_equal(l->agent_dispatches[0]->id, l->agent_dispatches[1]->id);
    kit_close(&k);
}

static void test_create_and_delete(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL); /* with auto create: the room comes with its first dispatch */
    static const enum api_coding codings[] = {API_JSON, API_PROTOBUF};
    char ids[2][32];
    for (size_t i = 0; i < 2; i++) {
        const Livekit__AgentDispatch *d =
            create(&k, codings[i],
                   "{\"room\":\"r\",\"agentName\":\"ag\",\"metadata\":\"m\",\"deployment\":\"d1\","
                   "\"attributes\":{\"k\":\"v\"},\"restartPolicy\":\"JRP_NEVER\"}");
        assert_int_equal(kit_notes(&k, NOTE_ROOM_STARTED), i == 0);
        assert_string_equal(d->agent_name, "ag");
        assert_string_equal(d->room, "r");
        assert_string_equal(d->deployment, "d1");
        assert_string_equal(d->attributes[0]->value, "v");
        assert_int_equal(d->restart_policy, LIVEKIT__JOB_RESTART_POLICY__JRP_NEVER);
        assert_true(d->state->created_at > 0);
        snprintf(ids[i], sizeof(ids[i]), "%s", d->id);
    }
    const Livekit__ListAgentDispatchResponse *l = list(&k, "");
    assert_int_equal(l->n_agent_dispatches, 3); /* the default one stays */
    assert_string_equal(l->agent_dispatches[0]->agent_name, "");
    assert_string_equal(l->agent_dispatches[1]->id, ids[0]);
    assert_string_equal(l->agent_dispatches[1]->attributes[0]->key, "k");
    char json[128];
    snprintf(json, sizeof(json), "{\"room\":\"r\",\"dispatchId\":\"%s\"}", ids[0]);
    struct answer a = kit_call(&k, API_DELETE_DISPATCH, kit_admin_claims("r"), json);
    const Livekit__AgentDispatch *gone = kit_read(&k, API_DELETE_DISPATCH, a);
    assert_string_equal(gone->id, ids[0]);
    assert_true(gone->state->deleted_at > 0);
    assert_int_equal(list(&k, "")->n_agent_dispatches, 2);
    kit_assert_error(
        kit_call(&k, API_DELETE_DISPATCH, kit_admin_claims("r"), json), 404,
        "{\"code\":\"not_found\",\"msg\":\"twirp error unknown: dispatch ID not found\"}");
    kit_close(&k);
}

static void test_the_last_one_gone_stays_gone(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_create_room(&k, "{\"name\":\"r\",\"emptyTimeout\":7}");
    char json[128];
    snprintf(json, sizeof(json), "{\"room\":\"r\",\"dispatchId\":\"%s\"}",
             list(&k, "")->agent_dispatches[0]->id);
    assert_int_equal(kit_call(&k, API_DELETE_DISPATCH, kit_admin_claims("r"), json).status, 200);
    assert_int_equal(list(&k, "")->n_agent_dispatches, 0);
    kit_pass(&k, 7000); /* the room's other settings are as they were */
    assert_int_equal(node_counts(k.n).rooms, 0);
    kit_close(&k);
}

static void test_refusals(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, no_auto_create);
    static const char missing[] =
        "{\"code\":\"not_found\",\"msg\":\"twirp error unknown: requested room does not exist\"}";
    const struct claims *admin = kit_admin_claims("r");
    static const enum api_op ops[] = {API_CREATE_DISPATCH, API_DELETE_DISPATCH, API_LIST_DISPATCH};
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        kit_assert_error(kit_call(&k, ops[i], admin, "{\"room\":\"r\"}"), 404, missing);
    }
    static const char *const rows[][2] = {
        {"\"deployment\":\"a_b\"", "invalid deployment"},
        {"\"deployment\":\"a b\"", "invalid deployment"},
        {"\"deployment\":\"0123456789012345678901234567890123456789012345678901234567890123x\"",
         "invalid deployment"},
        {"\"metadata\":\"12345\"", "metadata size exceeds limits"},
        {"\"attributes\":{\"abc\":\"de\"}", "attribute size exceeds limits"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char json[256], body[256];
        snprintf(json, sizeof(json), "{\"room\":\"r\",%s}", rows[i][0]);
        snprintf(body, sizeof(body),
                 "{\"code\":\"invalid_argument\",\"msg\":\"twirp error unknown: %s\"}", rows[i][1]);
        kit_assert_error(kit_call(&k, API_CREATE_DISPATCH, admin, json), 400, body);
    }
    kit_close(&k);
}

static void test_too_many_are_refused(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    char json[4200];
    int at = snprintf(json, sizeof(json), "{\"room\":\"r\",\"metadata\":\"");
    memset(json + at, 'm', 4096);
    snprintf(json + at + 4096, sizeof(json) - (size_t)at - 4096, "\"}");
    unsigned status = 200;
    size_t made = 0;
    for (; status == 200; made++) {
        status = kit_call(&k, API_CREATE_DISPATCH, kit_admin_claims("r"), json).status;
    }
    assert_int_equal(status, 429);
    assert_int_equal(made, DIR_EXTRA_BYTES_MAX / 4096);
    assert_int_equal(list(&k, "")->n_agent_dispatches, made); /* with the default one */
    kit_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_room_has_the_default_dispatch),
        cmocka_unit_test(test_dispatches_of_a_create_request),
        cmocka_unit_test(test_create_and_delete),
        cmocka_unit_test(test_the_last_one_gone_stays_gone),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_too_many_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
