#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "fd.h"
#include "loop.h"
#include "mem.h"
#include "thread.h"

/* A source on one end of a socket pair; what it does when called is up to the test. */
struct end {
    struct loop_source source;
    int fds[2];
    uint32_t called, last_events;
    struct loop_source *removes; /* when called */
    struct loop *stops;
};

static void end_on_ready(void *arg, uint32_t events) {
    struct end *e = arg;
    e->called++;
    e->last_events = events;
    if (e->removes) {
        loop_remove(e->removes);
    }
    if (e->stops) {
        loop_stop(e->stops);
    }
}

static void end_open(struct end *e, struct loop *l, uint32_t events) {
    *e = (struct end){0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, e->fds), 0);
    assert_int_equal(loop_add(l, &e->source, e->fds[0], events, end_on_ready, e), STATUS_OK);
}

static void end_close(struct end *e) {
    loop_remove(&e->source);
    fd_close(&e->fds[0]);
    fd_close(&e->fds[1]);
}

static void end_poke(struct end *e) {
    assert_int_equal(write(e->fds[1], "x", 1), 1);
}

static void a_source_hears_what_it_asked_for(void **state) {
    struct loop *l = loop_create();
    struct end e;
    end_open(&e, l, LOOP_READ);
    loop_turn(l, 0);
    assert_int_equal(e.called, 0);
    end_poke(&e);
    loop_turn(l, 1000);
    assert_int_equal(e.called, 1);
    assert_int_equal(e.last_events, LOOP_READ);
    loop_modify(&e.source, LOOP_WRITE);
    loop_turn(l, 1000);
    assert_int_equal(e.last_events, LOOP_WRITE);
    loop_modify(&e.source, 0);
    loop_turn(l, 0);
    assert_int_equal(e.called, 2);
    end_close(&e);
    loop_destroy(l);
}

static void a_half_close_wakes_readers_only(void **state) {
    struct loop *l = loop_create();
    struct end e;
    end_open(&e, l, 0);
    assert_int_equal(shutdown(e.fds[1], SHUT_WR), 0);
    loop_turn(l, 0);
    assert_int_equal(e.called, 0);
    loop_modify(&e.source, LOOP_READ);
    loop_turn(l, 1000);
    assert_int_equal(e.called, 1);
    assert_int_equal(e.last_events, LOOP_READ | LOOP_HANGUP);
    end_close(&e);
    loop_destroy(l);
}

static void edges_are_reported_once(void **state) {
    struct loop *l = loop_create();
    struct end e;
    end_open(&e, l, LOOP_READ | LOOP_EDGE);
    end_poke(&e);
    loop_turn(l, 1000);
    loop_turn(l, 0);
    assert_int_equal(e.called, 1);
    end_poke(&e);
    loop_turn(l, 1000);
    assert_int_equal(e.called, 2);
    end_close(&e);
    loop_destroy(l);
}

/* Both are ready in one turn; the first one called removes the other, whichever it is. */
static void a_removed_source_is_not_called_in_the_same_turn(void **state) {
    struct loop *l = loop_create();
    struct end a, b;
    end_open(&a, l, LOOP_READ);
    end_open(&b, l, LOOP_READ);
    a.removes = &b.source;
    b.removes = &a.source;
    end_poke(&a);
    end_poke(&b);
    loop_turn(l, 1000);
    assert_int_equal(a.called + b.called, 1);
    loop_turn(l, 0);
    struct end *left = a.called ? &a : &b;
    assert_int_equal(left->called, 2);
    end_close(&a);
    end_close(&b);
    loop_destroy(l);
}

static void a_source_may_remove_itself_and_be_added_again(void **state) {
    struct loop *l = loop_create();
    struct end e;
    end_open(&e, l, LOOP_READ);
    e.removes = &e.source;
    end_poke(&e);
    loop_turn(l, 1000);
    loop_turn(l, 0);
    assert_int_equal(e.called, 1);
    assert_int_equal(loop_add(l, &e.source, e.fds[0], LOOP_READ, end_on_ready, &e), STATUS_OK);
    loop_turn(l, 1000);
    assert_int_equal(e.called, 2);
    end_close(&e);
    loop_destroy(l);
}

enum { DUE_MAX = 8 };
struct due {
    struct loop_timer timer;
    char name;
    struct due_log {
        char names[DUE_MAX];
        size_t count;
    } * log;
    uint64_t again_at_ms;
    struct loop_timer *cancels;
};

static void due_on_due(void *arg) {
    struct due *d = arg;
    assert_true(d->log->count < DUE_MAX);
    d->log->names[d->log->count++] = d->name;
    if (d->again_at_ms) {
        loop_timer_set(&d->timer, d->again_at_ms);
    }
    if (d->cancels) {
        loop_timer_cancel(d->cancels);
    }
}

