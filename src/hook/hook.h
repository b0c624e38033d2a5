/* hook.h: webhooks out: signed HTTP requests to the configured receivers, in order for each room.
 * Owns: its thread, what was posted until it was delivered or dropped, the connections.
 * Never: blocks who posts; follows a redirect; delivers what nobody waits for any more (max_age).
 * Invariant: for one receiver and one key, events arrive in the order they were posted, the next
 *   one only after the one before was delivered or given up. A receiver that is dead, slow or
 *   refuses costs nobody but the queues that lead to it. All that is held is bounded in bytes.
 * Source: wire/room-api.md 7.
 * Callers: control (hook_post), app (create, destroy). */
#pragma once

#include "caps.h"
#include "metrics.h"

struct hook;

struct hook_receiver {
    const char *url; /* http or https */
    struct slice key, secret;
};

/* All of it is copied. */
struct hook_config {
    const struct hook_receiver *receivers;
    size_t receivers_count;
    /* A non-empty list of includes alone decides, else the excludes. */
    const struct slice *include_events, *exclude_events;
    size_t include_count, exclude_count;
    const char *ca_file;    /* NULL: the system's certificates */
    uint32_t max_age_ms;    /* 0: HOOK_AGE_MS */
    uint32_t max_depth;     /* 0: HOOK_DEPTH */
    uint32_t in_flight_max; /* requests at once to one receiver; 0: HOOK_IN_FLIGHT_MAX */
    uint32_t attempt_ms, retry_first_ms; /* 0: as caps.h says; else for tests */
};

struct hook_event {
    struct slice name; /* room_started and so on */
    struct slice key;  /* whose order is kept: egress id, else ingress id, room name, identity */
    struct slice id;   /* the same for the same happening; for the log */
    struct slice body; /* WebhookEvent in JSON; what is signed and sent, byte for byte */
};

/* INVALID: a URL that is none or of another scheme, no key, no secret, or too many of them. */
must_check enum status hook_create(const struct hook_config *config, struct hook **ret_hook);
/* Nobody posts any more. What is waiting gets `grace_ms` to leave; the rest is dropped, counted
 * and logged. NULL: nothing. */
struct hook *hook_destroy(struct hook *h, uint32_t grace_ms);

/* Any thread, one at a time. What is signed from now on is signed with this key, for all receivers;
 * what was signed before is tried again as it is. Copied. INVALID, NO_MEMORY: nothing changed. */
must_check enum status hook_set_key(struct hook *h, struct slice key, struct slice secret);
/* One thread, always the same. Copies the event. False: not taken, for want of room or memory,
 * and counted; nothing will be retried. True also when the lists filter the event out. */
must_check bool hook_post(struct hook *h, const struct hook_event *event);
/* For the scrape; borrowed until hook_destroy. */
size_t hook_metrics(const struct hook *h, const struct metrics **ret, size_t max);
