#include "downlink.h"

#include <string.h>

#include "downlink_priv.h"
#include "mem.h"

static void learn_section(struct downlink *d, const struct rtp_section *s) {
    const struct rtp_format *f = &s->formats[0];
    d->codec = f->codec;
    d->payload_type = f->payload_type & 0x7f;
    d->red_payload_type = s->red_payload_type & 0x7f;
    d->rtx_payload_type = f->rtx_payload_type & 0x7f;
    d->video = s->video;
    d->renumbers_vp8 = f->codec == RTP_CODEC_VP8;
    d->clock_rate = s->video                                                   ? 90000
                    : f->codec == RTP_CODEC_PCMU || f->codec == RTP_CODEC_PCMA ? 8000
                                                                               : 48000;
    memcpy(d->extension_ids, s->extension_ids, sizeof d->extension_ids);
    if (s->mid_len <= sizeof d->mid) {
        d->mid_len = s->mid_len;
        memcpy(d->mid, s->mid, s->mid_len);
    }
    if (d->mid_len == 0) {
        d->extension_ids[RTP_EXTENSION_MID] = 0;
    }
    /* Where layers change, its frame numbers would not run on: a receiver believes it first. */
    if (f->codec != RTP_CODEC_AV1 && f->codec != RTP_CODEC_VP9) {
        d->extension_ids[RTP_EXTENSION_DEPENDENCY_DESCRIPTOR] = 0;
    }
}

enum status downlink_create(const struct downlink_config *config, struct downlink **ret_downlink) {
    const struct rtp_section *s = config->section;
    if (s->formats_count == 0 || config->cname.len > RTCP_TEXT_BYTES_MAX) {
        return STATUS_INVALID;
    }
    size_t sents = s->video ? SENT_VIDEO : SENT_AUDIO;
    struct downlink *d = mem_zalloc(sizeof *d + sents * sizeof(struct sent) + config->cname.len);
    if (!d) {
        return STATUS_NO_MEMORY;
    }
    learn_section(d, s);
    d->ssrc = config->ssrc;
    d->rtx_ssrc = d->rtx_payload_type != 0 ? config->rtx_ssrc : 0;
    d->sent = (struct sent *)(void *)(d + 1);
    d->sent_mask = (uint32_t)sents - 1;
    d->cname = (char *)(d->sent + sents);
    d->cname_len = (uint8_t)config->cname.len;
    if (config->cname.len > 0) {
        memcpy(d->cname, config->cname.data, config->cname.len);
    }
    d->want.paused = true;
    d->limit = (struct downlink_limit){.layer_max = RTP_LAYERS_MAX - 1,
                                       .temporal_max = UPLINK_TEMPORALS_MAX - 1};
    d->layer = d->target = DOWNLINK_LAYER_NONE;
    d->temporal_target = UPLINK_TEMPORALS_MAX - 1;
    /* Low, so that a first packet that is lost does not hide a wrap from SRTP. */
    d->next_sequence = 0x10000u + (config->seed & 0x7fff);
    d->rtx_sequence = config->seed >> 16 & 0x7fff;
    *ret_downlink = d;
    return STATUS_OK;
}
static_assert(sizeof(struct downlink) % _Alignof(struct sent) == 0, "sent follows it");

struct downlink *downlink_destroy(struct downlink *d) {
    mem_free(d);
    return NULL;
}

bool downlink_wanted(const struct downlink *d) {
    return !d->want.paused && d->limit.layer_max != DOWNLINK_LAYER_NONE;
}
uint8_t downlink_layer(const struct downlink *d) {
    return d->layer;
}

void downlink_set_held(struct downlink *d, bool held) {
    d->held = held;
}

static void stop(struct downlink *d) {
    d->layer = DOWNLINK_LAYER_NONE;
    d->key_asked_us = 0;
}

void downlink_set_want(struct downlink *d, const struct downlink_want *want) {
    d->want = *want;
    if (want->paused) {
        stop(d);
    }
}

