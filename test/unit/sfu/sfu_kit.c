#include "sfu_kit.h"

#include <string.h>

struct rtp_section kit_up_section(enum rtp_codec codec, uint8_t layers) {
    static const char names[RTP_RIDS_MAX] = {'f', 'h', 'q'};
    bool video = codec >= RTP_CODEC_VP8;
    struct rtp_section s = {.video = video, .mid_len = 1, .mid = {'3'}, .formats_count = 1};
    s.formats[0] = (struct rtp_format){.codec = codec,
                                       .payload_type = KIT_UP_TYPE,
                                       .rtx_payload_type = video ? KIT_UP_RTX_TYPE : 0,
                                       .feedback = RTP_FEEDBACK_NACK | RTP_FEEDBACK_PLI};
    s.extension_ids[RTP_EXTENSION_MID] = KIT_UP_MID;
    s.extension_ids[RTP_EXTENSION_ABS_SEND_TIME] = KIT_UP_SEND_TIME;
    s.extension_ids[RTP_EXTENSION_ABS_CAPTURE_TIME] = KIT_UP_CAPTURE;
    s.extension_ids[RTP_EXTENSION_AUDIO_LEVEL] = KIT_UP_LEVEL;
    s.extension_ids[RTP_EXTENSION_DEPENDENCY_DESCRIPTOR] = KIT_UP_DEPENDENCY;
    for (size_t i = 0; layers > 1 && i < layers; i++) {
        s.rids[i] = (struct rtp_rid){.len = 1, .text = {names[RTP_RIDS_MAX - layers + i]}};
        s.rids_count++;
    }
    return s;
}

struct rtp_section kit_down_section(enum rtp_codec codec, bool rtx) {
    bool video = codec >= RTP_CODEC_VP8;
    struct rtp_section s = {.video = video, .mid_len = 2, .mid = {'1', '2'}, .formats_count = 1};
    s.formats[0] = (struct rtp_format){.codec = codec,
                                       .payload_type = KIT_DOWN_TYPE,
                                       .rtx_payload_type = rtx ? KIT_DOWN_RTX_TYPE : 0,
                                       .feedback = RTP_FEEDBACK_NACK};
    s.extension_ids[RTP_EXTENSION_MID] = KIT_DOWN_MID;
    s.extension_ids[RTP_EXTENSION_ABS_SEND_TIME] = KIT_DOWN_SEND_TIME;
    s.extension_ids[RTP_EXTENSION_ABS_CAPTURE_TIME] = KIT_DOWN_CAPTURE;
    s.extension_ids[RTP_EXTENSION_AUDIO_LEVEL] = KIT_DOWN_LEVEL;
    s.extension_ids[RTP_EXTENSION_DEPENDENCY_DESCRIPTOR] = KIT_DOWN_DEPENDENCY;
    return s;
}

struct uplink *kit_uplink(struct packet_pool *pool, enum rtp_codec codec, uint8_t layers) {
    struct rtp_section s = kit_up_section(codec, layers);
    struct uplink_config config = {.section = &s, .layers = layers, .rtcp_ssrc = 1, .pool = pool};
    for (uint8_t i = 0; i < layers; i++) {
        config.layer_of_rid[i] = (uint8_t)(layers - 1 - i);
    }
    struct uplink *u = NULL;
    enum status st = uplink_create(&config, &u);
    assert(st == STATUS_OK);
    for (uint8_t i = 0; i < layers; i++) {
        uplink_bind(u, i, kit_ssrc(i));
    }
    return u;
}

struct downlink *kit_downlink(enum rtp_codec codec, uint32_t rtx_ssrc) {
    struct rtp_section s = kit_down_section(codec, rtx_ssrc != 0);
    struct downlink_config config = {.section = &s,
                                     .ssrc = 5000,
                                     .rtx_ssrc = rtx_ssrc,
                                     .cname = SLICE_LIT("PA_x|TR_y"),
                                     .seed = 0x12345678};
    struct downlink *d = NULL;
    enum status st = downlink_create(&config, &d);
    assert(st == STATUS_OK);
    downlink_set_want(d, &(struct downlink_want){.layer_max = RTP_LAYERS_MAX - 1});
    return d;
}

uint32_t kit_ssrc(uint8_t layer) {
    return 0x1000u + layer;
}

size_t kit_vp8_payload(uint8_t *out, const struct kit_vp8 *v, struct slice body) {
    size_t n = 0;
    out[n++] = (uint8_t)(0x80 | (v->start ? 0x10 : 0)); /* extended; start of partition 0 */
    out[n++] = 0xf0;                                    /* all four fields */
    out[n++] = (uint8_t)(0x80 | (v->picture_id >> 8 & 0x7f));
    out[n++] = (uint8_t)v->picture_id;
    out[n++] = v->tl0_index;
    out[n++] = (uint8_t)(v->temporal << 6 | (v->layer_sync ? 0x20 : 0) | (v->key_index & 0x1f));
    out[n++] = v->key ? 0 : 1;
    if (body.len > 0) {
        memcpy(out + n, body.data, body.len);
    }
    return n + body.len;
}

struct slice kit_packet(uint8_t out[KIT_PACKET_BYTES], const struct kit_packet *p) {
    struct rtp_out o = rtp_out_over(out, KIT_PACKET_BYTES);
    struct rtp_header h = {.marker = p->marker,
                           .payload_type = p->payload_type,
                           .sequence = p->sequence,
                           .timestamp = p->timestamp,
                           .ssrc = p->ssrc};
    uint8_t level = (uint8_t)p->level;
    struct rtp_extension list[5];
    size_t count = 0;
    list[count++] = (struct rtp_extension){KIT_UP_SEND_TIME, SLICE_LIT("abc")};
    list[count++] = (struct rtp_extension){KIT_UP_MID, SLICE_LIT("3")};
    list[count++] = (struct rtp_extension){KIT_UP_CAPTURE, SLICE_LIT("12345678")};
    if (p->level >= 0) {
        list[count++] = (struct rtp_extension){KIT_UP_LEVEL, slice_of(&level, 1)};
    }
    if (p->dependency.len > 0) {
        list[count++] = (struct rtp_extension){KIT_UP_DEPENDENCY, p->dependency};
    }
    if (p->payload.len == 0) {
        rtp_put_padding_only(&o, &h, list, count, 10);
    } else {
        rtp_put_header(&o, &h, list, count);
        rtp_put(&o, p->payload);
    }
    assert(!o.failed);
    return rtp_out_slice(&o);
}

uint64_t kit_random(struct kit_random *r) {
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}
