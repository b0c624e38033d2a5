/* Two nodes and the messages between them, one at a time; the simulator does the rest. */
#include <stdio.h>
#include <string.h>

#include "caps.h"
#include "cluster_message.h"
#include "kit.h"
#include "mem.h"

enum { A = 1, B = 2, MESSAGES = 256 };

struct mail {
    struct buf bytes[MESSAGES];
    bool direct[MESSAGES];
    uint64_t to[MESSAGES];
    size_t count;
};

static void as_a(struct node_config *config) {
    config->cluster = node_cluster_defaults();
    config->cluster.id = A;
}
static void as_b(struct node_config *config) {
    as_a(config);
    config->cluster.id = B;
    config->random_key[0] = 77;
}

static void mail_deinit(struct mail *m) {
    for (size_t i = 0; i < m->count; i++) {
        buf_deinit(&m->bytes[i]);
    }
    m->count = 0;
}

/* What the effects of the kit say to others. */
static void take_mail(struct kit *k, struct mail *m) {
    for (size_t i = 0; i < k->fx.count; i++) {
        const struct effect *e = &k->fx.items[i];
        if (e->kind == FX_PEER) {
            assert_true(m->count < MESSAGES);
            m->to[m->count] = e->peer;
            m->direct[m->count] = e->direct;
            buf_init(&m->bytes[m->count], 1 << 20);
            buf_put(&m->bytes[m->count++], e->bytes);
        }
    }
}

static enum status give(struct kit *k, struct slice bytes) {
    struct node_event ev = {.kind = EV_PEER, .peer = {.bytes = bytes}};
    return kit_step(k, &ev);
}

/* What one said is given to the other, and so are the answers, until nobody says anything more. */
static void exchange(struct kit *from, struct kit *to) {
    struct kit *kits[] = {from, to};
    struct mail mail = {0};
    take_mail(from, &mail);
    for (size_t at = 0; mail.count > 0; at = 1 - at) {
        struct mail answers = {0};
        for (size_t k = 0; k < mail.count; k++) {
            assert_int_equal(give(kits[1 - at], buf_slice(&mail.bytes[k])), STATUS_OK);
            take_mail(kits[1 - at], &answers);
        }
        mail_deinit(&mail);
        mail = answers;
    }
}

/* Both live for a while, and hear each other without delay. */
static void live(struct kit *a, struct kit *b, uint64_t ms) {
    for (uint64_t end = a->now.mono_ms + ms; a->now.mono_ms < end;) {
        kit_pass(a, 10);
        exchange(a, b);
        kit_pass(b, 10);
        exchange(b, a);
    }
}

static void open_both(struct kit *a, struct kit *b) {
    kit_open(a, as_a);
    kit_open(b, as_b);
    live(a, b, 8000);
    assert_int_equal(node_cluster_state(a->n).heard, 1);
    assert_int_equal(node_cluster_state(b->n).living, 1);
}

static bool shows(struct kit *k, const char *name, uint32_t participants) {
    struct dir_room room;
    return dir_room_find(node_dir(k->n), slice_from_cstr(name), &room) == STATUS_OK &&
           room.participants == participants;
}

static void test_a_node_without_others_says_nothing(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_create_room(&k, "{\"name\":\"r\"}");
    kit_pass(&k, 10000);
    assert_int_equal(kit_count(&k, FX_PEER), 0);
    assert_int_equal(give(&k, SLICE_LIT("x")), STATUS_BAD_EVENT);
    kit_close(&k);
}

static void test_what_one_does_the_other_shows(void **state) {
    (void)state;
    struct kit a, b;
    open_both(&a, &b);
    kit_create_room(&a, "{\"name\":\"r\",\"metadata\":\"m\"}");
    live(&a, &b, 50);
    assert_true(shows(&b, "r", 0));
    uint64_t transport = kit_enter(&a, 1, "r", "alice");
    kit_up(&a, transport);
    live(&a, &b, 50);
    assert_true(shows(&b, "r", 1));
    kit_lost(&a, transport);
    live(&a, &b, 50);
    assert_true(shows(&b, "r", 0));
    struct answer deleted = kit_call(&b, API_DELETE_ROOM, kit_create_claims(), "{\"room\":\"r\"}");
    assert_int_equal(deleted.status, 200);
    live(&a, &b, 50);
    assert_false(shows(&a, "r", 0));
    kit_close(&a);
    kit_close(&b);
}