void downlink_set_limit(struct downlink *d, struct downlink_limit limit) {
    d->limit = limit;
    bool above = d->layer != DOWNLINK_LAYER_NONE && d->layer > limit.layer_max;
    if (limit.layer_max == DOWNLINK_LAYER_NONE || (above && limit.hard)) {
        stop(d);
    }
}

/* The highest wanted layer that comes; else the next above; else whatever is. */
static uint8_t choose_target(const struct downlink *d, const struct uplink *u) {
    uint8_t top = (uint8_t)(uplink_layers(u) - 1);
    uint8_t wanted = MIN(MIN(d->want.layer_max, d->limit.layer_max), top);
    for (uint8_t l = wanted;; l--) {
        if (uplink_layer_live(u, l)) {
            return l;
        }
        if (l == 0) {
            break;
        }
    }
    for (uint8_t l = (uint8_t)(wanted + 1); l <= top; l++) {
        if (uplink_layer_live(u, l)) {
            return l;
        }
    }
    return d->layer;
}

static uint8_t choose_temporal(const struct downlink *d, const struct uplink *u) {
    uint8_t temporal = MIN(d->limit.temporal_max, (uint8_t)(UPLINK_TEMPORALS_MAX - 1));
    if (d->want.fps_max == 0 || d->target == DOWNLINK_LAYER_NONE) {
        return temporal;
    }
    /* A frame or two more than wanted do no harm; measures are not exact. */
    unsigned most = d->want.fps_max + d->want.fps_max / 8u + 1;
    while (temporal > 0 && uplink_fps(u, d->target, temporal) > most) {
        temporal--;
    }
    return temporal;
}

static void choose(struct downlink *d, const struct uplink *u) {
    uint8_t target = choose_target(d, u);
    if (target != d->target) {
        d->target = target;
        d->key_asked_us = 0;
    }
    d->temporal_target = choose_temporal(d, u);
}

uint32_t downlink_rtt_us(const struct downlink *d) {
    return d->stats.rtt_us != 0 ? d->stats.rtt_us : RTT_US;
}

static bool has_spatials(const struct downlink *d) {
    return d->codec == RTP_CODEC_VP9 || d->codec == RTP_CODEC_AV1;
}

static uint8_t spatial_target(const struct downlink *d) {
    uint8_t most = d->spatials ? MIN(d->want.layer_max, d->limit.layer_max) : UINT8_MAX;
    return MIN(most, (uint8_t)(RTP_LAYERS_MAX - 1));
}

/* A higher spatial layer comes than the one that is sent. */
static bool spatial_is_short(const struct downlink *d, const struct uplink *u) {
    return d->layer != DOWNLINK_LAYER_NONE &&
           d->spatial < MIN(spatial_target(d), (uint8_t)(uplink_spatials(u, d->layer) - 1));
}

void downlink_tick(struct downlink *d, struct uplink *u, uint64_t now_us) {
    if (!downlink_wanted(d)) {
        return;
    }
    choose(d, u);
    if (!d->video || d->target == DOWNLINK_LAYER_NONE ||
        (d->target == d->layer && epoch_now(d)->source == uplink_source(u, d->layer) &&
         !spatial_is_short(d, u))) {
        return;
    }
    uint64_t interval = MIN(MAX(2 * (uint64_t)downlink_rtt_us(d), (uint64_t)KEY_INTERVAL_MIN_US),
                            (uint64_t)KEY_INTERVAL_MAX_US);
    if (d->key_asked_us == 0 || d->key_asked_us + interval <= now_us) {
        uplink_request_key_frame(u, d->target);
        d->key_asked_us = now_us;
    }
}

void downlink_take_key_request(struct downlink *d, struct uplink *u, uint64_t now_us) {
    (void)now_us;
    uint8_t layer = d->layer != DOWNLINK_LAYER_NONE ? d->layer : d->target;
    if (downlink_wanted(d) && layer != DOWNLINK_LAYER_NONE) {
        uplink_request_key_frame(u, layer);
    }
}

