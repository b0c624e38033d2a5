#include <string.h>

#include "mem.h"
#include "uplink_priv.h"

enum {
    GAP_MAX = 3000, /* numbers ahead that may be a loss; further off, or behind the history, */
                    /* two packets in a row say that the sender began anew */
};

static uint32_t clock_rate_of(enum rtp_codec codec) {
    switch (codec) {
    case RTP_CODEC_OPUS:
    case RTP_CODEC_RED: return 48000;
    case RTP_CODEC_PCMU:
    case RTP_CODEC_PCMA: return 8000;
    default: return 90000;
    }
}

static void learn_section(struct uplink *u, const struct rtp_section *s) {
    memset(u->codec_of_type, UNKNOWN, sizeof u->codec_of_type);
    memset(u->original_of_type, UNKNOWN, sizeof u->original_of_type);
    memset(u->kind_of_id, UNKNOWN, sizeof u->kind_of_id);
    for (size_t i = s->formats_count; i-- > 0;) { /* the most wanted one counts */
        const struct rtp_format *f = &s->formats[i];
        u->codec_of_type[f->payload_type & 0x7f] = (uint8_t)f->codec;
        if (f->rtx_payload_type != 0) {
            u->original_of_type[f->rtx_payload_type & 0x7f] = f->payload_type & 0x7f;
        }
    }
    if (s->red_payload_type != 0) {
        u->codec_of_type[s->red_payload_type & 0x7f] = RTP_CODEC_RED;
    }
    for (size_t kind = 0; kind < RTP_EXTENSION_KINDS; kind++) {
        if (s->extension_ids[kind] != 0) {
            u->kind_of_id[s->extension_ids[kind]] = (uint8_t)kind;
        }
    }
    u->video = s->video;
    u->nacks = (s->formats[0].feedback & RTP_FEEDBACK_NACK) != 0 && s->red_payload_type == 0;
    u->clock_rate = clock_rate_of(s->formats[0].codec);
    u->rids_count = (uint8_t)s->rids_count;
    memcpy(u->rids, s->rids, sizeof u->rids);
}

enum status uplink_create(const struct uplink_config *config, struct uplink **ret_uplink) {
    const struct rtp_section *s = config->section;
    if (config->layers == 0 || config->layers > RTP_LAYERS_MAX || s->formats_count == 0 ||
        s->formats_count > RTP_FORMATS_MAX || s->rids_count > RTP_RIDS_MAX) {
        return STATUS_INVALID;
    }
    struct uplink *u = mem_zalloc(sizeof *u + config->layers * sizeof u->layers[0]);
    if (!u) {
        return STATUS_NO_MEMORY;
    }
    learn_section(u, s);
    u->pool = config->pool;
    u->rtcp_ssrc = config->rtcp_ssrc;
    u->rtt_us = NACK_RTT_US;
    memcpy(u->layer_of_rid, config->layer_of_rid, sizeof u->layer_of_rid);
    u->layers_count = config->layers;
    for (uint8_t i = 0; i < u->layers_count; i++) {
        enum status st = history_init(&u->layers[i].history, u->pool,
                                      s->video ? HISTORY_PACKETS_VIDEO : HISTORY_PACKETS_AUDIO);
        if (st != STATUS_OK) {
            (void)uplink_destroy(u);
            return st;
        }
    }
    *ret_uplink = u;
    return STATUS_OK;
}

struct uplink *uplink_destroy(struct uplink *u) {
    for (uint8_t i = 0; u && i < u->layers_count; i++) {
        history_deinit(&u->layers[i].history);
    }
    mem_free(u);
    return NULL;
}

uint8_t uplink_layers(const struct uplink *u) {
    return u->layers_count;
}
size_t uplink_bytes(const struct uplink *u) {
    size_t bytes = sizeof *u;
    for (uint8_t i = 0; i < u->layers_count; i++) {
        const struct history *h = &u->layers[i].history;
        bytes += sizeof u->layers[i] + h->slots_count * sizeof h->slots[0] +
                 (h->next - h->first) * sizeof(struct packet_chunk);
    }
    return bytes;
}
bool uplink_is_video(const struct uplink *u) {
    return u->video;
}
void uplink_set_muted(struct uplink *u, bool muted) {
    u->muted = muted;
}
void uplink_set_rtt(struct uplink *u, uint32_t rtt_us) {
    u->rtt_us = rtt_us;
}

