/* PerformRpc: sent once, answered once, whatever the participant does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit.h"

#define ERROR(code, text) "{\"code\":\"" code "\",\"msg\":\"twirp error unknown: " text "\"}"

static void with_rpc(struct node_config *c) {
    c->performs_rpc = true;
}

struct asked {
    uint64_t room_key;
    char id[64];
    uint32_t timeout_ms;
};

static enum status begin(struct kit *k, uint64_t conn, const char *json) {
    ProtobufCMessage *request = NULL;
    const struct api_method *method = api_method_at(API_PERFORM_RPC);
    assert_int_equal(proto_decode_json(method->request, slice_from_cstr(json), &k->arena, &request),
                     STATUS_OK);
    struct node_event ev = {.kind = EV_API, .conn = conn, .claims = kit_admin_claims("r")};
    ev.api.method = method;
    ev.api.request = request;
    return kit_step(k, &ev);
}

/* A call to alice that goes out. */
static struct asked ask(struct kit *k, uint64_t conn, const char *rest) {
    char json[256];
    snprintf(json, sizeof(json),
             "{\"room\":\"r\",\"destinationIdentity\":\"alice\",\"method\":\"m\","
             "\"payload\":\"p\"%s}",
             rest);
    assert_int_equal(begin(k, conn, json), STATUS_OK);
    assert_int_equal(kit_count(k, FX_API_REPLY), 0);
    const struct effect *e = kit_effect(k, FX_DATA_SEND, 0);
    assert_non_null(e);
    assert_true(e->reliable);
    ProtobufCMessage *message = NULL;
    assert_int_equal(proto_decode(&livekit__data_packet__descriptor, e->bytes, &k->arena, &message),
                     STATUS_OK);
    const Livekit__DataPacket *packet = (const void *)message;
    assert_int_equal(packet->n_destination_identities, 1);
    assert_string_equal(packet->destination_identities[0], "alice");
    const Livekit__RpcRequest *request = packet->rpc_request;
    assert_string_equal(packet->participant_identity, request->id);
    assert_string_equal(request->method, "m");
    assert_string_equal(request->payload, "p");
    assert_int_equal(request->version, 1);
    struct asked asked = {.room_key = e->room_key, .timeout_ms = request->response_timeout_ms};
    snprintf(asked.id, sizeof(asked.id), "%s", request->id);
    assert_int_equal(strlen(asked.id), 36);
    return asked;
}

static void hand_back(struct kit *k, const struct asked *asked, const char *identity,
                      Livekit__DataPacket *packet) {
    uint8_t bytes[1024];
    assert_true(protobuf_c_message_get_packed_size(&packet->base) <= sizeof(bytes));
    size_t len = protobuf_c_message_pack(&packet->base, bytes);
    struct node_event ev = {.kind = EV_RPC};
    ev.rpc.room_key = asked->room_key;
    ev.rpc.identity = slice_from_cstr(identity);
    ev.rpc.packet = slice_of(bytes, len);
    assert_int_equal(kit_step(k, &ev), STATUS_OK);
}

static void acknowledge(struct kit *k, const struct asked *asked) {
    Livekit__RpcAck ack = LIVEKIT__RPC_ACK__INIT;
    ack.request_id = (char *)(uintptr_t)asked->id;
    Livekit__DataPacket packet = LIVEKIT__DATA_PACKET__INIT;
    packet.value_case = LIVEKIT__DATA_PACKET__VALUE_RPC_ACK;
    packet.rpc_ack = &ack;
    hand_back(k, asked, "alice", &packet);
}

