#include <stdio.h>
#include <string.h>

#include "kit.h"

static void expect_text(struct kit *k, const struct kit_join *j, unsigned status,
                        const char *text) {
    assert_int_equal(kit_join(k, j), STATUS_OK);
    struct answer a = kit_answer(k, FX_TEXT_REPLY, j->conn);
    char got[256];
    snprintf(got, sizeof(got), "%.*s", SLICE_ARG(a.body));
    assert_string_equal(got, text);
    assert_int_equal(a.status, status);
    assert_int_equal(kit_count(k, FX_UPGRADE), 0);
    assert_int_equal(kit_count(k, FX_SIGNAL), 0);
    assert_int_equal(node_counts(k->n).sessions, 0);
}

static void no_auto_create(struct node_config *c) {
    c->auto_create = false;
    c->room_name_bytes_max = 8;
    c->identity_bytes_max = 8;
    c->metadata_bytes_max = 4;
    c->attributes_bytes_max = 4;
}

#define NO_PERMISSION "no permissions to access the room"

static void test_refusals_in_their_order(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, no_auto_create);
    kit_create_room(&k, "{\"name\":\"r\"}");
    struct claims c = kit_join_claims("r", "alice");
    struct kit_join j = {.conn = 1, .claims = &c};
    c.has_video = false;
    expect_text(&k, &j, 401, NO_PERMISSION);
    c = kit_join_claims("r", "alice");
    c.video.room_join = false;
    c.identity = (struct slice){0};
    expect_text(&k, &j, 401, "permissions denied");
    c = kit_join_claims("", "");
    expect_text(&k, &j, 400, "identity cannot be empty");
    c = kit_join_claims("", "123456789");
    expect_text(&k, &j, 400, "participant identity length exceeds limits: max length 8");
    c = kit_join_claims("", "alice");
    expect_text(&k, &j, 400, "no room name");
    c = kit_join_claims("123456789", "alice");
    expect_text(&k, &j, 400, "room name length exceeds limits: max length 8");
    c = kit_join_claims("nope", "alice");
    c.video.can_publish = TRI_FALSE;
    j.publish = "x";
    expect_text(&k, &j, 401, NO_PERMISSION);
    j.publish = NULL;
    expect_text(&k, &j, 404, "requested room does not exist");
    c = kit_join_claims("r", "alice");
    j.gave_metadata = true;
    expect_text(&k, &j, 401, NO_PERMISSION);
    j.gave_metadata = false;
    c.metadata = SLICE_LIT("12345");
    expect_text(&k, &j, 500, "connection closed by media");
    c.metadata = (struct slice){0};
    const struct attribute large = {SLICE_LIT("abc"), SLICE_LIT("de")};
    c.attributes = &large;
    c.attributes_count = 1;
    expect_text(&k, &j, 500, "connection closed by media");
    kit_close(&k);
}

static void test_grants_that_open_a_room(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, no_auto_create);
    struct claims c = kit_join_claims("r", "alice");
    c.video.room_create = true;
    assert_int_equal(kit_join(&k, &(struct kit_join){.conn = 1, .claims = &c}), STATUS_OK);
    assert_int_equal(kit_count(&k, FX_UPGRADE), 1);
    assert_int_equal(kit_notes(&k, NOTE_ROOM_STARTED), 1);
    kit_close(&k);
}

static void validate(struct kit *k, const struct claims *c, unsigned status, const char *text) {
    struct node_event ev = {.kind = EV_VALIDATE, .conn = 3, .claims = c};
    Livekit__JoinRequest request = LIVEKIT__JOIN_REQUEST__INIT;
    ev.join.request = &request;
    assert_int_equal(kit_step(k, &ev), STATUS_OK);
    struct answer a = kit_answer(k, FX_TEXT_REPLY, 3);
    assert_int_equal(a.status, status);
    assert_true(slice_eq_cstr(a.body, text));
}

