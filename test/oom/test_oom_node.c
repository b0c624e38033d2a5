/* Every event of a small world is tried with the nth allocation and all after it failing, for every
 * n: the answer is a refusal, nothing visible has changed, and once there is memory again the
 * same event works and the world ends as it always does. */
#include <stdio.h>
#include <string.h>

#include "kit.h"
#include "mem.h"

struct world {
    struct kit k;
    uint64_t a, b, bob; /* transports */
    uint64_t track;     /* bob's, and: */
    char sid[IDENT_MAX];
    const char *offer, *restart, *answer, *publish;
};

static enum status call(struct world *w, enum api_op op, const struct claims *claims,
                        const char *json) {
    struct answer a = kit_call(&w->k, op, claims, json);
    assert_int_equal(kit_count(&w->k, FX_API_REPLY), 1); /* answered, and once */
    if (a.status == 429) {
        assert_true(w->k.fail_from != 0);
        return STATUS_NO_MEMORY;
    }
    assert_int_equal(a.status, 200);
    return STATUS_OK;
}

static enum status join(struct world *w, struct kit_join j) {
    enum status s = kit_join(&w->k, &j);
    if (s != STATUS_OK) {
        assert_int_equal(s, STATUS_NO_MEMORY);
        assert_int_equal(kit_answer(&w->k, FX_TEXT_REPLY, j.conn).status, 503);
        assert_int_equal(kit_count(&w->k, FX_UPGRADE), 0);
        return s;
    }
    assert_int_equal(kit_count(&w->k, FX_UPGRADE), 1);
    return STATUS_OK;
}

static enum status describe(struct world *w, uint64_t conn, bool offer, const char *sdp) {
    Livekit__SessionDescription d = LIVEKIT__SESSION_DESCRIPTION__INIT;
    d.sdp = (char *)(uintptr_t)sdp;
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    if (offer) {
        r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_OFFER;
        r.offer = &d;
    } else {
        r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_ANSWER;
        r.answer = &d;
    }
    return kit_try_signal(&w->k, conn, &r);
}

/* ---- the events, in order */

