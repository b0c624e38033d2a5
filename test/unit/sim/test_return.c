/* Histories of nodes that were expelled, and return: docs/DIRECTORY.md. */
#include "kit.h"

static struct world *make_expelling(uint32_t nodes) {
    return make_with((struct sim_config){.nodes = nodes, .member_ttl_s = 40});
}

static void assert_gone_everywhere(struct world *w, size_t nodes) {
    for (size_t i = 0; i < nodes; i++) {
        assert_false(world_alive(w, i, ROOM));
        assert_int_equal(node_cluster_state(world_node(w, i)).resyncing, 0);
    }
}

static void test_an_expelled_node_forgets_what_was_deleted(void **state) {
    (void)state;
    struct world *w = make_expelling(3);
    world_room(w, B, ROOM, true);
    world_pass(w, 5 * S);
    cut_off(w, A, 3, true);
    world_delete(w, B, ROOM);
    world_room(w, A, 2, true); /* what only it knows is kept */
    world_pass(w, 300 * S);    /* expelled; nobody else remembers the delete */
    assert_true(world_alive(w, A, ROOM));
    settle(w, 60 * S);
    assert_false(world_alive(w, A, ROOM));
    assert_false(world_alive(w, B, ROOM));
    assert_true(world_alive(w, A, 2) && world_alive(w, B, 2) && world_alive(w, C, 2));
    done(w);
}

/* Found on paper: C, which has lost its disk meanwhile, does not know that A was expelled. */
static void test_an_expelled_node_tells_nobody_before_it_forgot(void **state) {
    (void)state;
    struct world *w = make_expelling(3);
    world_room(w, B, ROOM, true);
    world_pass(w, 5 * S);
    cut_off(w, A, 3, true);
    world_delete(w, B, ROOM);
    world_pass(w, 300 * S);
    world_crash(w, C, CRASH_DISK_LOSS);
    world_start(w, C);
    world_pass(w, 20 * S);
    settle(w, 60 * S);
    assert_false(world_alive(w, A, ROOM) || world_alive(w, B, ROOM) || world_alive(w, C, ROOM));
    done(w);
}

static void test_an_expelled_node_keeps_whom_it_hosts(void **state) {
    (void)state;
    struct world *w = make_expelling(3);
    size_t client = enter(w, A);
    cut_off(w, A, 3, true);
    world_pass(w, 400 * S);
    assert_false(world_alive(w, B, ROOM));
    settle(w, 60 * S);
    assert_true(world_is_in(w, client));
    assert_true(world_alive(w, B, ROOM));
    done(w);
}

static void test_two_halves_that_expelled_each_other(void **state) {
    (void)state;
    struct world *w = make_expelling(4);
    world_room(w, 0, ROOM, true);
    world_room(w, 0, 2, true);
    world_pass(w, 5 * S);
    for (size_t a = 0; a < 2; a++) {
        for (size_t b = 2; b < 4; b++) {
            world_cut_both(w, a, b, true);
        }
    }
    world_delete(w, 0, ROOM);
    world_delete(w, 3, 2);
    world_room(w, 1, 3, true);
    world_room(w, 2, 4, true);
    world_pass(w, 300 * S);
    settle(w, 90 * S);
    for (size_t i = 0; i < 4; i++) {
        assert_false(world_alive(w, i, ROOM) || world_alive(w, i, 2));
        assert_true(world_alive(w, i, 3) && world_alive(w, i, 4));
        assert_int_equal(node_cluster_state(world_node(w, i)).resyncing, 0);
    }
    done(w);
}

/* Each passes on what it knows of the silent one, and none may make it younger by that. */
static void test_many_expel_who_is_dead(void **state) {
    (void)state;
    struct world *w = make_expelling(5);
    world_crash(w, 4, CRASH_KILL);
    world_pass(w, 55 * S);
    for (size_t i = 0; i < 4; i++) {
        struct node_member members[SIM_NODES_MAX];
        size_t count = node_members(world_node(w, i), members, SIM_NODES_MAX), expelled = 0;
        for (size_t k = 0; k < count; k++) {
            expelled += members[k].expelled;
        }
        assert_int_equal(expelled, 1);
    }
    done(w);
}

/* ---- found by worlds: what one lets go must not come back from another ---- */

/* Seed 197361. A is deaf, expels both and deletes alone. B, which has just started, is told first;
 * C has not been told yet, and would give it back. */
static void test_who_is_told_later_does_not_bring_it_back(void **state) {
    (void)state;
    struct world *w = make_expelling(3);
    world_room(w, B, ROOM, true);
    world_pass(w, 5 * S);
    world_cut(w, B, A, true);
    world_cut(w, C, A, true);
    world_pass(w, 60 * S);
    world_crash(w, B, CRASH_KILL);
    world_delete(w, A, ROOM);
    world_pass(w, 5 * S);
    world_cut(w, B, A, false);
    world_cut(w, C, A, false);
    world_start(w, B);
    settle(w, 60 * S);
    assert_gone_everywhere(w, 3);
    done(w);
}

