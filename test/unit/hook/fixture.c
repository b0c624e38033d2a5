#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>

#include "clock.h"

struct answer answer_ok(void *arg, const struct request *r, size_t nth) {
    (void)arg;
    (void)r;
    (void)nth;
    return (struct answer){.kind = ANSWER, .status = 200};
}

void fixture_init(struct fixture *f, answer_to answer, void *arg) {
    /* A proxy of the environment is not what is tested. */
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    *f = (struct fixture){.config = {.retry_first_ms = 5}};
    fixture_add(f, answer, arg);
}

void fixture_add(struct fixture *f, answer_to answer, void *arg) {
    size_t i = f->config.receivers_count++;
    assert_true(i < FIXTURE_RECEIVERS_MAX);
    f->receivers[i] = receiver_start(answer, arg);
    f->places[i] = (struct hook_receiver){.url = receiver_url(f->receivers[i]),
                                          .key = SLICE_LIT("devkey"),
                                          .secret = SLICE_LIT("secret")};
}

void fixture_start(struct fixture *f) {
    f->config.receivers = f->places;
    assert_int_equal(hook_create(&f->config, &f->hook), STATUS_OK);
}

void fixture_deinit(struct fixture *f) {
    f->hook = hook_destroy(f->hook, 0);
    for (size_t i = 0; i < f->config.receivers_count; i++) {
        f->receivers[i] = f->receivers[i] ? receiver_stop(f->receivers[i]) : NULL;
    }
}

void fixture_post(struct fixture *f, const char *room, const char *body) {
    const struct hook_event event = {.name = SLICE_LIT("room_started"),
                                     .key = slice_from_cstr(room),
                                     .id = slice_from_cstr(body),
                                     .body = slice_from_cstr(body)};
    assert_true(hook_post(f->hook, &event));
}

uint64_t fixture_read(const struct hook *h, size_t offset) {
    const struct metrics *all[2];
    size_t count = hook_metrics(h, all, ARRAY_LEN(all));
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        const char *base = (const char *)all[i];
        sum += __atomic_load_n((const uint64_t *)(const void *)(base + offset), __ATOMIC_RELAXED);
    }
    return sum;
}

static uint64_t ended(struct fixture *f) {
    return fixture_metric(f, hook_delivered) + fixture_metric(f, hook_failed);
}

void fixture_settle(struct fixture *f, uint64_t events) {
    uint64_t until_ms = clock_mono_ms() + RECEIVER_WAIT_MS;
    while (ended(f) < events && clock_mono_ms() < until_ms) {
        usleep(1000);
    }
    assert_int_equal(ended(f), events);
}

bool fixture_reaches(struct fixture *f, size_t offset, uint64_t value) {
    uint64_t until_ms = clock_mono_ms() + RECEIVER_WAIT_MS;
    while (fixture_read(f->hook, offset) != value) {
        if (clock_mono_ms() > until_ms) {
            print_error("%llu, not %llu\n", (unsigned long long)fixture_read(f->hook, offset),
                        (unsigned long long)value);
            return false;
        }
        usleep(1000);
    }
    return true;
}
