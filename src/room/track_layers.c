#include "track.h"

/* Which of its layers a track sends under which name, and which serves whom. */

uint8_t track_layers(const struct track *t) {
    size_t count = t->info->n_layers;
    return (uint8_t)(t->video ? MAX(MIN(count, (size_t)RTP_LAYERS_MAX), 1u) : 1);
}

/* q, h, f are low, medium, high; some clients write 2, 1, 0. By name, never by place (T20). */
static int quality_of_rid(const struct rtp_rid *rid) {
    if (rid->len != 1) {
        return -1;
    }
    switch (rid->text[0]) {
    case 'q':
    case '2': return LIVEKIT__VIDEO_QUALITY__LOW;
    case 'h':
    case '1': return LIVEKIT__VIDEO_QUALITY__MEDIUM;
    case 'f':
    case '0': return LIVEKIT__VIDEO_QUALITY__HIGH;
    default: return -1;
    }
}

/* The layer of exactly this quality, or -1. */
static int layer_of(const struct track *t, int quality) {
    for (size_t i = 0; i < t->info->n_layers; i++) {
        if ((int)t->info->layers[i]->quality == quality) {
            return (int)i;
        }
    }
    return -1;
}

void track_map_rids(const struct track *t, const struct rtp_section *section,
                    uint8_t ret_layers[RTP_RIDS_MAX]) {
    uint8_t last = (uint8_t)(MAX(section->rids_count, (size_t)track_layers(t)) - 1);
    last = MIN(last, (uint8_t)(RTP_LAYERS_MAX - 1));
    for (size_t i = 0; i < section->rids_count; i++) {
        int quality = quality_of_rid(&section->rids[i]);
        int layer = quality < 0 ? -1 : layer_of(t, quality);
        /* Sent and not announced: as its name says; without a name that we know, by place. */
        int other = quality >= 0 ? quality : (int)i;
        ret_layers[i] = (uint8_t)MIN(layer >= 0 ? layer : other, (int)last);
    }
}

uint8_t track_layer_of_quality(const struct track *t, Livekit__VideoQuality quality) {
    uint8_t best = 0;
    for (size_t i = 0; i < t->info->n_layers; i++) {
        if (t->info->layers[i]->quality <= quality) {
            best = (uint8_t)i;
        }
    }
    return best;
}

Livekit__VideoQuality track_quality_of_size(const struct track *t, uint32_t width,
                                            uint32_t height) {
    /* Layers are asked for by their lower side; 0.9: a window a little larger is served, too. */
    const Livekit__TrackInfo *info = t->info;
    bool portrait = info->width < info->height;
    uint32_t asked = portrait ? MIN(width, height) : height;
    uint64_t wanted = (uint64_t)asked * 9 / 10;
    for (size_t i = 0; i < info->n_layers; i++) {
        const Livekit__VideoLayer *layer = info->layers[i];
        const Livekit__VideoLayer *next = i + 1 < info->n_layers ? info->layers[i + 1] : NULL;
        uint32_t side = portrait ? MIN(layer->width, layer->height) : layer->height;
        uint32_t next_side = !next ? 0 : portrait ? MIN(next->width, next->height) : next->height;
        if (side >= wanted && side != 0 && (!next || side != next_side)) {
            return layer->quality;
        }
    }
    return LIVEKIT__VIDEO_QUALITY__HIGH;
}
