#include <string.h>

#include "kit.h"

static void small_limits(struct node_config *c) {
    c->participant_name_bytes_max = 8;
    c->metadata_bytes_max = 8;
    c->attributes_bytes_max = 8;
}

struct own {
    const char *name, *metadata, *key, *value;
};

static void update(struct kit *k, uint64_t conn, struct own o) {
    Livekit__UpdateParticipantMetadata m = LIVEKIT__UPDATE_PARTICIPANT_METADATA__INIT;
    Livekit__UpdateParticipantMetadata__AttributesEntry entry =
        LIVEKIT__UPDATE_PARTICIPANT_METADATA__ATTRIBUTES_ENTRY__INIT;
    Livekit__UpdateParticipantMetadata__AttributesEntry *entries[] = {&entry};
    m.request_id = 4;
    m.name = o.name ? (char *)(uintptr_t)o.name : m.name;
    m.metadata = o.metadata ? (char *)(uintptr_t)o.metadata : m.metadata;
    if (o.key) {
        entry.key = (char *)(uintptr_t)o.key;
        entry.value = (char *)(uintptr_t)o.value;
        m.attributes = entries;
        m.n_attributes = 1;
    }
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_UPDATE_METADATA;
    r.update_metadata = &m;
    kit_signal(k, conn, &r);
}

static const Livekit__ParticipantInfo *updated(struct kit *k, uint64_t conn) {
    const Livekit__SignalResponse *r =
        kit_told(k, conn, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE, 0);
    assert_non_null(r);
    return r->update->participants[0];
}

static void enter_allowed(struct kit *k, int protocol) {
    struct claims c = kit_join_claims("r", "alice");
    c.video.can_update_own_metadata = TRI_TRUE;
    struct kit_join j = {.conn = 1, .claims = &c, .protocol = protocol};
    assert_int_equal(kit_join(k, &j), STATUS_OK);
    kit_enter(k, 2, "r", "bob");
}

static void test_all_are_told_and_the_sender_is_answered(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    enter_allowed(&k, 17);
    update(&k, 1, (struct own){"Alice", "meta", "k", "v"});
    assert_string_equal(kit_story(&k, 2), "update:alice=JOINED");
    assert_string_equal(kit_story(&k, 1), "update:alice=JOINED token");
    const Livekit__ParticipantInfo *p = updated(&k, 1);
    assert_string_equal(p->name, "Alice");
    assert_string_equal(p->metadata, "meta");
    assert_int_equal(p->n_attributes, 1);
    assert_string_equal(p->attributes[0]->value, "v");
    kit_pass(&k, ANSWER_DELAY_MS);
    assert_string_equal(kit_story(&k, 1), "response:0");
    assert_int_equal(kit_told(&k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_REQUEST_RESPONSE, 0)
                         ->request_response->request_id,
                     4);
    update(&k, 1, (struct own){NULL, "", "k", ""}); /* empty: left, but the attribute goes */
    p = updated(&k, 2);
    assert_string_equal(p->metadata, "meta");
    assert_int_equal(p->n_attributes, 0);
    kit_pass(&k, ANSWER_DELAY_MS);
    update(&k, 1, (struct own){"Alice", "meta", NULL, NULL}); /* as it is: answered, not told */
    assert_string_equal(kit_story(&k, 1), "");
    kit_pass(&k, ANSWER_DELAY_MS);
    assert_string_equal(kit_story(&k, 1), "response:0");
    assert_string_equal(kit_story(&k, 2), "");
    kit_close(&k);
}