static enum status create(struct world *w) {
    return call(w, API_CREATE_ROOM, kit_create_claims(),
                "{\"name\":\"r\",\"metadata\":\"m\",\"maxParticipants\":5,\"tags\":{\"a\":\"b\"}}");
}
static enum status alice_joins(struct world *w) {
    enum status s = join(w, (struct kit_join){.conn = 1, .room = "r", .identity = "alice"});
    if (s == STATUS_OK) {
        w->a = kit_effect(&w->k, FX_TRANSPORT_OPEN, 0)->transport.id;
    }
    return s;
}
static enum status alice_answers(struct world *w) {
    return describe(w, 1, false, w->answer);
}
static enum status alice_up(struct world *w) {
    kit_up(&w->k, w->a);
    return STATUS_OK;
}
static enum status bob_joins(struct world *w) {
    struct claims c = kit_join_claims("r", "bob");
    c.video.can_update_own_metadata = TRI_TRUE;
    const struct attribute attribute = {SLICE_LIT("k"), SLICE_LIT("v")};
    c.attributes = &attribute;
    c.attributes_count = 1;
    enum status s =
        join(w, (struct kit_join){.conn = 2, .claims = &c, .single = true, .offer = w->offer});
    if (s == STATUS_OK) {
        w->bob = kit_effect(&w->k, FX_TRANSPORT_OPEN, 0)->transport.id;
    }
    return s;
}
static enum status bob_up(struct world *w) {
    kit_up(&w->k, w->bob);
    return STATUS_OK;
}
static enum status bob_restarts(struct world *w) {
    return describe(w, 2, true, w->restart);
}
static enum status bob_announces(struct world *w) {
    Livekit__AddTrackRequest add = LIVEKIT__ADD_TRACK_REQUEST__INIT;
    add.cid = (char[]){"mic"};
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_ADD_TRACK;
    r.add_track = &add;
    enum status s = kit_try_signal(&w->k, 2, &r);
    if (s == STATUS_OK) {
        const Livekit__SignalResponse *told =
            kit_told(&w->k, 2, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRACK_PUBLISHED, 0);
        assert_non_null(told);
        snprintf(w->sid, sizeof(w->sid), "%s", told->track_published->track->sid);
    }
    return s;
}
static enum status bob_publishes(struct world *w) {
    enum status s = describe(w, 2, true, w->publish);
    for (size_t i = 0; s == STATUS_OK && i < kit_count(&w->k, FX_RECEIVE_PUT); i++) {
        uint64_t track = kit_effect(&w->k, FX_RECEIVE_PUT, i)->receive.track;
        w->track = track != 0 ? track : w->track;
    }
    assert_true(s != STATUS_OK || w->track != 0);
    return s;
}
static enum status dora_joins(struct world *w) {
    return join(w, (struct kit_join){.conn = 40,
                                     .room = "r",
                                     .identity = "dora",
                                     .single = true,
                                     .auto_subscribe = true,
                                     .offer = w->offer});
}
static enum status bob_speaks(struct world *w) {
    struct media_level level = {.track = w->track, .level = 1};
    struct node_event ev = {.kind = EV_LEVELS, .levels = {&level, 1}};
    return kit_step(&w->k, &ev);
}
static enum status bob_is_muted(struct world *w) {
    char json[128];
    snprintf(json, sizeof(json),
             "{\"room\":\"r\",\"identity\":\"bob\",\"trackSid\":\"%s\",\"muted\":true}", w->sid);
    return call(w, API_MUTE_PUBLISHED_TRACK, kit_admin_claims("r"), json);
}
static enum status bob_is_for_alice_alone(struct world *w) {
    Livekit__TrackPermission permission = LIVEKIT__TRACK_PERMISSION__INIT;
    Livekit__TrackPermission *list[] = {&permission};
    permission.participant_identity = (char[]){"alice"};
    permission.all_tracks = true;
    Livekit__SubscriptionPermission s = LIVEKIT__SUBSCRIPTION_PERMISSION__INIT;
    s.track_permissions = list;
    s.n_track_permissions = 1;
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION_PERMISSION;
    r.subscription_permission = &s;
    return kit_try_signal(&w->k, 2, &r);
}
static enum status dora_wants_what_is_not_there(struct world *w) {
    char *sids[] = {(char[]){"TR_nothere"}};
    Livekit__UpdateSubscription u = LIVEKIT__UPDATE_SUBSCRIPTION__INIT;
    u.track_sids = sids;
    u.n_track_sids = 1;
    u.subscribe = true;
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION;
    r.subscription = &u;
    return kit_try_signal(&w->k, 40, &r);
}
static enum status bob_renames(struct world *w) {
    Livekit__UpdateParticipantMetadata m = LIVEKIT__UPDATE_PARTICIPANT_METADATA__INIT;
    m.name = (char[]){"Bob"};
    m.metadata = (char[]){"meta"};
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_UPDATE_METADATA;
    r.update_metadata = &m;
    return kit_try_signal(&w->k, 2, &r);
}
static enum status update_alice(struct world *w) {
    return call(
        w, API_UPDATE_PARTICIPANT, kit_admin_claims("r"),
        "{\"room\":\"r\",\"identity\":\"alice\",\"name\":\"A\",\"attributes\":{\"x\":\"y\"},"
        "\"permission\":{\"canSubscribe\":true,\"recorder\":true}}");
}
static enum status update_room(struct world *w) {
    return call(w, API_UPDATE_ROOM_METADATA, kit_admin_claims("r"),
                "{\"room\":\"r\",\"metadata\":\"other\"}");
}
static enum status send_data(struct world *w) {
    return call(w, API_SEND_DATA, kit_admin_claims("r"),
                "{\"room\":\"r\",\"data\":\"AQID\",\"nonce\":\"AAECAwQFBgcICQoLDA0ODw==\"}");
}
static enum status create_dispatch(struct world *w) {
    return call(w, API_CREATE_DISPATCH, kit_admin_claims("r"),
                "{\"room\":\"r\",\"agentName\":\"x\",\"attributes\":{\"k\":\"v\"}}");
}
/* Answered once alice is gone: here it only goes out. */
static enum status ask_alice(struct world *w) {
    struct answer a = kit_call(&w->k, API_PERFORM_RPC, kit_admin_claims("r"),
                               "{\"room\":\"r\",\"destinationIdentity\":\"alice\"}");
    assert_int_equal(kit_count(&w->k, FX_DATA_SEND), a.status == 0);
    assert_true(a.status == 0 || (a.status == 429 && w->k.fail_from != 0));
    return a.status == 0 ? STATUS_OK : STATUS_NO_MEMORY;
}
static enum status list_rooms(struct world *w) {
    return call(w, API_LIST_ROOMS, kit_list_claims(), "{}");
}
static enum status list_participants(struct world *w) {
    return call(w, API_LIST_PARTICIPANTS, kit_admin_claims("r"), "{\"room\":\"r\"}");
}
static enum status alice_joins_again(struct world *w) {
    return join(w, (struct kit_join){.conn = 3, .room = "r", .identity = "alice"});
}
static enum status bob_is_removed(struct world *w) {
    return call(w, API_REMOVE_PARTICIPANT, kit_admin_claims("r"),
                "{\"room\":\"r\",\"identity\":\"bob\"}");
}
static enum status carol_opens_her_room(struct world *w) {
    struct claims c = kit_join_claims("c", "carol");
    c.room_config = SLICE_LIT("{\"emptyTimeout\":7,\"agents\":[{\"agentName\":\"x\"}]}");
    return join(w, (struct kit_join){.conn = 4, .claims = &c});
}
static enum status carol_hangs_up(struct world *w) {
    kit_closed(&w->k, 4);
    return STATUS_OK;
}
static enum status delete_room(struct world *w) {
    return call(w, API_DELETE_ROOM, kit_create_claims(), "{\"room\":\"r\"}");
}
static enum status time_passes(struct world *w) {
    w->k.now.mono_ms += 600 * 1000;
    w->k.now.wall_ms += 600 * 1000;
    struct node_event ev = {.kind = EV_TICK};
    return kit_step(&w->k, &ev);
}

