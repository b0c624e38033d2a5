#include "quality.h"

#include <math.h>

enum {
    EXCELLENT = 100,
    DELAY_SLOW_MS = 160, /* conversations suffer from here on */
    LAYER_EFFECT = 35,
};
static const double RISING = 0.4, FALLING = 0.8;

void quality_init(struct quality *q) {
    *q = (struct quality){.score = EXCELLENT};
}

static double loss_weight(enum quality_kind kind) {
    switch (kind) {
    case QUALITY_OPUS: return 5.33; /* every encoder that we answer has FEC on */
    case QUALITY_RED: return 2.67;
    default: return 10;
    }
}

static double score_of(const struct quality_input *in) {
    double delay_ms = in->rtt_us / 2000.0 + 2 * in->jitter_us / 1000.0;
    double score = EXCELLENT;
    score -= delay_ms <= DELAY_SLOW_MS ? delay_ms / 40 : (delay_ms - 120) / 10;
    if (in->expected > 0) {
        score -= 100.0 * MIN(in->lost, in->expected) / in->expected * loss_weight(in->kind);
    }
    if (in->kind == QUALITY_VIDEO) {
        score -= LAYER_EFFECT * in->layers_missing;
        if (in->bitrate_bps > 0 && in->bitrate_expected_bps > in->bitrate_bps) {
            score -= 20 * log((double)in->bitrate_expected_bps / in->bitrate_bps);
        }
    }
    return MIN(MAX(score, 0.0), (double)EXCELLENT);
}

/* No packets and no report, twice running: lost. Once may be a pause of the sender. */
uint8_t quality_judge(struct quality *q, const struct quality_input *in) {
    double score;
    bool flows = in->packets > 0 || in->reported;
    q->silent = flows || in->idle ? 0 : MIN(q->silent + 1, 2);
    if (in->idle || (!flows && (!q->flowed || q->silent < 2))) {
        score = q->flowed && !in->idle ? q->score : EXCELLENT;
    } else if (!flows) {
        score = 0;
    } else {
        score = MAX(score_of(in), (double)QUALITY_FLOWING_MIN);
    }
    q->flowed = q->flowed || flows;
    if (in->idle || q->silent >= 2) {
        q->score = score;
    } else {
        q->score += (score - q->score) * (score > q->score ? RISING : FALLING);
    }
    return (uint8_t)lround(q->score);
}
