/* One publisher and one subscriber, both hostile: whatever packets, RTCP and wishes come, a number
 * is given once, and given again only as the same bytes.
 * Longest: 1500 bytes
 * Covers: src/sfu/uplink*.c src/sfu/downlink*.c src/sfu/renumber.c src/sfu/history.c
 *   src/sfu/nack_list.c src/sfu/twcc_recorder.c */
#include "fuzz.h"
#include "rtp.h"
#include "sfu_kit.h"
#include "twcc_recorder.h"

enum { PAYLOAD_MAX = 80, NUMBERS = 65536 };

struct input {
    const uint8_t *data;
    size_t left;
};
static uint8_t next(struct input *in) {
    if (in->left == 0) {
        return 0;
    }
    in->left--;
    return *in->data++;
}

struct run {
    struct input in;
    struct packet_pool pool;
    struct uplink *u;
    struct downlink *d;
    struct twcc_recorder twcc;
    uint64_t now;
    uint16_t sequence, newest; /* of the publisher; that the subscriber got */
    uint32_t timestamp, sent;
    uint32_t last_sr; /* of our reports to the subscriber: the middle of its clock */
    bool held;
};
static struct {
    uint64_t hash; /* of the bytes under a number; 0: not given */
    uint64_t run;  /* in which: what others gave does not count */
} given[NUMBERS];
static uint64_t runs;

static uint64_t *slot_of(uint16_t sequence) {
    if (given[sequence].run != runs) {
        given[sequence].run = runs;
        given[sequence].hash = 0;
    }
    return &given[sequence].hash;
}

static uint64_t hash_of(struct slice s) {
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < s.len; i++) {
        h = (h ^ s.data[i]) * UINT64_C(0x100000001b3);
    }
    return h | 1;
}

static void sent(struct run *r, struct slice packet, bool again) {
    struct rtp_view v;
    assert(rtp_read(packet, &v) == STATUS_OK);
    if (v.header.ssrc != 5000) {
        assert(!again && v.header.ssrc == 6000 && v.payload.len >= RTP_RTX_BYTES);
        return;
    }
    uint64_t hash = hash_of(packet), *slot = slot_of(v.header.sequence);
    assert(again ? *slot == hash : *slot == 0);
    if (!again) {
        *slot = hash;
        while ((int16_t)(v.header.sequence - r->newest) > 0) { /* far behind it is forgotten */
            *slot_of((uint16_t)(++r->newest + NUMBERS / 2)) = 0;
        }
    }
    r->sent++;
}

static void forward(struct run *r, uint8_t layer, struct slice packet) {
    struct slice copy = tight_copy(packet);
    struct uplink_packet p;
    uint8_t bytes[KIT_PACKET_BYTES];
    if (uplink_take(r->u, r->now, layer, copy, &p) == STATUS_OK) {
        struct rtp_out out =
            rtp_out_over(bytes, uplink_packet_bytes(&p) + DOWNLINK_HEADER_BYTES_MAX);
        bool more = downlink_forward(r->d, r->u, r->now, &p, &out);
        while (more) {
            sent(r, rtp_out_slice(&out), false);
            out = rtp_out_over(bytes, sizeof bytes);
            more = !r->held && downlink_catch_up(r->d, r->u, r->now, &out);
        }
        assert(uplink_newest(r->u, layer) - p.sequence < 70000);
    }
    tight_free(copy);
}

static void packet(struct run *r, uint8_t layer) {
    uint8_t payload[PAYLOAD_MAX], packet[KIT_PACKET_BYTES];
    uint8_t flags = next(&r->in);
    r->sequence = (uint16_t)(r->sequence + 1 + ((flags & 1) ? next(&r->in) - 128 : 0) +
                             ((flags & 2) ? next(&r->in) * 64 : 0));
    r->timestamp += (flags & 4) ? 3000u : 0u;
    r->timestamp -= (flags & 8) ? next(&r->in) * 100u : 0u;
    size_t len = next(&r->in) % PAYLOAD_MAX;
    for (size_t i = 0; i < len; i++) {
        payload[i] = next(&r->in);
    }
    struct kit_packet k = {.sequence = r->sequence,
                           .timestamp = r->timestamp,
                           .ssrc = kit_ssrc(layer),
                           .payload_type = KIT_UP_TYPE,
                           .marker = (flags & 16) != 0,
                           .level = (flags & 32) != 0 ? 30 : -1,
                           .payload = slice_of(payload, len)};
    forward(r, layer, kit_packet(packet, &k));
    twcc_recorder_take(&r->twcc, r->now, (uint16_t)(r->sequence * 3u), (flags & 16) != 0);
}

