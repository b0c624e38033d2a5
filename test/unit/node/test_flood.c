/* A flood of random events: whatever comes, in whatever order, with stale handles among it, the
 * node holds together and everybody who asked is answered once. */
#include <stdio.h>
#include <string.h>

#include "kit.h"
#include "node_priv.h"

enum { STEPS = 100000, CONNS = 40, ROOMS = 6, IDENTITIES = 12, TRANSPORTS = 400 };

struct flood {
    struct kit k;
    struct rng rng;
    uint64_t next_conn;
    uint64_t conns[CONNS]; /* some open, some stale */
    uint64_t transports[TRANSPORTS];
    size_t transports_count;
    char names[2][32];
    const char *offers[3];
    const char *answers[2];
    uint64_t joined, answered;
    bool poor; /* memory fails now and then; builds with faults */
};

static uint64_t below(struct flood *f, uint64_t bound) {
    return rng_below(&f->rng, bound);
}

static const char *pick_room(struct flood *f) {
    snprintf(f->names[0], sizeof(f->names[0]), "room%u", (unsigned)below(f, ROOMS));
    return f->names[0];
}

static const char *pick_identity(struct flood *f) {
    snprintf(f->names[1], sizeof(f->names[1]), "p%u", (unsigned)below(f, IDENTITIES));
    return f->names[1];
}

static void learn(struct flood *f) {
    for (size_t i = 0; i < f->k.fx.count; i++) {
        const struct effect *e = &f->k.fx.items[i];
        if (e->kind == FX_ROUTE_PUT) {
            uint64_t *slot = &f->transports[f->transports_count++ % TRANSPORTS];
            *slot = below(f, 2) ? e->route.rx_transport : e->route.tx_transport;
        }
    }
}

static void do_join(struct flood *f) {
    struct claims c = kit_join_claims(pick_room(f), pick_identity(f));
    c.kind = below(f, 8) == 0 ? KIND_AGENT : KIND_STANDARD;
    c.video.hidden = below(f, 8) == 0;
    c.video.recorder = below(f, 16) == 0;
    c.video.can_subscribe = below(f, 6) == 0 ? TRI_FALSE : TRI_ABSENT;
    c.video.can_publish = below(f, 6) == 0 ? TRI_FALSE : TRI_ABSENT;
    c.video.can_update_own_metadata = below(f, 2) ? TRI_TRUE : TRI_ABSENT;
    struct kit_join j = {.conn = ++f->next_conn, .claims = &c, .single = below(f, 2) != 0};
    j.offer = j.single && below(f, 4) ? f->offers[below(f, 3)] : NULL;
    j.reconnect = below(f, 20) == 0;
    j.protocol = 2 + (int)below(f, 16);
    enum status s = kit_join(&f->k, &j);
    assert_true(s == STATUS_OK || (s == STATUS_NO_MEMORY && f->k.fail_from != 0));
    bool upgraded = kit_count(&f->k, FX_UPGRADE) == 1;
    assert_int_equal(kit_count(&f->k, FX_TEXT_REPLY), upgraded ? 0 : 1);
    f->joined += upgraded && !j.reconnect;
    f->conns[below(f, CONNS)] = j.conn;
}

/* Requests by what stands before, between and behind a room and an identity. */
static const char *const SHAPES[][3] = {
    {"{\"room\":\"", "\",\"identity\":\"", "\"}"},
    {"{\"room\":\"", "\",\"identity\":\"", "\",\"metadata\":\"m\",\"attributes\":{\"a\":\"b\"}}"},
    {"{\"room\":\"", "\",\"identity\":\"", "\",\"permission\":{\"canPublish\":true}}"},
    {"{\"room\":\"", "\",\"identity\":\"",
     "\",\"permission\":{\"canSubscribe\":true,\"hidden\":true,\"recorder\":true}}"},
};
static const char *const CREATE_SHAPE[] = {
    "{\"name\":\"",
    "\",\"emptyTimeout\":9,\"tags\":{\"stoa.solo_timeout\":\"40\",\"stoa.max_duration\":\"500\",\"",
    "\":\"1\"}}"};

static void do_api(struct flood *f) {
    const char *room = pick_room(f), *identity = pick_identity(f);
    struct claims c = *kit_admin_claims(room);
    c.video.room_create = c.video.room_list = true;
    enum api_op op = (enum api_op)below(f, API_OP_COUNT);
    /* Deletes are rare, so that rooms fill up. */
    op = op == API_DELETE_ROOM && below(f, 8) ? API_LIST_PARTICIPANTS : op;
    const char *const *shape =
        op == API_CREATE_ROOM ? CREATE_SHAPE : SHAPES[below(f, ARRAY_LEN(SHAPES))];
    char json[512];
    snprintf(json, sizeof(json), "%s%s%s%s%s", shape[0], room, shape[1], identity, shape[2]);
    enum api_coding coding = below(f, 2) ? API_JSON : API_PROTOBUF;
    struct answer a = kit_call_as(&f->k, op, coding, &c, json);
    assert_int_not_equal(a.status, 0);
    assert_int_equal(kit_count(&f->k, FX_API_REPLY), 1);
    f->answered++;
}

