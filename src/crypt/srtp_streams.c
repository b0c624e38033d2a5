#include <string.h>

#include "mem.h"
#include "srtp_priv.h"

enum { STREAMS_FIRST = 4 };

bool srtp_stream_guess(const struct srtp_stream *s, uint16_t sequence, uint64_t *ret_index) {
    if (!s->begun) {
        *ret_index = sequence;
        return true;
    }
    const uint32_t half = 1 << 15;
    const uint64_t rollover = UINT64_C(1) << 16;
    uint32_t newest = (uint32_t)(s->top & UINT16_MAX);
    uint64_t index = s->top - newest + sequence;
    if (newest < half && sequence > newest + half) {
        if (index < rollover) {
            return false; /* from before the first packet */
        }
        index -= rollover;
    } else if (newest >= half && sequence + half < newest) {
        index += rollover;
    }
    if (index > SRTP_INDEX_MAX) {
        return false;
    }
    *ret_index = index;
    return true;
}

static uint64_t *word_of(struct srtp_stream *s, uint64_t index) {
    return &s->seen[index / 64 % SRTP_WINDOW_WORDS];
}

enum status srtp_stream_check(const struct srtp_stream *s, uint64_t index) {
    if (!s->begun || index > s->top) {
        return STATUS_OK;
    }
    if (s->top - index >= SRTP_WINDOW_PACKETS) {
        return STATUS_STALE;
    }
    uint64_t word = s->seen[index / 64 % SRTP_WINDOW_WORDS];
    return word >> index % 64 & 1 ? STATUS_EXISTS : STATUS_OK;
}

void srtp_stream_note(struct srtp_stream *s, uint64_t index) {
    if (!s->begun || (index > s->top && index - s->top >= SRTP_WINDOW_PACKETS)) {
        memset(s->seen, 0, sizeof s->seen);
        s->begun = true;
        s->top = index;
    }
    while (s->top < index) { /* places in the ring that now stand for newer indexes */
        s->top++;
        *word_of(s, s->top) &= ~(UINT64_C(1) << s->top % 64);
    }
    assert(s->top - index < SRTP_WINDOW_PACKETS);
    *word_of(s, index) |= UINT64_C(1) << index % 64;
}

/* Fibonacci hashing: SSRCs that count up by one spread, too. Who chooses SSRCs that collide slows
 * down its own packets, within the bound of the table. */
static uint32_t place_of(const struct srtp_streams *t, uint32_t ssrc) {
    return (uint32_t)((ssrc * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (t->cap - 1);
}

struct srtp_stream *srtp_streams_find(const struct srtp_streams *t, uint32_t ssrc) {
    if (t->cap == 0) {
        return NULL;
    }
    /* A quarter of the places at least is free, so this ends. */
    for (uint32_t at = place_of(t, ssrc);; at = (at + 1) & (t->cap - 1)) {
        struct srtp_stream *s = &t->slots[at];
        if (!s->used) {
            return NULL;
        }
        if (s->ssrc == ssrc) {
            return s;
        }
    }
}

static struct srtp_stream *free_place(struct srtp_streams *t, uint32_t ssrc) {
    uint32_t at = place_of(t, ssrc);
    while (t->slots[at].used) {
        at = (at + 1) & (t->cap - 1);
    }
    return &t->slots[at];
}

static enum status grow(struct srtp_streams *t) {
    struct srtp_streams wide = *t;
    wide.cap = t->cap == 0 ? STREAMS_FIRST : 2 * t->cap;
    wide.slots = mem_calloc(wide.cap, sizeof *wide.slots);
    if (!wide.slots) {
        return STATUS_NO_MEMORY;
    }
    for (uint32_t i = 0; i < t->cap; i++) {
        if (t->slots[i].used) {
            *free_place(&wide, t->slots[i].ssrc) = t->slots[i];
        }
    }
    mem_free(t->slots);
    *t = wide;
    return STATUS_OK;
}

enum status srtp_streams_add(struct srtp_streams *t, uint32_t ssrc,
                             struct srtp_stream **ret_stream) {
    assert(!srtp_streams_find(t, ssrc));
    if (t->count == t->count_max) {
        return STATUS_EXHAUSTED;
    }
    if (4 * (t->count + 1) > 3 * t->cap) {
        enum status status = grow(t);
        if (status != STATUS_OK) {
            return status;
        }
    }
    struct srtp_stream *s = free_place(t, ssrc);
    *s = (struct srtp_stream){.ssrc = ssrc, .used = true};
    t->count++;
    *ret_stream = s;
    return STATUS_OK;
}

/* The run behind the gap moves up, where that brings an entry no further than its own place: then
 * no marker has to stay for what was removed. */
void srtp_streams_remove(struct srtp_streams *t, uint32_t ssrc) {
    struct srtp_stream *found = srtp_streams_find(t, ssrc);
    if (!found) {
        return;
    }
    uint32_t mask = t->cap - 1, gap = (uint32_t)(found - t->slots);
    for (uint32_t at = (gap + 1) & mask; t->slots[at].used; at = (at + 1) & mask) {
        uint32_t wanted = place_of(t, t->slots[at].ssrc);
        if (((at - wanted) & mask) >= ((at - gap) & mask)) {
            t->slots[gap] = t->slots[at];
            gap = at;
        }
    }
    t->slots[gap] = (struct srtp_stream){0};
    t->count--;
}

void srtp_streams_deinit(struct srtp_streams *t) {
    mem_free(t->slots);
    *t = (struct srtp_streams){.count_max = t->count_max};
}