static void raw(struct run *r, uint8_t layer) {
    uint8_t bytes[PAYLOAD_MAX];
    size_t len = next(&r->in) % PAYLOAD_MAX;
    for (size_t i = 0; i < len; i++) {
        bytes[i] = next(&r->in);
    }
    if (len > 12 && (next(&r->in) & 1) != 0) {
        rtp_set_ssrc(bytes, kit_ssrc(layer));
        rtp_set_payload_type(bytes, KIT_UP_TYPE);
        bytes[0] = (uint8_t)(0x80 | (bytes[0] & 0x3f));
    }
    forward(r, layer, slice_of(bytes, len));
}

static void resend(struct run *r, uint16_t sequence) {
    uint8_t bytes[KIT_PACKET_BYTES];
    struct rtp_out out = rtp_out_over(bytes, sizeof bytes);
    enum downlink_resend answer = downlink_resend(r->d, r->u, r->now, sequence, &out);
    if (answer != DOWNLINK_RESEND_NONE) {
        sent(r, rtp_out_slice(&out), answer == DOWNLINK_RESEND_AGAIN);
    }
}

/* The pacer closes, or lets some of what waits go on. */
static void pace(struct run *r, uint8_t packets) {
    uint8_t bytes[KIT_PACKET_BYTES];
    for (; r->held && packets > 0; packets--) {
        struct rtp_out out = rtp_out_over(bytes, sizeof bytes);
        if (!downlink_catch_up(r->d, r->u, r->now, &out)) {
            downlink_set_held(r->d, false);
            r->held = false;
            return;
        }
        sent(r, rtp_out_slice(&out), false);
    }
    if (!r->held) {
        downlink_set_held(r->d, true);
        r->held = true;
    }
}

static void rtcp(struct run *r) {
    uint8_t bytes[PAYLOAD_MAX];
    size_t len = next(&r->in) % PAYLOAD_MAX;
    for (size_t i = 0; i < len; i++) {
        bytes[i] = next(&r->in);
    }
    struct slice rest = slice_of(bytes, len);
    struct rtcp_packet p;
    while (rtcp_next(&rest, &p) == STATUS_OK) {
        struct rtcp_reports reports;
        struct rtcp_report report;
        struct rtcp_feedback f;
        if (rtcp_read_reports(&p, &reports) == STATUS_OK) {
            if (reports.has_sender) {
                uplink_take_sender_report(r->u, r->now, 0, &reports.sender);
            }
            while (rtcp_report_next(&reports.blocks, &report)) {
                downlink_take_report(r->d, r->now, &report);
            }
        } else if (rtcp_is_nack(&p) && rtcp_read_feedback(&p, &f) == STATUS_OK) {
            struct rtcp_nack_walk walk = {.rest = f.control};
            uint16_t sequence;
            while (rtcp_nack_next(&walk, &sequence)) {
                resend(r, sequence);
            }
        } else if (rtcp_is_pli(&p)) {
            downlink_take_key_request(r->d, r->u, r->now);
        }
    }
}

static void tell(struct run *r) {
    uint8_t bytes[UPLINK_FEEDBACK_BYTES_MAX];
    struct rtp_out out = rtp_out_over(bytes, sizeof bytes);
    (void)uplink_feedback(r->u, r->now, &out);
    out.len = 0;
    struct rtcp_packet p;
    struct rtcp_reports reports;
    struct slice rest = slice_of(NULL, 0);
    if (downlink_report(r->d, r->u, r->now, &out)) {
        rest = rtp_out_slice(&out);
    }
    while (rest.len > 0 && rtcp_next(&rest, &p) == STATUS_OK) {
        if (rtcp_read_reports(&p, &reports) == STATUS_OK && reports.has_sender) {
            r->last_sr = (uint32_t)(reports.sender.ntp >> 16);
        }
    }
    out.len = 0;
    while (twcc_recorder_write(&r->twcc, r->now, 1, 2, &out)) {
        out.len = 0;
    }
    downlink_tick(r->d, r->u, r->now);
}

/* What the server says itself: silence, which has numbers like all else, and padding beside them.
 */
static void own(struct run *r, size_t trailer) {
    uint8_t bytes[KIT_PACKET_BYTES], end[32] = {0};
    struct rtp_out out = rtp_out_over(bytes, sizeof bytes);
    if (downlink_silence(r->d, r->now, slice_of(end, trailer % sizeof end), &out)) {
        sent(r, rtp_out_slice(&out), false);
    }
    out.len = 0;
    struct rtp_view v;
    if (downlink_pad(r->d, r->now, &out)) {
        assert(rtp_read(rtp_out_slice(&out), &v) == STATUS_OK);
        assert(v.header.ssrc == 6000 && v.payload.len == 0 && v.padding == UINT8_MAX);
    }
}