static void test_validate_creates_nothing(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    struct claims c = kit_join_claims("r", "alice");
    validate(&k, &c, 200, "success");
    validate(&k, NULL, 401, NO_PERMISSION);
    assert_int_equal(node_counts(k.n).rooms, 0);
    kit_close(&k);
}

static void check_join_response(const Livekit__JoinResponse *j) {
    assert_string_equal(j->room->name, "r");
    assert_int_equal(strncmp(j->room->sid, "RM_", 3), 0);
    assert_int_equal(j->room->num_participants, 1);
    assert_string_equal(j->participant->identity, "alice");
    assert_int_equal(strncmp(j->participant->sid, "PA_", 3), 0);
    assert_int_equal(j->participant->state, LIVEKIT__PARTICIPANT_INFO__STATE__JOINED);
    assert_int_equal(j->participant->joined_at, 1700000000);
    assert_int_equal(j->participant->client_protocol, 2);
    assert_string_equal(j->participant->region, "eu");
    assert_true(j->participant->permission->can_publish);
    assert_true(j->participant->permission->can_subscribe);
    assert_true(j->participant->permission->can_publish_data);
    assert_false(j->participant->permission->can_update_metadata);
    assert_int_equal(j->n_other_participants, 0);
    assert_int_equal(j->ping_interval, 5);
    assert_int_equal(j->ping_timeout, 15);
    assert_string_equal(j->server_info->version, "1.13.5");
    assert_int_equal(j->server_info->protocol, 17);
    assert_string_equal(j->server_info->region, "eu");
    assert_int_equal(strncmp(j->server_info->node_id, "ND_", 3), 0);
    assert_true(j->fast_publish);
    assert_true(j->sif_trailer.len > 0);
    assert_int_equal(j->n_enabled_publish_codecs, 6);
    assert_string_equal(j->enabled_publish_codecs[0]->mime, "video/VP8");
    assert_string_equal(j->enabled_publish_codecs[1]->mime, "video/H264");
}

static void test_dual_join(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint64_t sub = kit_enter(&k, 1, "r", "alice");
    assert_string_equal(kit_story(&k, 1), "101 join token offer");
    const Livekit__JoinResponse *j =
        kit_told(&k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN, 0)->join;
    check_join_response(j);
    assert_true(j->subscriber_primary);
    const Livekit__SessionDescription *offer =
        kit_told(&k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_OFFER, 0)->offer;
    assert_string_equal(offer->type, "offer");
    assert_true(offer->id >= 1 && offer->id <= 256);
    assert_non_null(strstr(offer->sdp, "m=application"));
    assert_non_null(strstr(offer->sdp, "a=candidate:1 1 udp 1 127.0.0.1 788"));
    /* The transport is opened before its offer goes out, with the credentials in it. */
    const struct effect *open = kit_effect(&k, FX_TRANSPORT_OPEN, 0);
    char line[64];
    snprintf(line, sizeof(line), "a=ice-ufrag:%.*s\r\n", SLICE_ARG(open->transport.ufrag));
    assert_non_null(strstr(offer->sdp, line));
    const struct fx_route *route = &kit_effect(&k, FX_ROUTE_PUT, 0)->route;
    assert_false(route->active);
    assert_int_equal(route->tx_transport, sub);
    assert_int_not_equal(route->rx_transport, sub);
    assert_true(route->can_publish_data);

    kit_up(&k, sub);
    assert_string_equal(kit_story(&k, 1), "update:alice=ACTIVE");
    assert_true(kit_effect(&k, FX_ROUTE_PUT, 0)->route.active);
    assert_int_equal(kit_notes(&k, NOTE_PARTICIPANT_JOINED), 1);
    kit_up(&k, sub); /* told twice: nothing more */
    assert_int_equal(k.fx.count, 0);
    kit_close(&k);
}