bool uplink_layer_of_rid(const struct uplink *u, struct slice rid, uint8_t *ret_layer) {
    if (u->rids_count == 0) {
        *ret_layer = 0;
        return true;
    }
    for (size_t i = 0; i < u->rids_count; i++) {
        if (slice_eq(rid, slice_of(u->rids[i].text, u->rids[i].len))) {
            *ret_layer = MIN(u->layer_of_rid[i], (uint8_t)(u->layers_count - 1));
            return true;
        }
    }
    return false;
}

/* The next packet is the first. */
static void begin_source(struct uplink_layer *l) {
    l->source++;
    l->started = l->jumped = l->has_clock = l->key_seen = l->has_parameters = false;
    l->nacks.count = 0;
    l->av1.count = 0;
    history_clear(&l->history);
}

void uplink_bind(struct uplink *u, uint8_t layer, uint32_t ssrc) {
    assert(layer < u->layers_count);
    struct uplink_layer *l = &u->layers[layer];
    if (!l->bound || l->ssrc != ssrc) {
        l->ssrc = ssrc;
        l->bound = true;
        begin_source(l);
    }
}

void uplink_bind_rtx(struct uplink *u, uint8_t layer, uint32_t rtx_ssrc) {
    assert(layer < u->layers_count);
    u->layers[layer].rtx_ssrc = rtx_ssrc;
    u->layers[layer].has_rtx = true;
}

bool uplink_layer_of_ssrc(const struct uplink *u, uint32_t ssrc, uint8_t *ret_layer,
                          bool *ret_is_rtx) {
    for (uint8_t i = 0; i < u->layers_count; i++) {
        const struct uplink_layer *l = &u->layers[i];
        bool is_rtx = l->has_rtx && l->rtx_ssrc == ssrc;
        if (is_rtx || (l->bound && l->ssrc == ssrc)) {
            *ret_layer = i;
            *ret_is_rtx = is_rtx;
            return true;
        }
    }
    return false;
}

bool uplink_rtx_origin(const struct uplink *u, uint8_t layer, uint8_t rtx_payload_type,
                       uint8_t *ret_payload_type, uint32_t *ret_ssrc) {
    assert(layer < u->layers_count);
    uint8_t original = u->original_of_type[rtx_payload_type & 0x7f];
    if (original == UNKNOWN || !u->layers[layer].bound) {
        return false;
    }
    *ret_payload_type = original;
    *ret_ssrc = u->layers[layer].ssrc;
    return true;
}

static void start(struct uplink_layer *l, uint64_t now_us, uint16_t sequence, uint32_t timestamp) {
    l->started = true;
    l->started_us = now_us;
    l->pli_us = 0;
    l->base = l->highest = 0x10000u + sequence; /* what came before it is not below 0 */
    l->timestamp = timestamp;
    l->received = l->empty = l->expected_prior = l->received_prior = l->jitter_q4 = 0;
    l->transit = 0;
}

/* A number far off: two that follow one another are a sender that began anew. */
static bool is_restart(struct uplink_layer *l, uint16_t sequence) {
    bool confirmed = l->jumped && sequence == l->jump_next;
    l->jumped = !confirmed;
    l->jump_next = (uint16_t)(sequence + 1);
    return confirmed;
}

/* RFC 3550 appendix A.8, in integers. */
static void measure_jitter(const struct uplink *u, struct uplink_layer *l, uint64_t now_us,
                           uint32_t timestamp) {
    uint32_t transit = (uint32_t)(now_us * u->clock_rate / 1000000) - timestamp;
    if (l->received > 0) {
        int32_t d = (int32_t)(transit - l->transit);
        uint32_t size = d < 0 ? 0u - (uint32_t)d : (uint32_t)d;
        if (size < 10 * u->clock_rate) { /* else the sender's clock was set */
            l->jitter_q4 += size - ((l->jitter_q4 + 8) >> 4);
        }
    }
    l->transit = transit;
}