/* error 0: with this payload. */
static void respond(struct kit *k, const struct asked *asked, const char *identity, uint32_t error,
                    const char *text) {
    Livekit__RpcError e = LIVEKIT__RPC_ERROR__INIT;
    Livekit__RpcResponse response = LIVEKIT__RPC_RESPONSE__INIT;
    response.request_id = (char *)(uintptr_t)asked->id;
    if (error != 0) {
        e.code = error;
        e.message = (char *)(uintptr_t)text;
        static char data[] = "why";
        e.data = data;
        response.value_case = LIVEKIT__RPC_RESPONSE__VALUE_ERROR;
        response.error = &e;
    } else {
        response.value_case = LIVEKIT__RPC_RESPONSE__VALUE_PAYLOAD;
        response.payload = (char *)(uintptr_t)text;
    }
    Livekit__DataPacket packet = LIVEKIT__DATA_PACKET__INIT;
    packet.value_case = LIVEKIT__DATA_PACKET__VALUE_RPC_RESPONSE;
    packet.rpc_response = &response;
    hand_back(k, asked, identity, &packet);
}

static void open_with_alice(struct kit *k) {
    kit_open(k, with_rpc);
    kit_up(k, kit_enter(k, 1, "r", "alice"));
}

static void test_a_response_answers_the_call(void **state) {
    (void)state;
    struct kit k;
    open_with_alice(&k);
    struct asked asked = ask(&k, 7, "");
    assert_int_equal(asked.timeout_ms, RPC_TIMEOUT_MS);
    acknowledge(&k, &asked);
    assert_int_equal(kit_count(&k, FX_API_REPLY), 0);
    kit_pass(&k, 9000); /* a slow handler is waited for, and not called again */
    assert_int_equal(kit_count(&k, FX_DATA_SEND), 0);
    assert_int_equal(kit_count(&k, FX_API_REPLY), 0);
    respond(&k, &asked, "alice", 0, "done");
    struct answer a = kit_answer(&k, FX_API_REPLY, 7);
    assert_int_equal(a.status, 200);
    assert_true(slice_eq_cstr(a.body, "{\"payload\":\"done\"}"));
    respond(&k, &asked, "alice", 0, "done"); /* the second one finds nobody */
    assert_int_equal(kit_count(&k, FX_API_REPLY), 0);
    kit_pass(&k, 60 * 1000);
    assert_int_equal(kit_count(&k, FX_API_REPLY), 0);
    kit_close(&k);
}

static void test_errors_of_the_handler(void **state) {
    (void)state;
    static const struct {
        uint32_t code;
        unsigned status;
        const char *body;
    } rows[] = {
        {1400, 400, ERROR("invalid_argument", "RpcError 1400: text: why")},
        {1401, 404, ERROR("not_found", "RpcError 1401: text: why")},
        {1404, 501, ERROR("unimplemented", "RpcError 1404: text: why")},
        {1500, 500, ERROR("internal", "RpcError 1500: text: why")},
        {1504, 500, ERROR("internal", "RpcError 1504: text: why")},
        {42, 500, ERROR("internal", "RpcError 42: text: why")},
    };
    struct kit k;
    open_with_alice(&k);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct asked asked = ask(&k, 7, "");
        respond(&k, &asked, "alice", rows[i].code, "text");
        kit_assert_error(kit_answer(&k, FX_API_REPLY, 7), rows[i].status, rows[i].body);
    }
    kit_close(&k);
}

static void test_timeouts(void **state) {
    (void)state;
    struct kit k;
    open_with_alice(&k);
    ask(&k, 7, "");
    kit_pass(&k, RPC_ACK_MS - 1);
    assert_int_equal(kit_count(&k, FX_API_REPLY), 0);
    kit_pass(&k, 1);
    kit_assert_error(kit_answer(&k, FX_API_REPLY, 7), 408,
                     ERROR("canceled", "RpcError 1501: Connection timeout"));
    struct asked asked = ask(&k, 8, ",\"responseTimeoutMs\":5000");
    assert_int_equal(asked.timeout_ms, 5000);
    acknowledge(&k, &asked);
    kit_pass(&k, 4999);
    assert_int_equal(kit_count(&k, FX_API_REPLY), 0);
    kit_pass(&k, 1);
    kit_assert_error(kit_answer(&k, FX_API_REPLY, 8), 408,
                     ERROR("canceled", "RpcError 1502: Response timeout"));
    asked = ask(&k, 9, ",\"responseTimeoutMs\":3600000");
    assert_int_equal(asked.timeout_ms, RPC_TIMEOUT_MAX_MS);
    kit_close(&k); /* with a call that waits */
}

