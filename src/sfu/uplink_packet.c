/* What forwarding must know of a packet: its extensions, and the first bytes of its payload. */
#include "h264.h"
#include "red.h"
#include "uplink_priv.h"
#include "vp9.h"

static void read_extension(const struct uplink *u, const struct rtp_extension *e,
                           struct uplink_packet *p) {
    switch (u->kind_of_id[e->id]) {
    case RTP_EXTENSION_AUDIO_LEVEL: p->has_level = rtp_read_audio_level(e->value, &p->level); break;
    case RTP_EXTENSION_ABS_CAPTURE_TIME: p->capture_time = e->value; break;
    case RTP_EXTENSION_DEPENDENCY_DESCRIPTOR: p->dependency = e->value; break;
    case RTP_EXTENSION_PLAYOUT_DELAY: p->playout_delay = e->value; break;
    case RTP_EXTENSION_VIDEO_ORIENTATION: p->orientation = e->value; break;
    default: break;
    }
}

/* What cannot be read is forwarded to nobody, but its number is closed up: empty. */
static void read_vp8(struct uplink_packet *p) {
    struct vp8_descriptor d;
    if (vp8_read(p->payload, &d) != STATUS_OK || d.bytes == p->payload.len) {
        p->empty = true;
        return;
    }
    p->vp8 = d;
    p->key_frame = d.key_frame;
    p->temporal = d.temporal;
    p->layer_sync = d.layer_sync;
}

static void read_vp9(struct uplink_packet *p) {
    struct vp9_descriptor d;
    if (vp9_read(p->payload, &d) != STATUS_OK) {
        p->empty = true;
        return;
    }
    p->key_frame = d.key_frame;
    p->temporal = d.has_layers ? MIN(d.temporal, (uint8_t)(UPLINK_TEMPORALS_MAX - 1)) : 0;
    p->layer_sync = d.switching_up;
    if (d.has_layers) {
        p->spatial = MIN(d.spatial, (uint8_t)(RTP_LAYERS_MAX - 1));
        p->spatial_end = d.frame_end;
    }
}

/* Parameters come right before an IDR picture: a receiver needs both. Without any in the stream
 * they are in the SDP. */
static void read_h264(const struct uplink_layer *l, struct uplink_packet *p) {
    unsigned contents = h264_contents(p->payload);
    p->parameters = (contents & H264_SPS) != 0;
    p->key_frame = p->parameters || (!l->has_parameters && (contents & H264_IDR) != 0);
}

/* A frame is of one spatial layer; without a structure all are taken for the lowest. */
static void read_av1(const struct uplink_layer *l, struct uplink_packet *p) {
    struct av1_aggregation a;
    p->key_frame = av1_read_aggregation(p->payload, &a) && a.new_sequence;
    struct av1_descriptor d;
    struct av1_structure own;
    struct av1_layer layer;
    if (!av1_read_descriptor(p->dependency, &d)) {
        return;
    }
    bool has_own = av1_read_structure(p->dependency, &own);
    if (av1_find_layer(has_own ? &own : &l->av1, d.template_id, &layer)) {
        p->spatial = MIN(layer.spatial, (uint8_t)(RTP_LAYERS_MAX - 1));
        p->temporal = MIN(layer.temporal, (uint8_t)(UPLINK_TEMPORALS_MAX - 1));
        p->layer_sync = layer.sync;
        p->spatial_end = d.frame_end;
    }
}

/* The primary block goes on to those who take opus alone. */
static void read_red(struct uplink_packet *p) {
    struct red_block blocks[RED_BLOCKS_MAX];
    size_t count;
    if (red_split(p->payload, blocks, &count) != STATUS_OK || count == 0) {
        p->empty = true;
        return;
    }
    p->redundant = p->payload;
    p->payload = blocks[count - 1].payload;
    p->codec = RTP_CODEC_OPUS;
    p->empty = p->payload.len == 0;
}

enum status uplink_packet_read(const struct uplink *u, const struct uplink_layer *l,
                               struct slice packet, struct uplink_packet *p) {
    struct rtp_view v;
    if (rtp_read(packet, &v) != STATUS_OK || v.header.ssrc != l->ssrc ||
        u->codec_of_type[v.header.payload_type] == UNKNOWN) {
        return STATUS_MALFORMED;
    }
    *p = (struct uplink_packet){
        .sequence = v.header.sequence,
        .timestamp = v.header.timestamp,
        .codec = (enum rtp_codec)u->codec_of_type[v.header.payload_type],
        .marker = v.header.marker,
        .payload = v.payload,
        .empty = v.payload.len == 0,
        .layer = (uint8_t)(l - u->layers),
        .source = l->source,
    };
    struct rtp_extensions walk = rtp_extensions_of(&v);
    struct rtp_extension e;
    while (rtp_extensions_next(&walk, &e)) {
        read_extension(u, &e, p);
    }
    if (p->empty) {
        return STATUS_OK;
    }
    switch (p->codec) {
    case RTP_CODEC_VP8: read_vp8(p); break;
    case RTP_CODEC_VP9: read_vp9(p); break;
    case RTP_CODEC_H264: read_h264(l, p); break;
    case RTP_CODEC_AV1: read_av1(l, p); break;
    case RTP_CODEC_RED: read_red(p); break;
    default: break;
    }
    return STATUS_OK;
}