typedef enum status (*event_fn)(struct world *w);
static const event_fn EVENTS[] = {
    create,
    alice_joins,
    alice_answers,
    alice_up,
    bob_joins,
    bob_up,
    bob_announces,
    bob_publishes,
    dora_joins,
    bob_speaks,
    bob_is_muted,
    bob_is_for_alice_alone,
    dora_wants_what_is_not_there,
    bob_restarts,
    bob_renames,
    update_alice,
    update_room,
    send_data,
    create_dispatch,
    ask_alice,
    list_rooms,
    list_participants,
    alice_joins_again,
    bob_is_removed,
    carol_opens_her_room,
    carol_hangs_up,
    delete_room,
    time_passes,
};

/* What callers can see, as text. */
static void look(struct kit *k, struct buf *out) {
    static const char *const rooms[] = {"r", "c"};
    buf_clear(out);
    for (size_t i = 0; i < ARRAY_LEN(rooms); i++) {
        char json[64];
        snprintf(json, sizeof(json), "{\"room\":\"%s\"}", rooms[i]);
        buf_put(out, kit_call(k, API_LIST_PARTICIPANTS, kit_admin_claims(rooms[i]), json).body);
    }
    buf_put(out, kit_call(k, API_LIST_ROOMS, kit_list_claims(), "{}").body);
    buf_printf(out, " sessions=%u", (unsigned)node_counts(k->n).sessions);
    assert_false(out->failed);
}

static void with_webhooks(struct node_config *c) {
    c->webhooks = true;
    c->performs_rpc = true;
}

static void begin(struct world *w, const char *const sdp[4]) {
    kit_open(&w->k, with_webhooks);
    w->offer = sdp[0];
    w->restart = sdp[1];
    w->answer = sdp[2];
    w->publish = sdp[3];
}

static void end(struct world *w) {
    kit_settle(&w->k);
    assert_int_equal(node_counts(w->k.n).sessions, 0);
    assert_int_equal(node_counts(w->k.n).rooms, 0);
    kit_close(&w->k);
}

/* True: the event was refused, and has to be tried with a later allocation failing. */
static bool try_failing(struct world *w, event_fn event, uint64_t nth, struct buf *before,
                        struct buf *after) {
    look(&w->k, before);
    w->k.fail_from = nth;
    enum status s = event(w);
    w->k.fail_from = 0;
    kit_check(&w->k);
    if (s == STATUS_OK) {
        return false;
    }
    look(&w->k, after);
    assert_true(slice_eq(buf_slice(before), buf_slice(after)));
    assert_int_equal(event(w), STATUS_OK);
    return true;
}