/* The subscriber's report, which may answer ours, and its wish for a key frame. */
static void answer(struct run *r, uint8_t arg) {
    const struct rtcp_report report = {.ssrc = 5000,
                                       .fraction_lost = arg,
                                       .jitter = arg * 16u,
                                       .last_sr = (arg & 1) != 0 ? r->last_sr : arg,
                                       .delay_last_sr = arg * 256u};
    (void)downlink_take_report(r->d, r->now, &report);
    downlink_hasten_report(r->d);
    if ((arg & 2) != 0) {
        downlink_take_key_request(r->d, r->u, r->now);
    }
}

/* What the worker reads and tells between packets. */
static void look(struct run *r, uint8_t layer, uint8_t arg) {
    struct uplink_stats in;
    struct downlink_stats out;
    uplink_take_stats(r->u, &in);
    downlink_read_stats(r->d, &out);
    uplink_set_rtt(r->u, arg * 1000u);
    uplink_bind_rtx(r->u, layer, kit_ssrc(layer) + 100);
    assert(uplink_bitrate(r->u, layer, UPLINK_TEMPORALS_MAX - 1) >= uplink_bitrate(r->u, layer, 0));
    (void)uplink_spatial_bitrate(r->u, layer, arg % RTP_LAYERS_MAX);
    assert(downlink_layer(r->d) == DOWNLINK_LAYER_NONE ||
           downlink_layer(r->d) < uplink_layers(r->u));
    assert(uplink_key_frames_wanted(r->u) < 1u << uplink_layers(r->u));
    (void)uplink_due_us(r->u);
}

static void step(struct run *r) {
    uint8_t op = next(&r->in), layer = (uint8_t)((op >> 4) % uplink_layers(r->u));
    r->now += (op & 0x80) != 0 ? 1000u * next(&r->in) : 500u;
    uint8_t arg;
    switch (op & 15) {
    case 0: raw(r, layer); break;
    case 1:
        arg = next(&r->in);
        downlink_set_want(r->d, &(struct downlink_want){.paused = arg % 8 == 0,
                                                        .layer_max = arg >> 4 & 3,
                                                        .fps_max = (arg & 64) ? 20 : 0});
        break;
    case 2:
        arg = next(&r->in);
        downlink_set_limit(r->d, (struct downlink_limit){.layer_max = arg % 3,
                                                         .temporal_max = arg >> 2 & 3,
                                                         .hard = arg > 127});
        break;
    case 3: tell(r); break;
    case 4: rtcp(r); break;
    case 5:
        arg = next(&r->in);
        resend(r, (uint16_t)(0x5678 + arg));
        break;
    case 6: uplink_bind(r->u, layer, kit_ssrc(layer) + next(&r->in) % 2); break;
    case 7: uplink_set_muted(r->u, (next(&r->in) & 1) != 0); break;
    case 8: pace(r, next(&r->in) % 16); break;
    case 10: own(r, next(&r->in)); break;
    case 14: answer(r, next(&r->in)); break;
    case 15: look(r, layer, next(&r->in)); break;
    default: packet(r, layer); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const enum rtp_codec codecs[] = {RTP_CODEC_VP8,  RTP_CODEC_VP8, RTP_CODEC_VP9,
                                            RTP_CODEC_H264, RTP_CODEC_AV1, RTP_CODEC_OPUS,
                                            RTP_CODEC_RED};
    struct run r = {.in = {data, size}, .now = 1000000, .sequence = 65000, .newest = 0x5678};
    runs++;
    uint8_t first = next(&r.in);
    enum rtp_codec up = codecs[first % ARRAY_LEN(codecs)];
    enum rtp_codec down = up == RTP_CODEC_RED ? RTP_CODEC_OPUS : up;
    packet_pool_init(&r.pool, 20 + first);
    r.u = kit_uplink(&r.pool, up, up >= RTP_CODEC_VP8 ? 3 : 1);
    r.d = kit_downlink(down, (first & 0x80) != 0 && down >= RTP_CODEC_VP8 ? 6000 : 0);
    twcc_recorder_init(&r.twcc);
    while (r.in.left > 0) {
        (void)packet_pool_refill(&r.pool);
        step(&r);
    }
    r.u = uplink_destroy(r.u);
    r.d = downlink_destroy(r.d);
    packet_pool_deinit(&r.pool);
    return 0;
}