static unsigned delete_room(struct kit *k, const char *json) {
    return kit_call(k, API_DELETE_ROOM, kit_create_claims(), json).status;
}

static unsigned list_rooms(struct kit *k) {
    struct claims claims = {.has_video = true, .video = {.room_list = true}};
    struct node_event ev = {.kind = EV_TICK};
    struct answer a = kit_call(k, API_LIST_ROOMS, &claims, "{}");
    for (int i = 0; i < 10 && a.status == 0; i++) { /* it goes in slices */
        assert_int_equal(kit_step(k, &ev), STATUS_OK);
        const struct effect *part = kit_effect(k, FX_API_REPLY, 0);
        a.status = part ? part->http_status : 0;
    }
    return a.status;
}

/* Without a journal it cannot tell "there is none" from "nobody told me yet". */
static void test_a_blank_node_does_not_say_what_does_not_exist(void **state) {
    (void)state;
    struct kit a, b;
    kit_open(&a, as_a);
    kit_pass(&a, 8000);
    kit_create_room(&a, "{\"name\":\"r\"}");
    kit_open(&b, as_b);
    assert_int_equal(delete_room(&b, "{\"room\":\"r\"}"), 503);
    assert_int_equal(list_rooms(&b), 503);
    kit_create_room(&b, "{\"name\":\"own\"}"); /* creates and joins are answered at once */
    assert_int_equal(delete_room(&b, "{\"room\":\"own\"}"), 200);
    live(&a, &b, 4000); /* a round with A: all that it holds */
    assert_int_equal(delete_room(&b, "{\"room\":\"none\"}"), 404);
    assert_int_equal(delete_room(&b, "{\"room\":\"r\"}"), 200);
    kit_close(&a);
    kit_close(&b);
}

static void test_a_node_alone_knows_after_a_lease(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, as_a);
    kit_pass(&k, 5000);
    assert_int_equal(delete_room(&k, "{\"room\":\"r\"}"), 503);
    kit_pass(&k, 2000);
    assert_int_equal(delete_room(&k, "{\"room\":\"r\"}"), 404);
    kit_close(&k);
}

static void test_with_a_journal_it_knows_at_once(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, as_a);
    node_journal_clock(k.n, 1);
    assert_int_equal(delete_room(&k, "{\"room\":\"r\"}"), 404);
    kit_close(&k);
}

static void as_one_who_knows_b(struct node_config *config) {
    static const struct node_member known = {.id = B};
    as_a(config);
    config->cluster.known = &known;
    config->cluster.known_count = 1;
}

static void as_a_with_journal(struct node_config *config) {
    as_a(config);
    config->journal = true;
}
static void as_a_again(struct node_config *config) {
    as_a_with_journal(config);
    config->random_key[0] = 78;
}
static void as_b_with_journal(struct node_config *config) {
    as_b(config);
    config->journal = true;
}

/* The record of room "r", as the journal of a node would have it when it lived, and when it was
 * deleted. */
static void make_records(struct buf *live, struct buf *dead) {
    struct kit k;
    uint64_t sequence;
    struct slice name = SLICE_LIT("r");
    kit_open(&k, as_a_with_journal);
    buf_init(live, 4096);
    buf_init(dead, 4096);
    kit_create_room(&k, "{\"name\":\"r\"}");
    assert_int_equal(dir_record_encode(node_dir(k.n), name, live), STATUS_OK);
    assert_int_equal(delete_room(&k, "{\"room\":\"r\"}"), 200);
    assert_int_equal(node_journal_next(k.n, 4096, dead, &sequence), 1);
    buf_consume(dead, 4); /* its length */
    kit_close(&k);
}

static uint64_t tombstones(struct kit *k) {
    struct dir_counts counts;
    dir_counts_get(node_dir(k->n), k->now, &counts);
    return counts.tombstones;
}

