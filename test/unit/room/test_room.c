#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mem.h"
#include "room.h"

struct world {
    struct room room;
    struct arena arena;
    uint64_t next_key;
};

static void open_world(struct world *w) {
    memset(w, 0, sizeof(*w));
    arena_init(&w->arena, 1 << 20);
    assert_int_equal(room_init(&w->room, SLICE_LIT("r"), 1, (struct hash_key){1, 2}), STATUS_OK);
}

static void close_world(struct world *w) {
    room_check(&w->room);
    while (!room_empty(&w->room)) {
        struct participant *p =
            container_of(list_first(&w->room.participants), struct participant, in_room);
        room_remove(&w->room, p);
        participant_destroy(p);
    }
    room_deinit(&w->room);
    arena_deinit(&w->arena);
}

static struct participant *add(struct world *w, const char *identity, struct permission permission,
                               enum participant_kind kind) {
    struct participant_config config = {
        .identity = slice_from_cstr(identity),
        .permission = permission,
        .kind = kind,
        .key = ++w->next_key,
        .region = "eu",
    };
    struct participant *p = NULL;
    assert_int_equal(participant_create(&config, &p), STATUS_OK);
    p->conn = 100 + p->key;
    room_add(&w->room, p);
    room_check(&w->room);
    return p;
}

static const struct permission ALL = {
    .can_subscribe = true, .can_publish = true, .can_publish_data = true};
static const struct permission HIDDEN = {.hidden = true};
static const struct permission RECORDER = {.recorder = true};

static void test_counts(void **state) {
    (void)state;
    struct world w;
    open_world(&w);
    struct participant *alice = add(&w, "alice", ALL, KIND_STANDARD);
    add(&w, "ghost", HIDDEN, KIND_STANDARD);
    add(&w, "agent", ALL, KIND_AGENT);
    add(&w, "egress", ALL, KIND_EGRESS);
    add(&w, "rec", RECORDER, KIND_STANDARD);
    assert_int_equal(w.room.counts.participants, 2); /* hidden ones count */
    assert_int_equal(w.room.counts.dependents, 3);
    assert_int_equal(w.room.counts.recorders, 2);
    struct change c;
    change_begin(alice, &c);
    c.next.is_publisher = true;
    struct room_counts next = room_counts_with(&w.room, NULL, alice, &c.next);
    assert_int_equal(next.publishers, 1);
    assert_int_equal(w.room.counts.publishers, 0);
    room_commit(&w.room, alice, &c);
    assert_int_equal(w.room.counts.publishers, 1);
    next = room_counts_with(&w.room, alice, NULL, NULL);
    assert_int_equal(next.participants, 1);
    assert_int_equal(next.publishers, 0);
    close_world(&w);
}

static void test_admission(void **state) {
    (void)state;
    struct world w;
    open_world(&w);
    struct participant *alice = add(&w, "alice", ALL, KIND_STANDARD);
    add(&w, "agent", ALL, KIND_AGENT);
    assert_true(room_admits(&w.room, 0, false, NULL));
    assert_true(room_admits(&w.room, 2, false, NULL)); /* the agent takes no place */
    assert_false(room_admits(&w.room, 1, false, NULL));
    assert_true(room_admits(&w.room, 1, true, NULL));
    assert_true(room_admits(&w.room, 1, false, alice)); /* she makes room for herself */
    close_world(&w);
}

static void test_receivers(void **state) {
    (void)state;
    struct world w;
    open_world(&w);
    struct participant *alice = add(&w, "alice", ALL, KIND_STANDARD);
    struct participant *ghost = add(&w, "ghost", HIDDEN, KIND_STANDARD);
    struct participant *bob = add(&w, "bob", ALL, KIND_STANDARD);
    const uint64_t *conns = NULL;
    assert_int_equal(room_receivers(&w.room, alice, &alice->profile, NULL, &w.arena, &conns), 3);
    assert_int_equal(room_receivers(&w.room, alice, &alice->profile, alice, &w.arena, &conns), 2);
    assert_int_equal(conns[0], ghost->conn);
    assert_int_equal(room_receivers(&w.room, ghost, &ghost->profile, NULL, &w.arena, &conns), 1);
    assert_int_equal(conns[0], ghost->conn);
    assert_int_equal(room_receivers(&w.room, ghost, &ghost->profile, ghost, &w.arena, &conns), 0);
    bob->conn = 0; /* without a connection there is nobody to tell */
    assert_int_equal(room_receivers(&w.room, NULL, NULL, NULL, &w.arena, &conns), 2);
    Livekit__ParticipantInfo **infos = NULL;
    assert_int_equal(room_everybody(&w.room, &w.arena, &infos), 3);
    close_world(&w);
}

