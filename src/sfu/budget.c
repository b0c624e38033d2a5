#include "budget.h"

enum {
    LOW_PERCENT = 90,        /* an estimate below so much of what is sent says: too much; */
    LOW_LASTS_US = 400000,   /* twice, so long apart: a key frame alone does so, too; */
    RISES_PERCENT = 102,     /* and no higher then: one that rises only follows, by 8 % a second */
    FALLS_PERCENT = 97,      /* of the one before, at most: the receiver saw queues grow; */
    FALL_US = 5000000,       /* without it, for so long, a low one is of a link with little on it */
    USE_PERCENT = 95,        /* of the capacity */
    LOSS_HIGH = 26,          /* of 256: 10 % */
    SETTLE_US = 1500000,     /* after lowering, until estimates speak of what is sent now */
    WAIT_US = 3000000,       /* of calm, before more is tried */
    WAIT_MAX_US = 120000000, /* after many failures */
    STEP_US = 1500000,       /* after a try that held: the next one */
    PROBE_US = 3500000,      /* of padding that the next layer is tried with; */
    PROBE_RAMP_US = 2000000, /* so long it grows */
    PROBE_PERCENT = 120,     /* of what is needed */
    PROBE_MIN_BPS = 200000,
    PROBE_WAIT_MAX_US = 6000000,  /* what fails with padding alone does little harm */
    QUEUE_US = 100000,            /* more of a round trip than before padding: it queues */
    RESEND_PART = 2,              /* of what is sent: losses of a third are mended once */
    RESEND_BYTES_MAX = 128 << 10, /* at once, after a calm: a large key frame */
    FAILED_US = 10000000,         /* congestion so soon after a raise is the raise's fault */
};

void budget_init(struct budget *b) {
    *b = (struct budget){
        .capacity_bps = BUDGET_UNKNOWN, .wait_us = WAIT_US, .resend_bytes = RESEND_BYTES_MAX};
}

uint64_t budget_capacity(const struct budget *b) {
    return b->deficient ? b->capacity_bps : BUDGET_UNKNOWN;
}

bool budget_is_idle(const struct budget *b) {
    return !b->congested && !b->deficient && b->fixed_bps == 0;
}

uint64_t budget_probe(const struct budget *b, uint64_t now_us) {
    if (b->probe_us == 0) {
        return 0;
    }
    uint64_t elapsed_us = MIN(now_us - b->probe_us, (uint64_t)PROBE_RAMP_US);
    return b->probe_bps * elapsed_us / PROBE_RAMP_US;
}

static bool settling(const struct budget *b, uint64_t now_us) {
    return b->lowered_us != 0 && now_us < b->lowered_us + SETTLE_US;
}

void budget_take_remb(struct budget *b, uint64_t now_us, uint64_t bitrate_bps, uint64_t sent_bps) {
    if (b->fixed_bps != 0) {
        return;
    }
    bool falls = bitrate_bps / FALLS_PERCENT < b->remb_bps / 100 && !settling(b, now_us);
    b->remb_bps = bitrate_bps;
    b->fell_us = falls ? now_us : b->fell_us;
    bool fell = b->fell_us != 0 && now_us < b->fell_us + FALL_US;
    bool low = bitrate_bps / LOW_PERCENT < sent_bps / 100 && fell;
    if (b->probe_us != 0) { /* more is sent than ever before: it is low, but should not fall */
        b->congested = b->congested || falls;
    } else if (!low) {
        b->low_us = 0;
    } else if (b->low_us == 0 || bitrate_bps / RISES_PERCENT > b->low_bps / 100) {
        b->low_us = now_us;
        b->low_bps = bitrate_bps;
    } else if (now_us >= b->low_us + LOW_LASTS_US) {
        b->congested = true;
        b->capacity_bps = bitrate_bps;
        b->low_us = 0;
    }
}

void budget_take_loss(struct budget *b, uint64_t now_us, uint8_t fraction_lost, uint64_t sent_bps) {
    if (b->fixed_bps != 0 || fraction_lost < LOSS_HIGH || settling(b, now_us) || sent_bps == 0) {
        return;
    }
    if (b->probe_us != 0) {
        b->congested = true;
        return;
    }
    uint64_t carried = sent_bps / 256 * (256u - fraction_lost);
    b->capacity_bps = b->congested ? MIN(b->capacity_bps, carried) : carried;
    b->congested = true;
}