static void timers_run_in_order_of_their_time(void **state) {
    struct loop *l = loop_create();
    struct due_log log = {0};
    struct due d[4] = {{.name = 'a'}, {.name = 'b'}, {.name = 'c'}, {.name = 'd'}};
    static const uint64_t at_ms[] = {3, 1, 2, 0};
    uint64_t now_ms = loop_now_ms(l);
    for (size_t i = 0; i < ARRAY_LEN(d); i++) {
        d[i].log = &log;
        assert_int_equal(loop_timer_init(l, &d[i].timer, due_on_due, &d[i]), STATUS_OK);
        loop_timer_set(&d[i].timer, now_ms - 10 + at_ms[i]);
    }
    d[1].cancels = &d[2].timer;
    loop_timer_set(&d[0].timer, now_ms - 20); /* moves: now the first */
    loop_turn(l, 1000);
    assert_int_equal(log.count, 3);
    assert_memory_equal(log.names, "adb", 3);
    assert_false(loop_timer_is_set(&d[2].timer));
    for (size_t i = 0; i < ARRAY_LEN(d); i++) {
        loop_timer_deinit(&d[i].timer);
        loop_timer_deinit(&d[i].timer); /* zeroed: fine */
    }
    loop_destroy(l);
}

static void a_timer_that_sets_itself_to_now_waits_a_turn(void **state) {
    struct loop *l = loop_create();
    struct due_log log = {0};
    struct due d = {.name = 'x', .log = &log, .again_at_ms = 1};
    assert_int_equal(loop_timer_init(l, &d.timer, due_on_due, &d), STATUS_OK);
    loop_timer_set(&d.timer, 1);
    loop_turn(l, 1000);
    assert_int_equal(log.count, 1);
    loop_turn(l, 1000);
    assert_int_equal(log.count, 2);
    loop_timer_deinit(&d.timer);
    loop_destroy(l);
}

static void a_timer_is_never_early(void **state) {
    struct loop *l = loop_create();
    struct due_log log = {0};
    struct due d = {.name = 'x', .log = &log};
    assert_int_equal(loop_timer_init(l, &d.timer, due_on_due, &d), STATUS_OK);
    uint64_t due_ms = clock_mono_ms() + 5;
    loop_timer_set(&d.timer, due_ms);
    while (log.count == 0) {
        loop_turn(l, 60 * 1000);
    }
    assert_true(loop_now_ms(l) >= due_ms);
    assert_true(loop_now_ms(l) < due_ms + 30 * 1000); /* it was the timer that ended the wait */
    loop_timer_deinit(&d.timer);
    loop_destroy(l);
}

struct hooked {
    struct loop *loop;
    uint32_t count, more;
};

static void hook(void *arg) {
    struct hooked *h = arg;
    h->count++;
    if (h->more > 0) {
        h->more--;
        loop_again(h->loop);
    } else {
        loop_stop(h->loop);
    }
}

/* Nothing else is there to wake the loop: without loop_again it would sleep for ever. */
static void the_hook_can_ask_for_another_turn(void **state) {
    struct loop *l = loop_create();
    struct hooked h = {.loop = l, .more = 3};
    loop_set_hook(l, hook, &h);
    loop_again(l);
    loop_run(l);
    assert_int_equal(h.count, 4);
    struct loop_stats stats = loop_stats_take(l);
    assert_int_equal(stats.turns, 4);
    loop_destroy(l);
}

static void run_loop(void *arg) {
    struct loop *l = arg;
    loop_run(l);
}

static void another_thread_can_stop_it(void **state) {
    struct loop *l = loop_create();
    struct end e;
    end_open(&e, l, LOOP_READ); /* added before the thread takes the loop over */
    struct thread *t;
    assert_int_equal(thread_start("loop", run_loop, l, &t), STATUS_OK);
    loop_stop(l);
    thread_join(t);
    end_close(&e); /* and removed after it gave it back */
    loop_stop(l);
    loop_run(l); /* stopped before: makes no turn */
    loop_destroy(l);
}

#ifdef STOA_MEM_FAULTS
static enum status scenario(void) {
    struct loop *l = loop_create();
    struct loop_timer t = {0};
    enum status s = l ? loop_timer_init(l, &t, due_on_due, NULL) : STATUS_NO_MEMORY;
    loop_timer_deinit(&t);
    loop_destroy(l);
    return s;
}

static void each_allocation_may_fail(void **state) {
    enum status s = STATUS_NO_MEMORY;
    uint64_t before = mem_live_blocks();
    for (uint64_t nth = 1; s != STATUS_OK; nth++) {
        mem_fail_from(nth);
        s = scenario();
        mem_fail_never();
        assert_true(s == STATUS_OK || s == STATUS_NO_MEMORY);
        assert_int_equal(mem_live_blocks(), before);
    }
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_source_hears_what_it_asked_for),
        cmocka_unit_test(a_half_close_wakes_readers_only),
        cmocka_unit_test(edges_are_reported_once),
        cmocka_unit_test(a_removed_source_is_not_called_in_the_same_turn),
        cmocka_unit_test(a_source_may_remove_itself_and_be_added_again),
        cmocka_unit_test(timers_run_in_order_of_their_time),
        cmocka_unit_test(a_timer_that_sets_itself_to_now_waits_a_turn),
        cmocka_unit_test(a_timer_is_never_early),
        cmocka_unit_test(the_hook_can_ask_for_another_turn),
        cmocka_unit_test(another_thread_can_stop_it),
#ifdef STOA_MEM_FAULTS
        cmocka_unit_test(each_allocation_may_fail),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