/* The source's timestamp on the clock that the receiver knows, by the sender reports of both
 * layers; false without them. */
static bool map_timestamp(const struct downlink *d, const struct uplink *u,
                          const struct uplink_packet *p, uint32_t *ret_timestamp) {
    const struct epoch *old = &d->epochs[d->epoch % EPOCHS];
    if (old->layer == p->layer && old->source == p->source) {
        *ret_timestamp = p->timestamp + old->timestamp_offset;
        return true;
    }
    struct uplink_clock from, to;
    if (old->layer == p->layer || !uplink_layer_clock(u, old->layer, &from) ||
        !uplink_layer_clock(u, p->layer, &to)) {
        return false;
    }
    int64_t apart = (int64_t)(to.ntp - from.ntp); /* 32.32 seconds */
    int64_t limit = (int64_t)1 << 40;             /* 256 s: such reports belong not together */
    if (apart > limit || apart < -limit) {
        return false;
    }
    int64_t ticks = apart * (int64_t)d->clock_rate / ((int64_t)1 << 32);
    *ret_timestamp =
        p->timestamp - to.timestamp + from.timestamp + (uint32_t)ticks + old->timestamp_offset;
    return true;
}

static uint32_t entry_timestamp(const struct downlink *d, const struct uplink *u, uint64_t now_us,
                                const struct uplink_packet *p) {
    uint32_t per_ms = d->clock_rate / 1000;
    uint32_t elapsed = (uint32_t)((now_us - d->timestamp_us) * d->clock_rate / 1000000);
    uint32_t expected = d->timestamp + MAX(elapsed, 1u), mapped;
    if (!map_timestamp(d, u, p, &mapped)) {
        return expected;
    }
    int32_t after_last = (int32_t)(mapped - d->timestamp);
    int32_t off = (int32_t)(mapped - expected);
    if (after_last < -(int32_t)(TIMESTAMP_BEHIND_MS * per_ms) ||
        off > (int32_t)(TIMESTAMP_AHEAD_MS * per_ms) ||
        off < -(int32_t)(TIMESTAMP_AHEAD_MS * per_ms)) {
        return expected;
    }
    return after_last > 0 ? mapped : d->timestamp + 1;
}

static uint8_t layers_now(const struct downlink *d) {
    return RENUMBER_LAYERS(d->spatial, d->temporal);
}

/* From this packet on the receiver is on its layer. */
static void enter(struct downlink *d, const struct uplink *u, uint64_t now_us,
                  const struct uplink_packet *p) {
    struct epoch e = {.layer = p->layer, .source = p->source};
    uint16_t picture_offset = 0;
    if (d->sent_any) {
        e.timestamp_offset = entry_timestamp(d, u, now_us, p) - p->timestamp;
        picture_offset = (uint16_t)(p->vp8.picture_id - (d->picture_id + 1));
        e.tl0_offset = (uint8_t)(p->vp8.tl0_index - (d->tl0_index + 1));
        e.key_offset = (uint8_t)(p->vp8.key_index - (d->key_index + 1));
        d->stats.switches++;
    }
    d->epoch++;
    *epoch_now(d) = e;
    d->layer = p->layer;
    d->catching_up = !p->newest;
    d->key_asked_us = 0;
    d->temporal = d->temporal_target;
    d->spatials = has_spatials(d) && uplink_layers(u) > 1;
    d->spatial = has_spatials(d) ? spatial_target(d) : 0;
    d->frame_timestamp = p->timestamp;
    d->frame_dropped = false;
    renumber_begin(&d->numbers, p->sequence, d->next_sequence, picture_offset, layers_now(d));
}