static uint64_t pick_conn(struct flood *f) {
    return f->conns[below(f, CONNS)];
}

static void do_signal(struct flood *f) {
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    Livekit__SessionDescription d = LIVEKIT__SESSION_DESCRIPTION__INIT;
    Livekit__LeaveRequest leave = LIVEKIT__LEAVE_REQUEST__INIT;
    Livekit__UpdateParticipantMetadata m = LIVEKIT__UPDATE_PARTICIPANT_METADATA__INIT;
    Livekit__AddTrackRequest add = LIVEKIT__ADD_TRACK_REQUEST__INIT;
    switch (below(f, 8)) {
    case 0:
        r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_OFFER;
        d.sdp = (char *)(uintptr_t)(below(f, 10) ? f->offers[below(f, 3)] : "v=0");
        r.offer = &d;
        break;
    case 1:
        r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_ANSWER;
        d.sdp = (char *)(uintptr_t)f->answers[below(f, 2)];
        r.answer = &d;
        break;
    case 2:
        r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE;
        r.leave = &leave;
        break;
    case 3:
        r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_ADD_TRACK;
        r.add_track = &add;
        break;
    case 4: r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING; break;
    case 5: break; /* no case at all */
    default:
        r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_UPDATE_METADATA;
        m.name = (char *)(uintptr_t)pick_identity(f);
        r.update_metadata = &m;
        break;
    }
    enum status s = kit_try_signal(&f->k, pick_conn(f), &r);
    (void)s;
}

static void do_transport(struct flood *f) {
    uint64_t id = f->transports[below(f, TRANSPORTS)];
    if (below(f, 6) == 0) {
        if (below(f, 2)) {
            kit_silent(&f->k, id);
        } else {
            kit_lost(&f->k, id);
        }
    } else {
        kit_up(&f->k, id);
    }
}

static void do_one(struct flood *f) {
    f->k.fail_from = f->poor && below(f, 8) == 0 ? 1 + below(f, 40) : 0;
    switch (below(f, 10)) {
    case 0:
    case 1:
    case 2: do_join(f); break;
    case 3:
    case 4: do_signal(f); break;
    case 5:
    case 6: do_transport(f); break;
    case 7: do_api(f); break;
    case 8:
        if (below(f, 3) == 0) {
            kit_closed(&f->k, pick_conn(f));
        }
        break;
    default: kit_pass(&f->k, below(f, 3000)); break;
    }
}

static void eight_in_a_room(struct node_config *c) {
    c->max_participants = 8;
    c->departure_timeout_s = 5;
}

static void run_flood(uint8_t seed, bool poor) {
    static struct flood f;
    memset(&f, 0, sizeof(f));
    f.poor = poor;
    kit_open(&f.k, eight_in_a_room);
    uint8_t key[32] = {seed};
    rng_init(&f.rng, key);
    struct arena texts;
    arena_init(&texts, 1 << 20);
    static const char *const files[] = {
        "chromium_single_join.sdp",
        "chromium_single_restart.sdp",
        "chromium_publisher_data.sdp",
        "chromium_subscriber_answer.sdp",
    };
    const char *sdp[ARRAY_LEN(files)];
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        sdp[i] = arena_cstr(&texts, slice_from_cstr(kit_sdp(&f.k, files[i])));
    }
    memcpy(f.offers, sdp, sizeof(f.offers));
    f.answers[0] = sdp[3];
    f.answers[1] = sdp[0];
    for (size_t step = 0; step < STEPS; step++) {
        do_one(&f);
        f.k.fail_from = 0;
        learn(&f);
        node_check(f.k.n);
        arena_reset(&f.k.arena);
    }
    assert_true(f.joined > STEPS / 20 && f.answered > STEPS / 20);
    struct node_event ev = {.kind = EV_STOP};
    assert_int_equal(kit_step(&f.k, &ev), STATUS_OK);
    kit_settle(&f.k);
    assert_int_equal(node_counts(f.k.n).sessions, 0);
    arena_deinit(&texts);
    kit_close(&f.k);
}

static void test_flood(void **state) {
    (void)state;
    run_flood(9, false);
}

#ifdef STOA_MEM_FAULTS
static void test_flood_with_little_memory(void **state) {
    (void)state;
    run_flood(10, true);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flood),
#ifdef STOA_MEM_FAULTS
        cmocka_unit_test(test_flood_with_little_memory),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