static void answer_offer(struct kit *k, uint64_t conn, const char *sdp, uint32_t id) {
    Livekit__SessionDescription d = LIVEKIT__SESSION_DESCRIPTION__INIT;
    d.type = (char[]){"answer"};
    d.sdp = (char *)(uintptr_t)sdp;
    d.id = id;
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_ANSWER;
    r.answer = &d;
    kit_signal(k, conn, &r);
}

static void send_offer(struct kit *k, uint64_t conn, const char *sdp, uint32_t id) {
    Livekit__SessionDescription d = LIVEKIT__SESSION_DESCRIPTION__INIT;
    d.type = (char[]){"offer"};
    d.sdp = (char *)(uintptr_t)sdp;
    d.id = id;
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_OFFER;
    r.offer = &d;
    kit_signal(k, conn, &r);
}

static void test_dual_negotiation(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint64_t sub = kit_enter(&k, 1, "r", "alice");
    answer_offer(&k, 1, kit_sdp(&k, "chromium_subscriber_answer.sdp"), 0);
    const struct effect *remote = kit_effect(&k, FX_TRANSPORT_REMOTE, 0);
    assert_non_null(remote);
    assert_int_equal(remote->transport.id, sub);
    assert_true(remote->transport.has_data);
    assert_true(remote->transport.ufrag.len >= 4);
    answer_offer(&k, 1, kit_sdp(&k, "chromium_subscriber_answer.sdp"), 0); /* again: to nothing */
    assert_int_equal(k.fx.count, 0);

    send_offer(&k, 1, kit_sdp(&k, "chromium_publisher_data.sdp"), 7);
    assert_string_equal(kit_story(&k, 1), "answer");
    const Livekit__SessionDescription *answer =
        kit_told(&k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ANSWER, 0)->answer;
    assert_int_equal(answer->id, 7);
    assert_string_equal(answer->type, "answer");
    assert_int_equal(k.fx.items[0].kind, FX_TRANSPORT_OPEN);
    assert_int_equal(k.fx.items[1].kind, FX_TRANSPORT_REMOTE);
    assert_false(k.fx.items[0].transport.opens_channels);
    uint64_t pub = k.fx.items[0].transport.id;
    assert_int_not_equal(pub, sub);

    kit_up(&k, sub);
    kit_up(&k, pub); /* without a track it publishes nothing */
    assert_int_equal(k.fx.count, 0);
    kit_close(&k);
}

static void test_single_join(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    struct kit_join j = {.conn = 1,
                         .room = "r",
                         .identity = "alice",
                         .single = true,
                         .offer = kit_sdp(&k, "chromium_single_join.sdp")};
    assert_int_equal(kit_join(&k, &j), STATUS_OK);
    assert_string_equal(kit_story(&k, 1), "101 join token answer");
    const Livekit__JoinResponse *join =
        kit_told(&k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN, 0)->join;
    check_join_response(join);
    assert_false(join->subscriber_primary);
    assert_int_equal(kit_told(&k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ANSWER, 0)->answer->id, 1);
    assert_int_equal(kit_count(&k, FX_TRANSPORT_OPEN), 1);
    uint64_t id = kit_effect(&k, FX_TRANSPORT_OPEN, 0)->transport.id;
    const struct fx_route *route = &kit_effect(&k, FX_ROUTE_PUT, 0)->route;
    assert_int_equal(route->rx_transport, id);
    assert_int_equal(route->tx_transport, id);
    kit_up(&k, id);
    assert_string_equal(kit_story(&k, 1), "update:alice=ACTIVE");
    kit_close(&k);
}

