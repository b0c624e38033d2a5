/* How much comes, of which layer. */
#include <string.h>

#include "uplink_priv.h"

/* Two windows are averaged, so that a key frame does not look like a faster stream. */
void uplink_rate_turn(struct uplink_rate *r, uint64_t now_us) {
    uint64_t elapsed = now_us - r->since_us;
    if (elapsed < RATE_WINDOW_US) {
        return;
    }
    for (size_t t = 0; t < UPLINK_TEMPORALS_MAX; t++) {
        uint64_t bps = (uint64_t)r->bytes[t] * 8 * 1000000 / elapsed;
        uint64_t fps = (uint64_t)r->frames[t] * 16 * 1000000 / elapsed;
        r->bps[t] =
            (uint32_t)MIN(r->bps[t] == 0 ? bps : (r->bps[t] + bps) / 2, (uint64_t)UINT32_MAX);
        r->fps_q4[t] =
            (uint16_t)MIN(r->fps_q4[t] == 0 ? fps : (r->fps_q4[t] + fps) / 2, (uint64_t)UINT16_MAX);
    }
    for (size_t s = 0; s < RTP_LAYERS_MAX; s++) {
        uint64_t bps = (uint64_t)r->spatial_bytes[s] * 8 * 1000000 / elapsed;
        r->spatial_bps[s] = (uint32_t)MIN(bps, (uint64_t)UINT32_MAX);
    }
    memset(r->spatial_bytes, 0, sizeof r->spatial_bytes);
    memset(r->bytes, 0, sizeof r->bytes);
    memset(r->frames, 0, sizeof r->frames);
    r->since_us = now_us;
}

void uplink_rate_take(struct uplink_rate *r, uint64_t now_us, const struct uplink_packet *p,
                      size_t bytes, bool frame_begins) {
    uint8_t temporal = p->temporal;
    assert(temporal < UPLINK_TEMPORALS_MAX && p->spatial < RTP_LAYERS_MAX);
    if (r->since_us == 0) {
        r->since_us = now_us;
    }
    uplink_rate_turn(r, now_us);
    r->bytes[temporal] += (uint32_t)bytes;
    r->spatial_bytes[p->spatial] += (uint32_t)bytes;
    r->frames[temporal] = (uint16_t)(r->frames[temporal] + frame_begins);
}

/* Each layer sends something within a second while the camera runs; when all are silent, the
 * publisher is, and nothing is gained by going elsewhere. */
bool uplink_layer_live(const struct uplink *u, uint8_t layer) {
    assert(layer < u->layers_count);
    uint64_t newest_us = 0;
    for (uint8_t i = 0; i < u->layers_count; i++) {
        newest_us = MAX(newest_us, u->layers[i].last_us);
    }
    const struct uplink_layer *l = &u->layers[layer];
    return l->started && l->last_us + LAYER_SILENT_US >= newest_us;
}

uint32_t uplink_bitrate(const struct uplink *u, uint8_t layer, uint8_t temporal) {
    assert(layer < u->layers_count);
    uint64_t sum = 0;
    for (size_t t = 0; t < UPLINK_TEMPORALS_MAX && t <= temporal; t++) {
        sum += u->layers[layer].rate.bps[t];
    }
    return (uint32_t)MIN(sum, (uint64_t)UINT32_MAX);
}

uint8_t uplink_fps(const struct uplink *u, uint8_t layer, uint8_t temporal) {
    assert(layer < u->layers_count);
    uint32_t sum = 0;
    for (size_t t = 0; t < UPLINK_TEMPORALS_MAX && t <= temporal; t++) {
        sum += u->layers[layer].rate.fps_q4[t];
    }
    return (uint8_t)MIN((sum + 8) / 16, 255u);
}

uint8_t uplink_spatials(const struct uplink *u, uint8_t layer) {
    assert(layer < u->layers_count);
    const struct uplink_rate *r = &u->layers[layer].rate;
    uint8_t top = RTP_LAYERS_MAX - 1;
    while (top > 0 && r->spatial_bps[top] == 0 && r->spatial_bytes[top] == 0) {
        top--;
    }
    return (uint8_t)(top + 1);
}

uint32_t uplink_spatial_bitrate(const struct uplink *u, uint8_t layer, uint8_t spatial) {
    assert(layer < u->layers_count);
    uint64_t sum = 0;
    for (size_t s = 0; s < RTP_LAYERS_MAX && s <= spatial; s++) {
        sum += u->layers[layer].rate.spatial_bps[s];
    }
    return (uint32_t)MIN(sum, (uint64_t)UINT32_MAX);
}
