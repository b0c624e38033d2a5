#include "budget.h"

enum {
    LOW_PERCENT = 90,        /* an estimate below so much of what is sent says: too much; */
    LOW_LASTS_US = 400000,   /* twice, so long apart: a key frame alone does so, too; */
    RISES_PERCENT = 102,     /* and no higher then: one that rises only follows, by 8 % a second */
    USE_PERCENT = 95,        /* of the capacity */
    LOSS_HIGH = 26,          /* of 256: 10 % */
    SETTLE_US = 1500000,     /* after lowering, until estimates speak of what is sent now */
    WAIT_US = 5000000,       /* of calm, before more is tried */
    WAIT_MAX_US = 120000000, /* after many failures */
    FAILED_US = 10000000,    /* congestion so soon after a raise is the raise's fault */
};

void budget_init(struct budget *b) {
    *b = (struct budget){.capacity_bps = BUDGET_UNKNOWN, .wait_us = WAIT_US};
}

uint64_t budget_capacity(const struct budget *b) {
    return b->deficient ? b->capacity_bps : BUDGET_UNKNOWN;
}

static bool settling(const struct budget *b, uint64_t now_us) {
    return b->lowered_us != 0 && now_us < b->lowered_us + SETTLE_US;
}

void budget_take_remb(struct budget *b, uint64_t now_us, uint64_t bitrate_bps, uint64_t sent_bps) {
    if (b->fixed_bps != 0) {
        return;
    }
    bool low = bitrate_bps / LOW_PERCENT < sent_bps / 100 && !settling(b, now_us);
    if (!low) {
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
    uint64_t carried = sent_bps / 512 * (512u - fraction_lost); /* half the loss is taken off */
    b->capacity_bps = b->congested ? MIN(b->capacity_bps, carried) : carried;
    b->congested = true;
}

void budget_fix(struct budget *b, uint64_t bitrate_bps) {
    b->fixed_bps = bitrate_bps;
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

/* One layer of one stream: paused ones first, then by priority. False: all have what they want. */
static bool raise_one(struct budget_stream *streams, size_t count) {
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
    if (best) {
        best->layer_given = next_layer(best);
    }
    return best != NULL;
}

static void lower(struct budget *b, uint64_t now_us, uint64_t reserved_bps, bool may_pause,
                  struct budget_stream *streams, size_t count) {
    uint64_t usable = b->capacity_bps / 100 * USE_PERCENT;
    allocate(streams, count, usable - MIN(reserved_bps, usable), may_pause);
    bool failed = b->raised_us != 0 && now_us < b->raised_us + FAILED_US;
    b->wait_us = failed ? MIN(b->wait_us + b->wait_us / 2, (uint64_t)WAIT_MAX_US) : b->wait_us;
    b->lowered_us = now_us;
    b->deficient = true;
    b->congested = false;
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
    if (now_us < MAX(b->raised_us, b->lowered_us) + b->wait_us) {
        return;
    }
    if (b->raised_us > b->lowered_us) {
        b->wait_us = WAIT_US; /* the last raise held */
    }
    b->deficient = raise_one(streams, count);
    b->raised_us = now_us;
}

bool budget_share(struct budget *b, uint64_t now_us, uint64_t reserved_bps, bool may_pause,
                  struct budget_stream *streams, size_t count) {
    for (size_t i = 0; i < count; i++) {
        streams[i].layer_before = streams[i].layer_given;
    }
    if (b->congested || b->fixed_bps != 0) {
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
