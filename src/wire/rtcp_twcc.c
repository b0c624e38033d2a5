#include "rtcp_twcc.h"

#include "cursor.h"
#include "rtcp_priv.h"

enum {
    SYMBOL_LOST = 0,
    SYMBOL_SMALL = 1, /* delta of one byte without sign */
    SYMBOL_LARGE = 2, /* delta of two bytes with sign */
    RUN_MAX = 8191,
    RUN_MIN = 15, /* shorter ones fit a vector of one or two bits as well */
    VECTOR_ONE_BIT = 14,
    VECTOR_TWO_BITS = 7,
    BIT_VECTOR = 0x8000,
    BIT_TWO_BITS = 0x4000,
    TICKS_PER_REFERENCE = RTCP_TWCC_REFERENCE_US / RTCP_TWCC_TICK_US,
};

static unsigned chunk_symbols(uint16_t chunk) {
    if ((chunk & BIT_VECTOR) == 0) {
        return chunk & RUN_MAX;
    }
    return chunk & BIT_TWO_BITS ? VECTOR_TWO_BITS : VECTOR_ONE_BIT;
}

static unsigned chunk_symbol(uint16_t chunk, unsigned nth) {
    if ((chunk & BIT_VECTOR) == 0) {
        return chunk >> 13 & 3;
    }
    if (chunk & BIT_TWO_BITS) {
        return chunk >> (2 * (VECTOR_TWO_BITS - 1 - nth)) & 3;
    }
    return chunk >> (VECTOR_ONE_BIT - 1 - nth) & 1;
}

/* The bytes of deltas that the first `count` symbols ask for; false for the reserved symbol. */
static bool count_delta_bytes(uint16_t chunk, unsigned count, size_t *bytes) {
    if ((chunk & BIT_VECTOR) == 0) {
        *bytes += count * chunk_symbol(chunk, 0);
        return chunk_symbol(chunk, 0) <= SYMBOL_LARGE;
    }
    for (unsigned i = 0; i < count; i++) {
        unsigned symbol = chunk_symbol(chunk, i);
        if (symbol > SYMBOL_LARGE) {
            return false;
        }
        *bytes += symbol;
    }
    return true;
}

static int32_t signed_24(uint32_t v) {
    return (int32_t)(v << 8) / 256;
}

enum status rtcp_read_twcc(const struct rtcp_packet *p, struct rtcp_twcc *ret_twcc) {
    struct rtcp_feedback f;
    if (!rtcp_is_twcc(p) || rtcp_read_feedback(p, &f) != STATUS_OK) {
        return STATUS_MALFORMED;
    }
    struct cursor c = cursor_over(f.control);
    struct rtcp_twcc t = {.sender = f.sender, .media = f.media};
    t.base_sequence = cursor_be16(&c);
    t.count = cursor_be16(&c);
    uint32_t times = cursor_be32(&c);
    t.reference = signed_24(times >> 8);
    t.feedback_count = (uint8_t)times;
    struct slice rest = cursor_rest(&c);
    c = cursor_over(rest);
    size_t delta_bytes = 0;
    for (unsigned covered = 0; covered < t.count && !c.failed;) {
        uint16_t chunk = cursor_be16(&c);
        unsigned symbols = MIN(chunk_symbols(chunk), t.count - covered);
        if (!count_delta_bytes(chunk, symbols, &delta_bytes)) {
            return STATUS_MALFORMED;
        }
        covered += symbols; /* an empty run adds none, but used up two bytes */
    }
    t.chunks = slice_sub(rest, 0, rest.len - cursor_left(&c));
    t.deltas = cursor_take(&c, delta_bytes);
    if (c.failed) {
        return STATUS_MALFORMED;
    }
    *ret_twcc = t;
    return STATUS_OK;
}

struct rtcp_twcc_walk rtcp_twcc_begin(const struct rtcp_twcc *twcc) {
    return (struct rtcp_twcc_walk){.twcc = twcc, .chunks = twcc->chunks, .deltas = twcc->deltas};
}

static int64_t take_delta(struct rtcp_twcc_walk *w, unsigned symbol) {
    struct cursor c = cursor_over(w->deltas);
    int64_t delta = symbol == SYMBOL_SMALL ? cursor_u8(&c) : (int16_t)cursor_be16(&c);
    w->deltas = cursor_rest(&c);
    assert(!c.failed); /* counted when it was read */
    return delta;
}