void budget_take_rtt(struct budget *b, uint32_t rtt_us) {
    if (b->probe_us == 0) { /* near the least of the last ones: others had a queue before them */
        uint32_t more = rtt_us - MIN(rtt_us, b->rtt_us);
        b->rtt_us = b->rtt_us == 0 ? rtt_us : MIN(rtt_us, b->rtt_us + more / 8);
    } else if (rtt_us > b->rtt_us + QUEUE_US) {
        b->congested = true;
    }
}

/* On a link that drops most of what comes, what is asked for again is dropped again, and fills it.
 */
void budget_take_sent(struct budget *b, uint64_t bytes) {
    b->resend_bytes = MIN(b->resend_bytes + bytes / RESEND_PART, (uint64_t)RESEND_BYTES_MAX);
}

bool budget_may_resend(const struct budget *b) {
    return b->resend_bytes > 0;
}

void budget_take_resent(struct budget *b, uint64_t bytes) {
    b->resend_bytes -= MIN(bytes, b->resend_bytes);
}

void budget_fix(struct budget *b, uint64_t bitrate_bps) {
    b->fixed_bps = bitrate_bps;
    b->probe_us = 0;
    if (bitrate_bps != 0) {
        b->capacity_bps = bitrate_bps;
        b->congested = true;
    } else { /* nothing of it was a failure of ours */
        b->congested = false;
        b->raised_us = 0;
        b->wait_us = WAIT_US;
    }
}

static uint64_t cost(const struct budget_stream *s) {
    return s->layer_given < RTP_LAYERS_MAX ? s->bitrate_bps[s->layer_given] : 0;
}

/* The next layer above the given one that comes; NONE: it has what it wants. */
static uint8_t next_layer(const struct budget_stream *s) {
    uint8_t first = s->layer_given == BUDGET_LAYER_NONE ? 0 : (uint8_t)(s->layer_given + 1);
    for (uint8_t l = first; l < RTP_LAYERS_MAX && l <= s->layer_want; l++) {
        if (s->bitrate_bps[l] > 0) {
            return l;
        }
    }
    return BUDGET_LAYER_NONE;
}

/* Even when nothing of it comes yet, so that it can begin. */
static uint8_t lowest_layer(const struct budget_stream *s) {
    struct budget_stream none = *s;
    none.layer_given = BUDGET_LAYER_NONE;
    uint8_t layer = next_layer(&none);
    return layer != BUDGET_LAYER_NONE ? layer : s->layer_want;
}

/* Each stream of this priority goes up one layer, in turn, until no more fits. */
static void raise_priority(struct budget_stream *streams, size_t count, uint8_t priority,
                           uint64_t *left) {
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < count; i++) {
            struct budget_stream *s = &streams[i];
            uint8_t next = next_layer(s);
            if (s->priority != priority || next == BUDGET_LAYER_NONE ||
                s->layer_given == BUDGET_LAYER_NONE || s->bitrate_bps[next] > *left + cost(s)) {
                continue;
            }
            *left = *left + cost(s) - s->bitrate_bps[next];
            s->layer_given = next;
            more = true;
        }
    }
}

/* The highest priority below this one, or -1. */
static int next_priority(const struct budget_stream *streams, size_t count, int below) {
    int next = -1;
    for (size_t i = 0; i < count; i++) {
        if (streams[i].priority < below) {
            next = MAX(next, (int)streams[i].priority);
        }
    }
    return next;
}

static void allocate(struct budget_stream *streams, size_t count, uint64_t left, bool may_pause) {
    for (size_t i = 0; i < count; i++) {
        streams[i].layer_given = BUDGET_LAYER_NONE;
    }
    for (int p = next_priority(streams, count, 256); p >= 0; p = next_priority(streams, count, p)) {
        for (size_t i = 0; i < count; i++) {
            struct budget_stream *s = &streams[i];
            uint8_t lowest = lowest_layer(s);
            uint64_t need = lowest < RTP_LAYERS_MAX ? s->bitrate_bps[lowest] : 0;
            if (s->priority == p && (need <= left || !may_pause)) {
                s->layer_given = lowest;
                left -= MIN(need, left);
            }
        }
    }
    for (int p = next_priority(streams, count, 256); p >= 0; p = next_priority(streams, count, p)) {
        raise_priority(streams, count, (uint8_t)p, &left);
    }
}