static void walk(size_t failing, const char *const sdp[4], size_t *ret_refusals) {
    struct buf before, after;
    buf_init(&before, 1 << 20);
    buf_init(&after, 1 << 20);
    /* An event may come through with a part of it put off, so a success is not yet the end. */
    enum { NTH_MAX = 80 };
    bool refused = true;
    for (uint64_t nth = 1; nth < NTH_MAX; nth++) {
        struct world w = {0};
        begin(&w, sdp);
        for (size_t i = 0; i < ARRAY_LEN(EVENTS); i++) {
            if (i == failing) {
                refused = try_failing(&w, EVENTS[i], nth, &before, &after);
                *ret_refusals += refused;
            } else {
                assert_int_equal(EVENTS[i](&w), STATUS_OK);
            }
            kit_settle(&w.k);
        }
        end(&w);
    }
    assert_false(refused); /* the last walk was past the last allocation */
    buf_deinit(&before);
    buf_deinit(&after);
}

/* The same offer with other ICE credentials restarts ICE. */
static void change_credentials(char *sdp) {
    static const char ufrag[] = "a=ice-ufrag:";
    for (char *at = strstr(sdp, ufrag); at; at = strstr(at, ufrag)) {
        at += strlen(ufrag);
        *at = *at == 'x' ? 'y' : 'x';
    }
}

static void test_every_event_without_memory(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    static const char *const files[] = {"chromium_single_join.sdp", "chromium_single_publish.sdp",
                                        "chromium_subscriber_answer.sdp",
                                        "chromium_single_publish.sdp"};
    const char *sdp[ARRAY_LEN(files)];
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        sdp[i] = kit_sdp(&k, files[i]);
    }
    change_credentials((char *)(uintptr_t)sdp[1]);
    uint64_t blocks = mem_live_blocks();
    size_t refusals = 0;
    for (size_t failing = 0; failing < ARRAY_LEN(EVENTS); failing++) {
        walk(failing, sdp, &refusals);
        assert_int_equal(mem_live_blocks(), blocks);
    }
    assert_true(refusals > 50);
    print_message("# refusals walked: %zu\n", refusals);
    kit_close(&k);
    assert_int_equal(mem_live_blocks(), 0);
}

static void test_creation(void **state) {
    (void)state;
    struct metrics metrics;
    struct node_config config = {.media_workers = 2,
                                 .rooms_max = 10,
                                 .region = SLICE_LIT("eu"),
                                 .version = SLICE_LIT("1"),
                                 .metrics = &metrics};
    enum status s = STATUS_NO_MEMORY;
    for (uint64_t nth = 1; s != STATUS_OK; nth++) {
        struct node *n = NULL;
        mem_fail_from(nth);
        s = node_create(&config, (struct dir_time){1, 1}, &n);
        mem_fail_never();
        assert_true(s == STATUS_OK ? n != NULL : s == STATUS_NO_MEMORY && n == NULL);
        node_destroy(n);
        assert_int_equal(mem_live_blocks(), 0);
    }
}

/* Her media came up, there was no memory to say so, and before there is she is replaced. */
static void test_replaced_before_she_was_told_active(void **state) {
    (void)state;
    struct world w = {0};
    kit_open(&w.k, NULL);
    assert_int_equal(alice_joins(&w), STATUS_OK);
    w.k.fail_from = 1;
    kit_up(&w.k, w.a);
    w.k.fail_from = 0;
    assert_int_equal(kit_notes(&w.k, NOTE_PARTICIPANT_JOINED), 0);
    assert_true(node_next_deadline_ms(w.k.n) <= w.k.now.mono_ms); /* it is owed */
    assert_int_equal(alice_joins_again(&w), STATUS_OK);
    kit_check(&w.k);
    kit_settle(&w.k);
    kit_close(&w.k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_creation),
        cmocka_unit_test(test_replaced_before_she_was_told_active),
        cmocka_unit_test(test_every_event_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