/* Seed 192791. C has all from B, and was never in contact with A. */
static void test_who_lost_its_disk_does_not_bring_it_back(void **state) {
    (void)state;
    struct world *w = make_expelling(3);
    world_room(w, C, ROOM, true);
    world_pass(w, 5 * S);
    cut_off(w, A, 3, true);
    world_crash(w, C, CRASH_DISK_LOSS);
    world_pass(w, S);
    world_start(w, C);
    world_pass(w, 60 * S);
    assert_true(world_alive(w, C, ROOM));
    world_delete(w, A, ROOM);
    world_pass(w, 5 * S);
    settle(w, 60 * S);
    assert_gone_everywhere(w, 3);
    done(w);
}

/* Seed 193827. C does not hear A any more, and has from B what A has from B. Of the two B alone
 * knows that C had it. */
static void test_what_came_through_a_third_does_not_come_back(void **state) {
    (void)state;
    struct world *w = make_expelling(3);
    world_cut(w, A, C, true);
    world_pass(w, 15 * S);
    world_room(w, B, ROOM, true);
    world_pass(w, 5 * S);
    assert_true(world_alive(w, A, ROOM) && world_alive(w, C, ROOM));
    cut_off(w, C, 3, true);
    world_pass(w, 60 * S);
    world_delete(w, C, ROOM);
    world_pass(w, 5 * S);
    settle(w, 60 * S);
    assert_gone_everywhere(w, 3);
    done(w);
}

/* A lets go what it had, and B, which is told too, has used it since. */
static void test_a_use_that_was_not_seen_keeps_the_room(void **state) {
    (void)state;
    struct world *w = make_expelling(3);
    world_room(w, B, ROOM, true);
    world_pass(w, 5 * S);
    cut_off(w, C, 3, true);
    world_cut_both(w, A, B, true);
    world_pass(w, 60 * S);
    size_t client = enter(w, B);
    world_delete(w, C, ROOM);
    world_pass(w, 5 * S);
    settle(w, 60 * S);
    assert_true(world_is_in(w, client));
    assert_true(world_alive(w, A, ROOM) && world_alive(w, B, ROOM) && world_alive(w, C, ROOM));
    done(w);
}

/* What a half makes while the other has expelled it is nothing that the other ever knew. */
static void test_a_restart_in_one_half_lets_nothing_go(void **state) {
    (void)state;
    struct world *w = make_expelling(4);
    for (size_t a = 0; a < 2; a++) {
        for (size_t b = 2; b < 4; b++) {
            world_cut_both(w, a, b, true);
        }
    }
    world_pass(w, 60 * S);
    world_room(w, B, ROOM, true);
    world_pass(w, 10 * S);
    world_crash(w, A, CRASH_KILL);
    world_pass(w, S);
    world_start(w, A);
    world_pass(w, 5 * S);
    world_cut_both(w, A, B, true); /* it is A that tells the others */
    world_cut_both(w, A, C, false);
    world_pass(w, 30 * S);
    assert_true(world_alive(w, C, ROOM));
    settle(w, 90 * S);
    for (size_t i = 0; i < 4; i++) {
        assert_true(world_alive(w, i, ROOM));
    }
    done(w);
}

/* Seed 198057. A comes back with nothing on its disk and a wall that is behind: what its new
 * process makes must not look older than the last contact, or it lets go what nobody else can know.
 */
static void test_a_new_process_is_behind_no_contact(void **state) {
    (void)state;
    struct world *w =
        make_with((struct sim_config){.nodes = 2, .member_ttl_s = 40, .no_journal = true});
    world_cut_both(w, A, B, true);
    world_crash(w, A, CRASH_KILL);
    world_pass(w, 60 * S);
    world_skew(w, A, -100 * S);
    world_start(w, A);
    world_room(w, A, ROOM, true);
    world_pass(w, 5 * S);
    settle(w, 150 * S);
    assert_true(world_alive(w, A, ROOM) && world_alive(w, B, ROOM));
    done(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test(test_an_expelled_node_forgets_what_was_deleted),
        test(test_an_expelled_node_tells_nobody_before_it_forgot),
        test(test_an_expelled_node_keeps_whom_it_hosts),
        test(test_two_halves_that_expelled_each_other),
        test(test_many_expel_who_is_dead),
        test(test_who_is_told_later_does_not_bring_it_back),
        test(test_who_lost_its_disk_does_not_bring_it_back),
        test(test_what_came_through_a_third_does_not_come_back),
        test(test_a_use_that_was_not_seen_keeps_the_room),
        test(test_a_restart_in_one_half_lets_nothing_go),
        test(test_a_new_process_is_behind_no_contact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
