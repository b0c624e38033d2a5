#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "entropy.h"
#include "fd.h"
#include "process.h"
#include "signals.h"
#include "thread.h"

struct seen {
    struct thread *thread; /* as thread_start gave it; written before the gate opens */
    int gate[2];
    char name[64];
    uint64_t self;
    bool current, term_blocked, segv_blocked;
};

static void look(void *arg) {
    struct seen *s = arg;
    char byte;
    assert_int_equal(read(s->gate[0], &byte, 1), 1);
    strncpy(s->name, thread_name(), sizeof s->name - 1);
    s->self = thread_self();
    s->current = thread_is_current(s->thread);
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    s->term_blocked = sigismember(&mask, SIGTERM) == 1;
    s->segv_blocked = sigismember(&mask, SIGSEGV) == 1;
}

static void a_thread_has_a_name_and_no_signals(void **state) {
    struct seen s = {0};
    assert_int_equal(pipe(s.gate), 0);
    assert_int_equal(thread_start("a_name_too_long_for_it", look, &s, &s.thread), STATUS_OK);
    assert_false(thread_is_current(s.thread));
    assert_int_equal(write(s.gate[1], "x", 1), 1);
    assert_null(thread_join(s.thread));
    assert_string_equal(s.name, "a_name_too_long");
    assert_true(s.current);
    assert_true(s.self != 0 && s.self != thread_self());
    assert_true(s.term_blocked);
    assert_false(s.segv_blocked);
    assert_string_equal(thread_name(), "main");
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    assert_int_equal(sigismember(&mask, SIGUSR1), 0); /* the maker's mask is as before */
    fd_close(&s.gate[0]);
    fd_close(&s.gate[1]);
    assert_true(thread_processors() >= 1);
}

static void a_wait_for_a_thread_may_be_bounded(void **state) {
    (void)state;
    struct seen s = {0};
    assert_int_equal(pipe(s.gate), 0);
    assert_int_equal(thread_start("late", look, &s, &s.thread), STATUS_OK);
    uint64_t began_ms = clock_mono_ms();
    assert_ptr_equal(thread_join_within(s.thread, 20), s.thread);
    assert_true(clock_mono_ms() - began_ms >= 20);
    assert_int_equal(write(s.gate[1], "x", 1), 1);
    assert_null(thread_join_within(s.thread, 60 * 1000));
    assert_string_equal(s.name, "late");
    assert_null(thread_join_within(NULL, 60 * 1000));
    fd_close(&s.gate[0]);
    fd_close(&s.gate[1]);
}

static void note_signal(void *arg, int number) {
    *(int *)arg = number;
}

static void signals_arrive_as_events(void **state) {
    signals_block();
    struct loop *l = loop_create();
    int number = 0;
    struct signals *s = signals_create(l, note_signal, &number);
    assert_non_null(s);
    static const int all[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        assert_int_equal(kill(getpid(), all[i]), 0);
        loop_turn(l, 1000);
        assert_int_equal(number, all[i]);
    }
    signals_destroy(s);
    loop_destroy(l);
}

static void writing_to_nobody_does_not_kill(void **state) {
    signals_block();
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    fd_close(&fds[0]);
    assert_int_equal(write(fds[1], "x", 1), -1);
    fd_close(&fds[1]);
}

static void clocks_run(void **state) {
    uint64_t us = clock_mono_us();
    uint64_t ms = clock_mono_ms();
    assert_true(ms >= us / 1000);
    assert_true(clock_mono_us() >= us);
    assert_true(clock_wall_ms() > 1600000000000ull); /* after 2020 */
}

static void entropy_fills_all_bytes(void **state) {
    /* A byte stays 0 in three fills with a chance of 2^-24. */
    uint8_t seen[300] = {0};
    for (int round = 0; round < 3; round++) {
        uint8_t bytes[300] = {0};
        entropy_fill(bytes, sizeof bytes);
        for (size_t i = 0; i < sizeof bytes; i++) {
            seen[i] |= bytes[i];
        }
    }
    size_t zeros = 0;
    for (size_t i = 0; i < sizeof seen; i++) {
        zeros += seen[i] == 0;
    }
    assert_true(zeros < 3);
    entropy_fill(seen, 0);
}

static void the_descriptor_limit_only_rises(void **state) {
    uint64_t limit = fd_limit_raise();
    assert_true(limit >= 64);
    assert_int_equal(fd_limit_raise(), limit);
    int fd = -1;
    fd_close(&fd);
    assert_int_equal(fd, -1);
}

static void the_kernel_says_how_much_memory_we_hold(void **state) {
    uint64_t bytes = process_memory_bytes();
    assert_true(bytes > 256 << 10);
    assert_true(bytes < (uint64_t)1 << 44);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_has_a_name_and_no_signals),
        cmocka_unit_test(a_wait_for_a_thread_may_be_bounded),
        cmocka_unit_test(signals_arrive_as_events),
        cmocka_unit_test(writing_to_nobody_does_not_kill),
        cmocka_unit_test(clocks_run),
        cmocka_unit_test(entropy_fills_all_bytes),
        cmocka_unit_test(the_descriptor_limit_only_rises),
        cmocka_unit_test(the_kernel_says_how_much_memory_we_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