bool rtcp_twcc_next(struct rtcp_twcc_walk *w, struct rtcp_twcc_status *ret_status) {
    if (w->done == w->twcc->count) {
        return false;
    }
    while (w->chunk_left == 0) {
        struct cursor c = cursor_over(w->chunks);
        w->chunk = cursor_be16(&c);
        w->chunks = cursor_rest(&c);
        assert(!c.failed); /* counted when it was read */
        w->chunk_left = chunk_symbols(w->chunk);
        w->chunk_at = 0;
    }
    unsigned symbol = chunk_symbol(w->chunk, w->chunk_at++);
    w->chunk_left--;
    struct rtcp_twcc_status s = {.sequence = (uint16_t)(w->twcc->base_sequence + w->done++)};
    if (symbol != SYMBOL_LOST) {
        w->ticks += take_delta(w, symbol);
        s.received = true;
        s.arrival_us = w->twcc->reference * (int64_t)RTCP_TWCC_REFERENCE_US +
                       w->ticks * (int64_t)RTCP_TWCC_TICK_US;
    }
    *ret_status = s;
    return true;
}

struct plan { /* of one packet */
    size_t count;
    int64_t reference; /* of 64 ms */
    uint8_t symbols[RTCP_TWCC_STATUSES_MAX];
    int16_t deltas[RTCP_TWCC_STATUSES_MAX];
};

static int64_t first_arrival(const int64_t *arrivals_us, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (arrivals_us[i] != RTCP_TWCC_LOST) {
            assert(arrivals_us[i] >= 0);
            return arrivals_us[i];
        }
    }
    assert(false); /* nothing arrived: there is nothing to tell */
    return 0;
}

/* Deltas run over rounded times, so that rounding does not add up. */
static void make_plan(struct plan *p, const int64_t *arrivals_us, size_t count) {
    p->reference = first_arrival(arrivals_us, count) / RTCP_TWCC_REFERENCE_US;
    int64_t ticks = p->reference * TICKS_PER_REFERENCE;
    size_t i = 0;
    for (; i < MIN(count, (size_t)RTCP_TWCC_STATUSES_MAX); i++) {
        p->symbols[i] = SYMBOL_LOST;
        if (arrivals_us[i] == RTCP_TWCC_LOST) {
            continue;
        }
        int64_t at = arrivals_us[i] / RTCP_TWCC_TICK_US, delta = at - ticks;
        if (delta < INT16_MIN || delta > INT16_MAX) {
            break;
        }
        p->symbols[i] = delta >= 0 && delta <= UINT8_MAX ? SYMBOL_SMALL : SYMBOL_LARGE;
        p->deltas[i] = (int16_t)delta;
        ticks = at;
    }
    p->count = i;
}

/* Writes one chunk for the symbols from `at` on; how many it took. */
static size_t put_chunk(struct rtp_out *out, const struct plan *p, size_t at) {
    size_t left = p->count - at, run = 1;
    while (run < left && p->symbols[at + run] == p->symbols[at]) {
        run++;
    }
    if (run >= RUN_MIN || run == left) {
        rtp_put_be16(out, (uint16_t)((size_t)p->symbols[at] << 13 | run));
        return run;
    }
    size_t narrow = MIN(left, (size_t)VECTOR_ONE_BIT);
    uint16_t one_bit = BIT_VECTOR, two_bits = BIT_VECTOR | BIT_TWO_BITS;
    bool fits_one_bit = true;
    for (size_t i = 0; i < narrow; i++) {
        unsigned symbol = p->symbols[at + i];
        fits_one_bit = fits_one_bit && symbol <= SYMBOL_SMALL;
        one_bit |= (uint16_t)(symbol << (VECTOR_ONE_BIT - 1 - i));
        if (i < VECTOR_TWO_BITS) {
            two_bits |= (uint16_t)(symbol << (2 * (VECTOR_TWO_BITS - 1 - i)));
        }
    }
    rtp_put_be16(out, fits_one_bit ? one_bit : two_bits);
    return fits_one_bit ? narrow : MIN(left, (size_t)VECTOR_TWO_BITS);
}

size_t rtcp_put_twcc(struct rtp_out *out, uint32_t sender, uint32_t media, uint8_t feedback_count,
                     uint16_t base_sequence, const int64_t *arrivals_us, size_t count) {
    struct plan p;
    make_plan(&p, arrivals_us, count);
    struct rtcp_open open =
        rtcp_open_feedback(out, RTCP_TRANSPORT_FEEDBACK, RTCP_FORMAT_TWCC, sender, media);
    rtp_put_be16(out, base_sequence);
    rtp_put_be16(out, (uint16_t)p.count);
    rtp_put_be32(out, (uint32_t)(p.reference << 8) | feedback_count);
    for (size_t at = 0; at < p.count;) {
        at += put_chunk(out, &p, at);
    }
    for (size_t i = 0; i < p.count; i++) {
        if (p.symbols[i] == SYMBOL_SMALL) {
            rtp_put_u8(out, (uint8_t)p.deltas[i]);
        } else if (p.symbols[i] == SYMBOL_LARGE) {
            rtp_put_be16(out, (uint16_t)p.deltas[i]);
        }
    }
    size_t behind = (4 - (out->len - open.begin) % 4) % 4;
    rtcp_put_padding(out, open, behind);
    rtcp_close(out, open);
    return p.count;
}