static void test_single_restart_has_new_credentials(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    struct kit_join j = {.conn = 1,
                         .room = "r",
                         .identity = "alice",
                         .single = true,
                         .offer = kit_sdp(&k, "chromium_single_join.sdp")};
    assert_int_equal(kit_join(&k, &j), STATUS_OK);
    char before[64];
    const struct fx_transport *t = &kit_effect(&k, FX_TRANSPORT_OPEN, 0)->transport;
    snprintf(before, sizeof(before), "%.*s", SLICE_ARG(t->ufrag));
    send_offer(&k, 1, kit_sdp(&k, "chromium_single_restart.sdp"), 2);
    const struct effect *restart = kit_effect(&k, FX_TRANSPORT_RESTART, 0);
    assert_non_null(restart);
    assert_false(slice_eq_cstr(restart->transport.ufrag, before));
    const char *sdp = kit_told(&k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ANSWER, 0)->answer->sdp;
    char line[64];
    snprintf(line, sizeof(line), "a=ice-ufrag:%.*s\r\n", SLICE_ARG(restart->transport.ufrag));
    assert_non_null(strstr(sdp, line));
    assert_int_equal(kit_count(&k, FX_TRANSPORT_OPEN), 0);
    assert_int_equal(kit_count(&k, FX_TRANSPORT_REMOTE), 1);
    kit_close(&k);
}

static void test_offers_that_are_none(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    struct kit_join j = {
        .conn = 1, .room = "r", .identity = "alice", .single = true, .offer = "nonsense"};
    expect_text(&k, &j, 400, "cannot read the publisher offer");
    assert_int_equal(node_counts(k.n).rooms, 0); /* nothing is left of it */
    kit_enter(&k, 1, "r", "alice");
    send_offer(&k, 1, "nonsense", 1);
    assert_string_equal(kit_story(&k, 1), "leave:6/2 close:1000");
    assert_int_equal(node_counts(k.n).sessions, 0);
    kit_close(&k);
}

static void test_a_resume_is_told_to_start_anew(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    struct kit_join j = {.conn = 1, .room = "r", .identity = "alice", .reconnect = true};
    assert_int_equal(kit_join(&k, &j), STATUS_OK);
    assert_string_equal(kit_story(&k, 1), "101 leave:6/2 close:1000");
    assert_int_equal(node_counts(k.n).rooms, 0);
    kit_close(&k);
}

static void test_publish_parameter_makes_another_identity(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    struct kit_join j = {.conn = 1, .room = "r", .identity = "alice", .publish = "screen"};
    assert_int_equal(kit_join(&k, &j), STATUS_OK);
    const Livekit__JoinResponse *join =
        kit_told(&k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN, 0)->join;
    assert_string_equal(join->participant->identity, "alice#screen");
    assert_false(join->participant->permission->can_subscribe);
    assert_false(join->subscriber_primary);
    kit_close(&k);
}

static void test_token_opens_its_room_as_it_says(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    struct claims c = kit_join_claims("r", "alice");
    c.room_config =
        SLICE_LIT("{\"emptyTimeout\":7,\"maxParticipants\":1,\"metadata\":\"from token\"}");
    assert_int_equal(kit_join(&k, &(struct kit_join){.conn = 1, .claims = &c}), STATUS_OK);
    const Livekit__Room *room =
        kit_told(&k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN, 0)->join->room;
    assert_int_equal(room->empty_timeout, 7);
    assert_string_equal(room->metadata, "from token");
    /* Full: as upstream, a server error and no upgrade. */
    assert_int_equal(kit_join(&k, &(struct kit_join){.conn = 2, .room = "r", .identity = "bob"}),
                     STATUS_OK);
    struct answer a = kit_answer(&k, FX_TEXT_REPLY, 2);
    assert_int_equal(a.status, 500);
    assert_true(slice_eq_cstr(a.body, "connection closed by media"));
    kit_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals_in_their_order),
        cmocka_unit_test(test_grants_that_open_a_room),
        cmocka_unit_test(test_validate_creates_nothing),
        cmocka_unit_test(test_dual_join),
        cmocka_unit_test(test_dual_negotiation),
        cmocka_unit_test(test_single_join),
        cmocka_unit_test(test_single_restart_has_new_credentials),
        cmocka_unit_test(test_offers_that_are_none),
        cmocka_unit_test(test_a_resume_is_told_to_start_anew),
        cmocka_unit_test(test_publish_parameter_makes_another_identity),
        cmocka_unit_test(test_token_opens_its_room_as_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