/* Clients that note only after they have asked that they wait would miss an answer at once. */
static void test_answers_wait_a_moment_in_their_order(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    enter_allowed(&k, 17);
    kit_pass(&k, 1);
    update(&k, 1, (struct own){"Alice", NULL, NULL, NULL});
    k.now.mono_ms += 5;
    update(&k, 2, (struct own){"Bob", NULL, NULL, NULL}); /* not allowed */
    update(&k, 1, (struct own){"Alicia", NULL, NULL, NULL});
    assert_int_equal(node_next_deadline_ms(k.n), k.now.mono_ms + ANSWER_DELAY_MS - 5);
    kit_pass(&k, ANSWER_DELAY_MS - 6);
    assert_int_equal(kit_count(&k, FX_SIGNAL), 0);
    kit_pass(&k, 1);
    assert_string_equal(kit_story(&k, 1), "response:0");
    assert_string_equal(kit_story(&k, 2), "");
    kit_pass(&k, 5);
    assert_string_equal(kit_story(&k, 2), "response:2");
    assert_string_equal(kit_story(&k, 1), "response:0");
    kit_pass(&k, 1000);
    assert_string_equal(kit_story(&k, 1), "");
    kit_close(&k);
}

static void test_answers_go_with_their_session(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    enter_allowed(&k, 17);
    update(&k, 1, (struct own){"Alice", NULL, NULL, NULL});
    update(&k, 2, (struct own){"Bob", NULL, NULL, NULL});
    kit_closed(&k, 2);
    kit_check(&k);
    kit_pass(&k, ANSWER_DELAY_MS);
    assert_string_equal(kit_story(&k, 2), "");
    assert_string_equal(kit_story(&k, 1), "response:0");
    kit_close(&k);
}

static void test_past_the_bound_the_oldest_answers_go_early(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_enter(&k, 1, "r", "alice");
    kit_enter(&k, 2, "r", "bob");
    update(&k, 1, (struct own){"A", NULL, NULL, NULL});
    for (size_t i = 1; i < ANSWERS_HELD_MAX; i++) {
        update(&k, 2, (struct own){"B", NULL, NULL, NULL});
        assert_int_equal(kit_count(&k, FX_SIGNAL), 0);
    }
    assert_int_equal(k.metrics.answers_early, 0);
    update(&k, 2, (struct own){"B", NULL, NULL, NULL});
    assert_string_equal(kit_story(&k, 1), "response:2");
    assert_string_equal(kit_story(&k, 2), "");
    assert_int_equal(k.metrics.answers_early, 1);
    kit_pass(&k, ANSWER_DELAY_MS);
    assert_int_equal(kit_count(&k, FX_SIGNAL), ANSWERS_HELD_MAX);
    assert_int_equal(k.metrics.answers_early, 1);
    kit_close(&k);
}

static void test_refusals(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, small_limits);
    enter_allowed(&k, 17);
    static const struct own too_large[] = {
        {"123456789", NULL, NULL, NULL},
        {NULL, "123456789", NULL, NULL},
        {NULL, NULL, "12345", "6789"},
    };
    for (size_t i = 0; i < ARRAY_LEN(too_large); i++) {
        update(&k, 1, too_large[i]);
        assert_string_equal(kit_story(&k, 1), "");
        kit_pass(&k, ANSWER_DELAY_MS);
        assert_string_equal(kit_story(&k, 1), "response:3");
        assert_string_equal(kit_story(&k, 2), "");
    }
    update(&k, 2, (struct own){"Bob", NULL, NULL, NULL});
    kit_pass(&k, ANSWER_DELAY_MS);
    assert_string_equal(kit_story(&k, 2), "response:2");
    const Livekit__RequestResponse *r =
        kit_told(&k, 2, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_REQUEST_RESPONSE, 0)->request_response;
    assert_int_equal(r->request_id, 4);
    assert_int_equal(r->request_case, LIVEKIT__REQUEST_RESPONSE__REQUEST_UPDATE_METADATA);
    kit_close(&k);
}

static void test_older_protocols_get_no_ok(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    enter_allowed(&k, 14);
    update(&k, 1, (struct own){"Alice", NULL, NULL, NULL});
    assert_string_equal(kit_story(&k, 1), "update:alice=JOINED token");
    kit_pass(&k, 1000);
    assert_string_equal(kit_story(&k, 1), "");
    kit_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_are_told_and_the_sender_is_answered),
        cmocka_unit_test(test_answers_wait_a_moment_in_their_order),
        cmocka_unit_test(test_answers_go_with_their_session),
        cmocka_unit_test(test_past_the_bound_the_oldest_answers_go_early),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_older_protocols_get_no_ok),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
