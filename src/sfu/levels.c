#include "levels.h"

#include <math.h>

enum {
    ACTIVE_LEVEL = 35,   /* -dBov: so loud, or louder, is speech */
    MIN_PERCENTILE = 40, /* of a window that must be so */
    FORGET_US = 800000,  /* nothing heard for so long is silence */
    PACKET_MS_MAX = 120, /* the longest packet of opus; a longer advance is a pause */
    PACKET_MS_USUAL = 20,
};
static const double SMOOTHING = 2.0 / 3; /* 2 / (intervals + 1), with 2 intervals */

void level_init(struct level *l) {
    *l = (struct level){.loudest = 127};
}

static double linear_of(double minus_dbov) {
    return pow(10, -minus_dbov / 20);
}

static void end_window(struct level *l, uint32_t window) {
    double active = (double)l->active / window;
    if (active * 100 < MIN_PERCENTILE) {
        l->smoothed = 0;
    } else {
        double adjusted = l->loudest - 20 * log10(MIN(active, 1.0));
        l->smoothed += (linear_of(adjusted) - l->smoothed) * SMOOTHING;
    }
    l->observed = l->active = 0;
    l->loudest = 127;
}

void level_take(struct level *l, uint64_t now_us, uint32_t timestamp, uint32_t clock_rate,
                uint8_t minus_dbov) {
    uint32_t per_ms = clock_rate / 1000;
    int32_t advance = (int32_t)(timestamp - l->timestamp);
    if (l->heard && advance <= 0) {
        return; /* late, or twice */
    }
    uint32_t lasts = (uint32_t)advance;
    if (!l->heard || lasts > PACKET_MS_MAX * per_ms) {
        lasts = PACKET_MS_USUAL * per_ms;
    }
    l->heard = true;
    l->heard_us = now_us;
    l->timestamp = timestamp;
    l->observed += lasts;
    if (minus_dbov <= ACTIVE_LEVEL) {
        l->active += lasts;
        l->loudest = MIN(l->loudest, minus_dbov);
    }
    uint32_t window = LEVEL_INTERVAL_US / 1000 * per_ms;
    if (l->observed >= window) {
        end_window(l, window);
    }
}

bool level_changed(struct level *l, uint64_t now_us, bool muted, float *ret_level) {
    if (muted || now_us >= l->heard_us + FORGET_US) {
        l->smoothed = 0;
        l->observed = l->active = 0;
        l->loudest = 127;
    }
    uint8_t eighths = 0;
    if (l->smoothed >= linear_of(ACTIVE_LEVEL)) {
        eighths = (uint8_t)MIN(ceil(l->smoothed * 8), 8.0);
    }
    if (eighths == l->eighths) {
        return false;
    }
    l->eighths = eighths;
    *ret_level = (float)eighths / 8;
    return true;
}