/* B was away when A deleted the room, and A starts again, without knowing of anybody. */
static void test_a_delete_in_the_journal_is_final(void **state) {
    (void)state;
    struct kit a, b;
    struct buf live_record, dead_record;
    make_records(&live_record, &dead_record);
    kit_open(&a, as_a_again);
    kit_open(&b, as_b_with_journal);
    assert_int_equal(node_journal_load(a.n, a.now, buf_slice(&dead_record)), STATUS_OK);
    assert_int_equal(node_journal_load(b.n, b.now, buf_slice(&live_record)), STATUS_OK);
    assert_int_equal(tombstones(&a), 1);
    assert_true(shows(&b, "r", 0));
    live(&a, &b, 12000);
    assert_false(shows(&a, "r", 0));
    assert_false(shows(&b, "r", 0));
    buf_deinit(&live_record);
    buf_deinit(&dead_record);
    kit_close(&a);
    kit_close(&b);
}

static void test_alone_it_lets_go_what_is_dead(void **state) {
    (void)state;
    struct kit a;
    struct buf live_record, dead_record;
    make_records(&live_record, &dead_record);
    kit_open(&a, as_a_again);
    assert_int_equal(node_journal_load(a.n, a.now, buf_slice(&dead_record)), STATUS_OK);
    kit_pass(&a, 5000);
    assert_int_equal(tombstones(&a), 1); /* somebody may be heard yet */
    for (int i = 0; i < 300; i++) {
        kit_pass(&a, 1000);
    }
    assert_int_equal(tombstones(&a), 0);
    assert_int_equal(dir_member_count(node_dir(a.n)), 0);
    buf_deinit(&live_record);
    buf_deinit(&dead_record);
    kit_close(&a);
}

/* Others would take nothing that it writes; a node alone harms nobody, and goes on. */
static void test_a_journal_from_years_ahead(void **state) {
    (void)state;
    const uint64_t day_ms = (uint64_t)JOURNAL_AHEAD_MAX_S * 1000;
    for (int alone = 0; alone < 2; alone++) {
        struct kit k;
        uint64_t ahead_ms = 1;
        kit_open(&k, alone ? NULL : as_a_with_journal);
        assert_int_equal(node_journal_end(k.n, k.now, &ahead_ms), STATUS_OK);
        assert_int_equal(ahead_ms, 0);
        node_journal_clock(k.n, (k.now.wall_ms + day_ms) << DIR_STAMP_COUNTER_BITS);
        assert_int_equal(node_journal_end(k.n, k.now, &ahead_ms), STATUS_OK);
        assert_int_equal(ahead_ms, day_ms);
        node_journal_clock(k.n, (k.now.wall_ms + 1000 * day_ms) << DIR_STAMP_COUNTER_BITS);
        assert_int_equal(node_journal_end(k.n, k.now, &ahead_ms),
                         alone ? STATUS_OK : STATUS_NOT_YET);
        assert_int_equal(ahead_ms, 1000 * day_ms);
        kit_create_room(&k, "{\"name\":\"r\"}"); /* made, used, deleted as ever */
        kit_create_room(&k, "{\"name\":\"r\"}");
        assert_int_equal(delete_room(&k, "{\"room\":\"r\"}"), 200);
        kit_close(&k);
    }
}

static void test_who_knows_of_others_waits_for_them(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, as_one_who_knows_b);
    kit_pass(&k, 60000);
    assert_int_equal(delete_room(&k, "{\"room\":\"r\"}"), 503);
    kit_close(&k);
}

static void test_a_join_goes_to_the_home(void **state) {
    (void)state;
    struct kit a, b;
    open_both(&a, &b);
    kit_up(&a, kit_enter(&a, 1, "r", "alice"));
    live(&a, &b, 50);
    struct kit_join join = {.conn = 5, .room = "r", .identity = "bob"};
    assert_int_equal(kit_join(&b, &join), STATUS_OK);
    const struct effect *relay = kit_effect(&b, FX_RELAY, 0);
    assert_non_null(relay);
    assert_int_equal(relay->conn, 5);
    assert_int_equal(relay->peer, A);
    assert_int_equal(kit_count(&b, FX_UPGRADE), 0);
    kit_close(&a);
    kit_close(&b);
}