static void test_the_participant_leaves(void **state) {
    (void)state;
    struct kit k;
    open_with_alice(&k);
    ask(&k, 7, "");
    ask(&k, 8, "");
    kit_call(&k, API_REMOVE_PARTICIPANT, kit_admin_claims("r"),
             "{\"room\":\"r\",\"identity\":\"alice\"}");
    static const char gone[] = ERROR("unavailable", "RpcError 1503: Recipient disconnected");
    /* The first answer to 7 is that of the removal itself. */
    assert_int_equal(kit_count(&k, FX_API_REPLY), 3);
    kit_assert_error(kit_answer(&k, FX_API_REPLY, 8), 503, gone);
    kit_check(&k);
    kit_close(&k);
}

static void test_only_the_one_who_was_asked_answers(void **state) {
    (void)state;
    struct kit k;
    open_with_alice(&k);
    kit_up(&k, kit_enter(&k, 2, "r", "mallory"));
    struct asked asked = ask(&k, 7, "");
    respond(&k, &asked, "mallory", 0, "mine");
    assert_int_equal(kit_count(&k, FX_API_REPLY), 0);
    asked.room_key++;
    respond(&k, &asked, "alice", 0, "of another room");
    assert_int_equal(kit_count(&k, FX_API_REPLY), 0);
    struct node_event ev = {.kind = EV_RPC};
    ev.rpc.packet = SLICE_LIT("\xff\xff");
    assert_int_equal(kit_step(&k, &ev), STATUS_OK);
    kit_close(&k);
}

static void test_refusals(void **state) {
    (void)state;
    struct kit k;
    open_with_alice(&k);
    kit_assert_error(kit_call(&k, API_PERFORM_RPC, kit_admin_claims("r"), "{\"room\":\"r\"}"), 400,
                     ERROR("invalid_argument", "destination identity is required"));
    kit_assert_error(kit_call(&k, API_PERFORM_RPC, kit_admin_claims("r"),
                              "{\"room\":\"r\",\"destinationIdentity\":\"bob\"}"),
                     404, ERROR("not_found", "participant does not exist"));
    kit_assert_error(kit_call(&k, API_PERFORM_RPC, kit_admin_claims("x"),
                              "{\"room\":\"x\",\"destinationIdentity\":\"bob\"}"),
                     404, ERROR("not_found", "requested room does not exist"));
    enum { SIZE = RPC_PAYLOAD_BYTES_MAX + 128 };
    char *json = malloc(SIZE);
    assert_non_null(json);
    int at = snprintf(json, SIZE,
                      "{\"room\":\"r\",\"destinationIdentity\":\"alice\","
                      "\"payload\":\"");
    memset(json + at, 'p', RPC_PAYLOAD_BYTES_MAX + 1);
    memcpy(json + at + RPC_PAYLOAD_BYTES_MAX + 1, "\"}", 3);
    kit_assert_error(kit_call(&k, API_PERFORM_RPC, kit_admin_claims("r"), json), 400,
                     ERROR("invalid_argument", "RpcError 1402: Request payload too large"));
    free(json);
    for (size_t i = 0; i < RPCS_MAX; i++) {
        ask(&k, 1000 + i, "");
        arena_reset(&k.arena);
    }
    assert_int_equal(begin(&k, 7, "{\"room\":\"r\",\"destinationIdentity\":\"alice\"}"), STATUS_OK);
    assert_int_equal(kit_answer(&k, FX_API_REPLY, 7).status, 429);
    kit_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_response_answers_the_call),
        cmocka_unit_test(test_errors_of_the_handler),
        cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_the_participant_leaves),
        cmocka_unit_test(test_only_the_one_who_was_asked_answers),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
