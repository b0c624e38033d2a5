/* Everything that hook asks memory for is refused once, and from there on until the posts are in.
 * One thread runs it all, so that the nth allocation is the same in each run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "clock.h"
#include "fixture.h"
#include "hook_priv.h"
#include "mem.h"

enum { EVENTS = 4, TURN_MS = 1000 };

static void turn_until_empty(struct hook *h) {
    uint64_t until_ms = clock_mono_ms() + RECEIVER_WAIT_MS;
    while ((h->queues_count > 0 || mailbox_count(h->posts) > 0) && clock_mono_ms() < until_ms) {
        hook_turn(h, TURN_MS);
    }
    assert_int_equal(h->queues_count, 0);
}

static size_t post_all(struct fixture *f) {
    static const char *const rooms[EVENTS] = {"a", "b", "a", "a"};
    size_t taken = 0;
    for (size_t i = 0; i < EVENTS; i++) {
        taken += hook_post(f->hook, &(struct hook_event){.name = SLICE_LIT("room_started"),
                                                         .key = slice_from_cstr(rooms[i]),
                                                         .id = SLICE_LIT("EV_1"),
                                                         .body = SLICE_LIT("{}")});
    }
    return taken;
}

/* Each event has one end for each receiver, whatever was refused. */
static void check_sums(struct fixture *f, size_t taken) {
    uint64_t ended = fixture_metric(f, hook_delivered) + fixture_metric(f, hook_failed);
    uint64_t dropped = fixture_metric(f, hook_dropped_memory);
    assert_int_equal(ended + dropped, EVENTS * f->config.receivers_count);
    assert_true(dropped >= (EVENTS - taken) * f->config.receivers_count);
    assert_int_equal(fixture_metric(f, hook_bytes), 0);
}

/* True when the nth allocation was reached. */
static bool walk(uint64_t nth) {
    struct fixture f;
    fixture_init(&f, answer_ok, NULL);
    fixture_add(&f, answer_ok, NULL);
    const struct slice excludes[] = {SLICE_LIT("room_finished")};
    f.config.exclude_events = excludes;
    f.config.exclude_count = ARRAY_LEN(excludes);
    f.config.receivers = f.places;
    f.config.retry_first_ms = 1;
    uint64_t before = mem_live_blocks();
    mem_fail_from(nth);
    enum status s = hook_prepare(&f.config, &f.hook);
    assert_true(s == STATUS_OK || s == STATUS_NO_MEMORY);
    size_t taken = 0;
    if (s == STATUS_OK) {
        taken = post_all(&f);
        for (int i = 0; i < 50; i++) {
            hook_turn(f.hook, 1); /* time for all tries of an event to fail */
        }
    }
    void *probe = mem_alloc(1);
    bool reached = !probe;
    mem_free(probe);
    mem_fail_never();
    if (s == STATUS_OK) {
        turn_until_empty(f.hook);
        check_sums(&f, taken);
        assert_true(reached || fixture_metric(&f, hook_delivered) == EVENTS * 2);
    }
    f.hook = hook_destroy(f.hook, 0);
    assert_int_equal(mem_live_blocks(), before);
    fixture_deinit(&f);
    return reached;
}

static void no_allocation_is_taken_for_granted(void **state) {
    (void)state;
    uint64_t nth = 1;
    while (walk(nth)) {
        nth++;
    }
    assert_true(nth > 20);
    print_message("%llu allocations\n", (unsigned long long)nth - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_allocation_is_taken_for_granted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