static void assert_seen(struct world *w, const struct participant *gone, const char *story) {
    struct encoded_list list;
    char text[256] = "";
    assert_true(room_others_encoded(&w->room, gone, &w->arena, &list));
    for (size_t i = 0; i < list.count; i++) {
        Livekit__ParticipantInfo *info =
            livekit__participant_info__unpack(NULL, list.items[i].len, list.items[i].data);
        assert_non_null(info);
        size_t len = strlen(text);
        snprintf(text + len, sizeof(text) - len, "%s:%s:%s ", info->identity, info->region,
                 info->name);
        livekit__participant_info__free_unpacked(info, NULL);
    }
    assert_string_equal(text, story);
}

/* Encoded once, and anew after each change. */
static void test_what_joiners_see(void **state) {
    (void)state;
    struct world w;
    open_world(&w);
    struct participant *alice = add(&w, "alice", ALL, KIND_STANDARD);
    add(&w, "ghost", HIDDEN, KIND_STANDARD);
    struct participant *bob = add(&w, "bob", ALL, KIND_STANDARD);
    assert_seen(&w, alice, "bob:eu: ");
    assert_seen(&w, NULL, "alice:eu: bob:eu: ");
    assert_int_not_equal(bob->encoded.len, 0);
    struct change c;
    change_begin(bob, &c);
    assert_int_equal(change_name(&c, SLICE_LIT("Robert")), STATUS_OK);
    room_commit(&w.room, bob, &c);
    change_drop(&c);
    room_check(&w.room);
    assert_seen(&w, alice, "bob:eu:Robert ");
    room_check(&w.room);
    close_world(&w);
}

static void test_nonces(void **state) {
    (void)state;
    struct world w;
    open_world(&w);
    uint8_t nonce[16] = {0};
    assert_true(room_nonce_repeats(&w.room, nonce)); /* all zero counts as seen in a fresh room */
    for (uint8_t i = 1; i <= ROOM_NONCES + 1; i++) {
        nonce[0] = i;
        assert_false(room_nonce_repeats(&w.room, nonce));
        assert_true(room_nonce_repeats(&w.room, nonce));
    }
    nonce[0] = 2; /* still among the last hundred */
    assert_true(room_nonce_repeats(&w.room, nonce));
    nonce[0] = 1; /* pushed out */
    assert_false(room_nonce_repeats(&w.room, nonce));
    close_world(&w);
}

static void test_many(void **state) {
    (void)state;
    enum { MANY = 2000 };
    struct world w;
    open_world(&w);
    char identity[16];
    for (int i = 0; i < MANY; i++) {
        snprintf(identity, sizeof(identity), "p%d", i);
        struct participant_config config = {.identity = slice_from_cstr(identity),
                                            .permission = ALL,
                                            .key = ++w.next_key,
                                            .region = ""};
        struct participant *p = NULL;
        assert_int_equal(participant_create(&config, &p), STATUS_OK);
        room_add(&w.room, p);
    }
    assert_non_null(room_find(&w.room, SLICE_LIT("p1999")));
    assert_null(room_find(&w.room, SLICE_LIT("p2000")));
    assert_null(room_find(&w.room, SLICE_LIT("p199"
                                             "\0")));
    close_world(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),           cmocka_unit_test(test_admission),
        cmocka_unit_test(test_receivers),        cmocka_unit_test(test_nonces),
        cmocka_unit_test(test_what_joiners_see), cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