/* Who gets one layer more: paused ones first, then by priority. NULL: all have what they want. */
static struct budget_stream *choose(struct budget_stream *streams, size_t count) {
    struct budget_stream *best = NULL;
    for (size_t i = 0; i < count; i++) {
        struct budget_stream *s = &streams[i];
        if (next_layer(s) == BUDGET_LAYER_NONE) {
            continue;
        }
        bool paused = s->layer_given == BUDGET_LAYER_NONE;
        bool best_paused = best && best->layer_given == BUDGET_LAYER_NONE;
        if (!best || (paused && !best_paused) ||
            (paused == best_paused &&
             (s->priority > best->priority ||
              (s->priority == best->priority && s->layer_given < best->layer_given)))) {
            best = s;
        }
    }
    return best;
}

/* Nothing is tried for a while: a longer one, when it was a try that failed. */
static void rest(struct budget *b, uint64_t now_us, bool failed) {
    uint64_t most = b->can_probe ? PROBE_WAIT_MAX_US : WAIT_MAX_US;
    b->wait_us = failed ? MIN(b->wait_us + b->wait_us / 2, most) : b->wait_us;
    b->lowered_us = now_us;
    b->next_us = now_us + b->wait_us;
    b->congested = false;
    b->probe_us = b->low_us = b->fell_us = 0;
}

static void lower(struct budget *b, uint64_t now_us, uint64_t reserved_bps, bool may_pause,
                  struct budget_stream *streams, size_t count) {
    uint64_t usable = b->capacity_bps / 100 * USE_PERCENT;
    allocate(streams, count, usable - MIN(reserved_bps, usable), may_pause);
    rest(b, now_us, b->raised_us != 0 && now_us < b->raised_us + FAILED_US);
    b->deficient = true;
}

/* True: enough padding went through, or there is none to try it with. */
static bool tried(struct budget *b, uint64_t now_us, const struct budget_stream *s) {
    if (!b->can_probe) {
        b->probe_us = 0;
        return true;
    }
    if (b->probe_us == 0) {
        uint64_t need = s->bitrate_bps[next_layer(s)], has = cost(s);
        need = (need - MIN(has, need)) * PROBE_PERCENT / 100;
        b->probe_bps = MAX(need, (uint64_t)PROBE_MIN_BPS);
        b->probe_us = now_us;
    }
    return now_us >= b->probe_us + PROBE_US;
}

static void try_more(struct budget *b, uint64_t now_us, struct budget_stream *streams,
                     size_t count) {
    struct budget_stream *s = choose(streams, count);
    if (b->raised_us > b->lowered_us) {
        b->wait_us = WAIT_US; /* the last raise held */
    }
    if (!s) {
        b->deficient = false;
        b->probe_us = 0;
    } else if (tried(b, now_us, s)) {
        s->layer_given = next_layer(s);
        b->raised_us = now_us;
        b->next_us = now_us + (b->probe_us != 0 ? STEP_US : b->wait_us);
        b->probe_us = 0;
    }
}

static void recover(struct budget *b, uint64_t now_us, struct budget_stream *streams,
                    size_t count) {
    for (size_t i = 0; i < count; i++) { /* new ones begin low; others have at most their wish */
        struct budget_stream *s = &streams[i];
        if (s->is_new) {
            s->layer_given = lowest_layer(s);
        } else if (s->layer_given != BUDGET_LAYER_NONE) {
            s->layer_given = MIN(s->layer_given, s->layer_want);
        }
    }
    if (now_us >= b->next_us) {
        try_more(b, now_us, streams, count);
    }
}

bool budget_share(struct budget *b, uint64_t now_us, uint64_t reserved_bps, bool may_pause,
                  struct budget_stream *streams, size_t count) {
    for (size_t i = 0; i < count; i++) {
        streams[i].layer_before = streams[i].layer_given;
    }
    if (b->congested && b->probe_us != 0) { /* of that much, not of what was given */
        rest(b, now_us, true);
    } else if (b->congested || b->fixed_bps != 0) {
        lower(b, now_us, reserved_bps, may_pause, streams, count);
    } else if (b->deficient) {
        recover(b, now_us, streams, count);
    } else {
        for (size_t i = 0; i < count; i++) {
            streams[i].layer_given = streams[i].layer_want;
        }
    }
    bool changed = false;
    for (size_t i = 0; i < count; i++) {
        struct budget_stream *s = &streams[i];
        bool less = s->layer_before != BUDGET_LAYER_NONE &&
                    (s->layer_given == BUDGET_LAYER_NONE || s->layer_given < s->layer_before);
        s->hard = less && s->layer_given != s->layer_want;
        s->is_new = false;
        changed = changed || s->layer_given != s->layer_before;
    }
    return changed;
}