static void miss(struct uplink *u, struct uplink_layer *l, uint64_t now_us, uint32_t from,
                 uint32_t until) {
    if (!u->nacks) {
        return;
    }
    bool all = until - from <= NACKS_MAX;
    for (uint32_t s = all ? from : until - NACKS_MAX; s != until; s++) {
        all = nack_list_add(&l->nacks, now_us, s) && all;
    }
    if (!all && u->video) {
        l->key_wanted = true; /* so much will not all be found again */
    }
}

static void take_statistics(struct uplink *u, struct uplink_layer *l, uint64_t now_us,
                            const struct uplink_packet *p, size_t bytes) {
    if (p->newest) { /* resends come when they come */
        measure_jitter(u, l, now_us, p->timestamp);
    }
    l->received++;
    l->last_us = now_us;
    l->stat_packets++;
    l->stat_bytes += (uint32_t)bytes;
    bool begins = l->received == 1 || (p->newest && p->timestamp != l->timestamp);
    uplink_rate_take(&l->rate, now_us, p, bytes, begins && !p->empty);
}

enum status uplink_take(struct uplink *u, uint64_t now_us, uint8_t layer, struct slice packet,
                        struct uplink_packet *ret_packet) {
    assert(layer < u->layers_count);
    struct uplink_layer *l = &u->layers[layer];
    struct uplink_packet p;
    if (!l->bound || uplink_packet_read(u, l, packet, &p) != STATUS_OK) {
        return STATUS_MALFORMED;
    }
    uint16_t sequence = (uint16_t)p.sequence;
    int32_t ahead = l->started ? (int16_t)(sequence - (uint16_t)l->highest) : 1;
    if (l->started && (ahead > GAP_MAX || ahead <= -(int32_t)l->history.slots_count)) {
        if (!is_restart(l, sequence)) {
            return STATUS_STALE;
        }
        begin_source(l);
        p.source = l->source;
    }
    l->jumped = false;
    if (!l->started) {
        start(l, now_us, sequence, p.timestamp);
        ahead = 1;
        l->highest--;
    }
    p.sequence = l->highest + (uint32_t)ahead;
    p.newest = ahead > 0;
    p.received_us = now_us;
    if (!p.newest && history_knows(&l->history, p.sequence)) {
        return STATUS_EXISTS;
    }
    take_statistics(u, l, now_us, &p, packet.len);
    if (p.newest) {
        miss(u, l, now_us, l->highest + 1, p.sequence);
        l->stat_expected += (uint32_t)ahead;
        l->highest = p.sequence;
        l->timestamp = p.timestamp;
    } else {
        nack_list_remove(&l->nacks, p.sequence);
    }
    l->has_parameters = l->has_parameters || p.parameters;
    if (p.codec == RTP_CODEC_AV1 && p.newest) {
        (void)!av1_read_structure(p.dependency, &l->av1);
    }
    if (p.key_frame) {
        l->key_wanted = false;
        l->key_seen = true;
    }
    history_add(&l->history, now_us, p.sequence, p.empty ? (struct slice){0} : packet);
    *ret_packet = p;
    return STATUS_OK;
}

uint32_t uplink_source(const struct uplink *u, uint8_t layer) {
    assert(layer < u->layers_count);
    return u->layers[layer].source;
}

uint32_t uplink_newest(const struct uplink *u, uint8_t layer) {
    assert(layer < u->layers_count);
    return u->layers[layer].highest;
}

bool uplink_find(const struct uplink *u, uint8_t layer, uint32_t sequence,
                 struct uplink_packet *ret_packet) {
    assert(layer < u->layers_count);
    const struct uplink_layer *l = &u->layers[layer];
    struct slice packet;
    struct uplink_packet p;
    if (l->highest - sequence >= l->history.slots_count ||
        !history_find(&l->history, sequence, &packet) ||
        uplink_packet_read(u, l, packet, &p) != STATUS_OK) {
        return false;
    }
    p.sequence = sequence;
    *ret_packet = p;
    return true;
}