static bool may_enter(struct downlink *d, const struct uplink *u, const struct uplink_packet *p) {
    if (p->empty || p->codec != d->codec) {
        return false;
    }
    if (d->target == DOWNLINK_LAYER_NONE) {
        choose(d, u);
    }
    if (!d->video) {
        return p->newest;
    }
    if (!p->key_frame) {
        return false;
    }
    bool starting = d->layer == DOWNLINK_LAYER_NONE, anew = d->layer == p->layer;
    return p->layer == d->target || anew || (starting && p->layer < d->target);
}

/* Whether the frame of a newer packet is left out; decided once for each frame. */
static bool frame_is_dropped(struct downlink *d, const struct uplink_packet *p, bool *ret_new) {
    *ret_new = false;
    if (!d->video || p->timestamp == d->frame_timestamp) {
        return d->frame_dropped;
    }
    d->frame_timestamp = p->timestamp;
    bool begins = p->codec != RTP_CODEC_VP8 || (p->vp8.partition_start && p->vp8.partition == 0);
    if (d->temporal > d->temporal_target || (p->key_frame && p->temporal == 0)) {
        d->temporal = d->temporal_target;
    } else if (d->temporal < d->temporal_target && p->temporal == d->temporal + 1 &&
               p->layer_sync && begins) {
        d->temporal++;
    }
    d->frame_dropped = *ret_new = p->temporal > d->temporal;
    return d->frame_dropped;
}

/* Spatial layers of one picture: the wish is followed down at its beginning, and up where a key
 * picture begins, since those above need the pictures before; those below never need those above.
 */
static bool spatial_is_dropped(struct downlink *d, const struct uplink_packet *p,
                               bool new_picture) {
    if (has_spatials(d) && new_picture) {
        d->spatial = p->key_frame ? spatial_target(d) : MIN(d->spatial, spatial_target(d));
    }
    return p->spatial > d->spatial;
}

/* The newest frame is the one to go on from when the source changes. */
static void note_frame(struct downlink *d, uint64_t now_us, const struct uplink_packet *p,
                       uint16_t picture_offset) {
    const struct epoch *e = epoch_now(d);
    uint32_t timestamp = p->timestamp + e->timestamp_offset;
    if (d->sent_any && (int32_t)(timestamp - d->timestamp) <= 0) {
        return;
    }
    d->sent_any = true;
    d->timestamp = timestamp;
    d->timestamp_us = now_us;
    d->picture_id = (uint16_t)(p->vp8.picture_id - picture_offset);
    d->tl0_index = (uint8_t)(p->vp8.tl0_index - e->tl0_offset);
    d->key_index = (uint8_t)(p->vp8.key_index - e->key_offset);
}

/* Numbers that are skipped were never sent; what stood in their places is long forgotten. */
static void forget_skipped(struct downlink *d, uint32_t sequence) {
    for (uint32_t i = 0; i <= d->sent_mask && d->next_sequence + i != sequence; i++) {
        sent_slot(d, (uint16_t)(d->next_sequence + i))->flags = 0;
    }
}

/* `range`: what stands for the packet's number. */
static void send_packet(struct downlink *d, uint64_t now_us, const struct uplink_packet *p,
                        uint32_t sequence, const struct renumber_range *range, bool filler,
                        struct rtp_out *out) {
    uint16_t picture_offset = range->picture_offset;
    struct downlink_numbers n = {
        .sequence = (uint16_t)sequence,
        .picture_offset = picture_offset,
        .send_time = rtp_abs_send_time_of_us(now_us),
        .epoch = epoch_now(d),
        .filler = filler,
        .ends = p->spatial_end && p->spatial == renumber_spatial(range->layers),
    };
    downlink_write(d, p, &n, out);
    if ((int32_t)(sequence - d->next_sequence) >= 0) {
        forget_skipped(d, sequence);
        d->next_sequence = sequence + 1;
    }
    *sent_slot(d, n.sequence) = (struct sent){
        .source = p->sequence,
        .send_time = n.send_time,
        .sequence = n.sequence,
        .picture_offset = picture_offset,
        .epoch = d->epoch,
        .flags = (uint8_t)(SENT_USED | (filler ? SENT_FILLER : 0) | (n.ends ? SENT_ENDS : 0)),
    };
    d->stats.packets++;
    if (!filler) {
        d->stats.bytes += p->payload.len;
        note_frame(d, now_us, p, picture_offset);
    }
}