static void test_a_delete_elsewhere_throws_people_out(void **state) {
    (void)state;
    struct kit a, b;
    open_both(&a, &b);
    kit_up(&a, kit_enter(&a, 1, "r", "alice"));
    live(&a, &b, 50);
    (void)kit_call(&b, API_DELETE_ROOM, kit_create_claims(), "{\"room\":\"r\"}");
    live(&a, &b, 50);
    assert_int_equal(node_counts(a.n).participants, 0);
    kit_close(&a);
    kit_close(&b);
}

/* Each message cut at each length, and with each byte changed: nothing breaks. */
static void test_bytes_that_are_no_message(void **state) {
    (void)state;
    struct kit a, b;
    struct mail mail = {0};
    open_both(&a, &b);
    kit_up(&a, kit_enter(&a, 1, "r", "alice"));
    kit_pass(&a, 3000);
    take_mail(&a, &mail);
    assert_true(mail.count >= 2);
    for (size_t i = 0; i < mail.count; i++) {
        struct buf *bytes = &mail.bytes[i];
        for (size_t len = 0; len < bytes->len; len++) {
            (void)give(&b, slice_of(bytes->data, len));
        }
        for (size_t at = 0; at < bytes->len; at++) {
            bytes->data[at] ^= 0x41;
            (void)give(&b, buf_slice(bytes));
            bytes->data[at] ^= 0x41;
        }
        assert_int_equal(give(&b, buf_slice(bytes)), STATUS_OK);
    }
    assert_true(b.metrics.cluster_malformed > 100);
    kit_check(&b);
    dir_check(node_dir(b.n));
    mail_deinit(&mail);
    kit_close(&a);
    kit_close(&b);
}

#ifdef STOA_MEM_FAULTS
/* Without memory a message is as good as lost: what it said comes again. */
static void test_no_memory_is_a_lost_message(void **state) {
    (void)state;
    struct kit a, b;
    open_both(&a, &b);
    for (uint64_t nth = 1; nth < 40; nth++) {
        char json[64], name[16];
        snprintf(name, sizeof(name), "r%u", (unsigned)nth);
        snprintf(json, sizeof(json), "{\"name\":\"%s\",\"metadata\":\"m\"}", name);
        kit_create_room(&a, json);
        kit_up(&a, kit_enter(&a, nth, name, "alice"));
        struct mail mail = {0};
        kit_pass(&a, 20);
        take_mail(&a, &mail);
        for (size_t i = 0; i < mail.count; i++) {
            b.fail_from = nth;
            (void)give(&b, buf_slice(&mail.bytes[i]));
            b.fail_from = 0;
            kit_check(&b);
        }
        mail_deinit(&mail);
    }
    b.now = a.now;
    live(&a, &b, 20000);
    for (uint64_t nth = 1; nth < 40; nth++) {
        char name[16];
        snprintf(name, sizeof(name), "r%u", (unsigned)nth);
        assert_true(shows(&b, name, 1));
    }
    kit_close(&a);
    kit_close(&b);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_node_without_others_says_nothing),
        cmocka_unit_test(test_what_one_does_the_other_shows),
        cmocka_unit_test(test_a_blank_node_does_not_say_what_does_not_exist),
        cmocka_unit_test(test_a_node_alone_knows_after_a_lease),
        cmocka_unit_test(test_with_a_journal_it_knows_at_once),
        cmocka_unit_test(test_a_delete_in_the_journal_is_final),
        cmocka_unit_test(test_alone_it_lets_go_what_is_dead),
        cmocka_unit_test(test_a_journal_from_years_ahead),
        cmocka_unit_test(test_who_knows_of_others_waits_for_them),
        cmocka_unit_test(test_a_join_goes_to_the_home),
        cmocka_unit_test(test_a_delete_elsewhere_throws_people_out),
        cmocka_unit_test(test_bytes_that_are_no_message),
#ifdef STOA_MEM_FAULTS
        cmocka_unit_test(test_no_memory_is_a_lost_message),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
