/* nack_list.h: packets of one stream that did not come, and when to ask for them again.
 * Owns: nothing beyond its struct.
 * Never: asks for a packet more than NACK_TRIES times.
 * Invariant: numbers stand in rising order, each once.
 * Source: wire/realtime.md 5.2.
 * Callers: uplinks. */
#pragma once

#include "base.h"

enum {
    NACKS_MAX = 100,
    NACK_TRIES = 5,
    NACK_RTT_US = 70000, /* while it is not known */
    NACK_INTERVAL_MIN_US = 20000,
    NACK_INTERVAL_MAX_US = 400000,
};

struct nack_item {
    uint32_t sequence; /* extended */
    uint32_t interval_us;
    uint64_t due_us;
    uint8_t tries;
};
struct nack_list {
    size_t count;
    struct nack_item items[NACKS_MAX];
};

/* Missing from now on; higher than all before. False: there were too many, the oldest is given up.
 */
bool nack_list_add(struct nack_list *l, uint64_t now_us, uint32_t sequence);
void nack_list_remove(struct nack_list *l, uint32_t sequence); /* it came; not there: nothing */
uint64_t nack_list_due_us(const struct nack_list *l);          /* UINT64_MAX: nothing is missing */
/* The numbers to ask for now, up to max; those that were asked for often enough leave the list. */
size_t nack_list_collect(struct nack_list *l, uint64_t now_us, uint32_t rtt_us, uint16_t *sequences,
                         size_t max);