static void send_newer(struct downlink *d, uint64_t now_us, const struct uplink_packet *p,
                       uint32_t sequence, struct rtp_out *out) {
    send_packet(d, now_us, p, sequence, renumber_now(&d->numbers), false, out);
}

bool downlink_forward_late(struct downlink *d, uint64_t now_us, const struct uplink_packet *p,
                           struct rtp_out *out) {
    struct renumber_range range;
    if (!renumber_find(&d->numbers, p->sequence, &range)) {
        return false;
    }
    uint32_t sequence = p->sequence - range.offset;
    const struct sent *slot = sent_slot(d, (uint16_t)sequence);
    int32_t behind = (int32_t)(d->next_sequence - sequence); /* negative: all since were dropped */
    if (behind > (int32_t)d->sent_mask ||
        (behind > 0 && (slot->flags & SENT_USED) != 0 && slot->sequence == (uint16_t)sequence)) {
        return false; /* too late to remember it, or it was sent */
    }
    bool above = p->temporal > renumber_temporal(range.layers) ||
                 p->spatial > renumber_spatial(range.layers);
    bool filler = p->empty || p->codec != d->codec || (d->video && above);
    send_packet(d, now_us, p, sequence, &range, filler, out);
    return true;
}

/* A packet of the current source, newer than all before: it goes on, or its number is closed up. */
static bool forward_newer(struct downlink *d, uint64_t now_us, const struct uplink_packet *p,
                          struct rtp_out *out) {
    bool new_frame = false, new_picture = p->timestamp != d->frame_timestamp;
    if (p->empty || p->codec != d->codec || frame_is_dropped(d, p, &new_frame) ||
        spatial_is_dropped(d, p, new_picture)) {
        renumber_drop(&d->numbers, p->sequence, new_frame, layers_now(d));
        return false;
    }
    assert(uplink_packet_bytes(p) + DOWNLINK_HEADER_BYTES_MAX <= out->cap - out->len);
    send_newer(d, now_us, p, renumber_pass(&d->numbers, p->sequence, layers_now(d)), out);
    return true;
}

bool downlink_forward(struct downlink *d, struct uplink *u, uint64_t now_us,
                      const struct uplink_packet *p, struct rtp_out *out) {
    assert(uplink_packet_bytes(p) + DOWNLINK_HEADER_BYTES_MAX <= out->cap - out->len);
    if (!downlink_wanted(d)) {
        return false;
    }
    bool current = d->layer == p->layer && epoch_now(d)->source == p->source;
    if (!current) {
        if (!may_enter(d, u, p)) {
            return false;
        }
        enter(d, u, now_us, p);
        send_newer(d, now_us, p, d->next_sequence, out);
        return true;
    }
    if (!renumber_is_newer(&d->numbers, p->sequence)) {
        return downlink_forward_late(d, now_us, p, out);
    }
    if (d->held) {
        d->catching_up = true;
        return false;
    }
    return forward_newer(d, now_us, p, out);
}

bool downlink_catch_up(struct downlink *d, struct uplink *u, uint64_t now_us, struct rtp_out *out) {
    if (!d->catching_up || d->layer == DOWNLINK_LAYER_NONE) {
        return false;
    }
    struct uplink_packet p;
    uint32_t end = uplink_newest(u, d->layer) + 1;
    for (uint32_t s = d->numbers.highest + 1; (int32_t)(end - s) > 0; s++) {
        if (uplink_find(u, d->layer, s, &p) && p.source == epoch_now(d)->source &&
            forward_newer(d, now_us, &p, out)) {
            return true;
        }
    }
    d->catching_up = false;
    return false;
}
