/* fixture.h: a hook with receivers, for tests.
 * Owns: struct fixture its hook and receivers.
 * Never: used outside of tests.
 * Callers: the tests of hook. */
#pragma once

#include "hook.h"
#include "receiver.h"

enum { FIXTURE_RECEIVERS_MAX = 2 };

struct fixture {
    struct hook *hook;
    struct receiver *receivers[FIXTURE_RECEIVERS_MAX];
    struct hook_receiver places[FIXTURE_RECEIVERS_MAX];
    struct hook_config config; /* may be changed before fixture_start */
};

/* Short retries, one receiver that answers as told, key "devkey" and secret "secret". */
void fixture_init(struct fixture *f, answer_to answer, void *arg);
void fixture_add(struct fixture *f, answer_to answer, void *arg); /* one more receiver */
void fixture_start(struct fixture *f);
void fixture_deinit(struct fixture *f);

/* An event of this room with this body; must be taken. */
void fixture_post(struct fixture *f, const char *room, const char *body);
/* Waits until the sum of both threads' field has this value; fails past the time. */
#define fixture_expect(f, field, value)                                                            \
    assert_true(fixture_reaches((f), offsetof(struct metrics, field), (value)))
bool fixture_reaches(struct fixture *f, size_t offset, uint64_t value);
/* Waits until so many events were delivered or given up. */
void fixture_settle(struct fixture *f, uint64_t events);
/* The value now. */
#define fixture_metric(f, field) fixture_read((f)->hook, offsetof(struct metrics, field))
uint64_t fixture_read(const struct hook *h, size_t offset);

/* Delivered as soon as asked. */
struct answer answer_ok(void *arg, const struct request *r, size_t nth);
