#include "rtcp.h"

#include "rtcp_priv.h"

enum {
    BIT_PADDING = 0x20,
    NACK_LATER_MAX = 16, /* sequence numbers behind the first of one entry */
    REMB_MANTISSA_BITS = 18,
    XR_RRTR_WORDS = 2,
    XR_DLRR_WORDS = 3, /* each */
};

struct rtcp_open rtcp_open(struct rtp_out *out, uint8_t type, size_t count) {
    assert(count <= RTCP_COUNT_MAX);
    struct rtcp_open open = {.begin = out->len};
    rtp_put_u8(out, (uint8_t)(2 << 6 | count));
    rtp_put_u8(out, type);
    rtp_put_be16(out, 0);
    return open;
}

void rtcp_close(struct rtp_out *out, struct rtcp_open open) {
    if (out->failed) {
        return;
    }
    size_t words = (out->len - open.begin) / 4 - 1;
    assert((out->len - open.begin) % 4 == 0 && words <= UINT16_MAX);
    out->data[open.begin + 2] = (uint8_t)(words >> 8);
    out->data[open.begin + 3] = (uint8_t)words;
}

void rtcp_put_padding(struct rtp_out *out, struct rtcp_open open, size_t bytes) {
    if (bytes == 0) {
        return;
    }
    assert(bytes <= UINT8_MAX);
    rtp_put_zeros(out, bytes - 1);
    rtp_put_u8(out, (uint8_t)bytes);
    if (!out->failed) {
        out->data[open.begin] |= BIT_PADDING;
    }
}

static void put_report(struct rtp_out *out, const struct rtcp_report *r) {
    int32_t lost = MAX(MIN(r->lost, RTCP_LOST_MAX), -RTCP_LOST_MAX - 1);
    rtp_put_be32(out, r->ssrc);
    rtp_put_be32(out, (uint32_t)r->fraction_lost << 24 | ((uint32_t)lost & 0xffffff));
    rtp_put_be32(out, r->highest_sequence);
    rtp_put_be32(out, r->jitter);
    rtp_put_be32(out, r->last_sr);
    rtp_put_be32(out, r->delay_last_sr);
}

void rtcp_put_sr(struct rtp_out *out, uint32_t ssrc, const struct rtcp_sender *sender,
                 const struct rtcp_report *reports, size_t count) {
    struct rtcp_open open = rtcp_open(out, RTCP_SR, count);
    rtp_put_be32(out, ssrc);
    rtp_put_be64(out, sender->ntp);
    rtp_put_be32(out, sender->rtp_timestamp);
    rtp_put_be32(out, sender->packets);
    rtp_put_be32(out, sender->bytes);
    for (size_t i = 0; i < count; i++) {
        put_report(out, &reports[i]);
    }
    rtcp_close(out, open);
}

void rtcp_put_rr(struct rtp_out *out, uint32_t ssrc, const struct rtcp_report *reports,
                 size_t count) {
    struct rtcp_open open = rtcp_open(out, RTCP_RR, count);
    rtp_put_be32(out, ssrc);
    for (size_t i = 0; i < count; i++) {
        put_report(out, &reports[i]);
    }
    rtcp_close(out, open);
}

static void put_sdes_item(struct rtp_out *out, uint8_t type, struct slice text) {
    assert(text.len <= RTCP_TEXT_BYTES_MAX);
    rtp_put_u8(out, type);
    rtp_put_u8(out, (uint8_t)text.len);
    rtp_put(out, text);
}

void rtcp_put_sdes(struct rtp_out *out, uint32_t ssrc, struct slice cname, struct slice mid) {
    struct rtcp_open open = rtcp_open(out, RTCP_SDES, 1);
    rtp_put_be32(out, ssrc);
    put_sdes_item(out, RTCP_SDES_CNAME, cname);
    if (mid.len > 0) {
        put_sdes_item(out, RTCP_SDES_MID, mid);
    }
    rtp_put_zeros(out, 4 - (out->len - open.begin) % 4); /* one at least: it ends the chunk */
    rtcp_close(out, open);
}

void rtcp_put_bye(struct rtp_out *out, const uint32_t *ssrcs, size_t count) {
    struct rtcp_open open = rtcp_open(out, RTCP_BYE, count);
    for (size_t i = 0; i < count; i++) {
        rtp_put_be32(out, ssrcs[i]);
    }
    rtcp_close(out, open);
}

struct rtcp_open rtcp_open_feedback(struct rtp_out *out, uint8_t type, uint8_t format,
                                    uint32_t sender, uint32_t media) {
    struct rtcp_open open = rtcp_open(out, type, format);
    rtp_put_be32(out, sender);
    rtp_put_be32(out, media);
    return open;
}

void rtcp_put_nack(struct rtp_out *out, uint32_t sender, uint32_t media, const uint16_t *sequences,
                   size_t count) {
    struct rtcp_open open =
        rtcp_open_feedback(out, RTCP_TRANSPORT_FEEDBACK, RTCP_FORMAT_NACK, sender, media);
    for (size_t i = 0; i < count;) {
        uint16_t base = sequences[i++], later = 0, last = 0;
        for (; i < count; i++) {
            uint16_t ahead = (uint16_t)(sequences[i] - base);
            if (ahead <= last || ahead > NACK_LATER_MAX) {
                break; /* also what comes twice or out of order */
            }
            last = ahead;
            later |= (uint16_t)(1u << (ahead - 1));
        }
        rtp_put_be16(out, base);
        rtp_put_be16(out, later);
    }
    rtcp_close(out, open);
}

void rtcp_put_pli(struct rtp_out *out, uint32_t sender, uint32_t media) {
    rtcp_close(out, rtcp_open_feedback(out, RTCP_PAYLOAD_FEEDBACK, RTCP_FORMAT_PLI, sender, media));
}

void rtcp_put_fir(struct rtp_out *out, uint32_t sender, const struct rtcp_fir *fir) {
    struct rtcp_open open =
        rtcp_open_feedback(out, RTCP_PAYLOAD_FEEDBACK, RTCP_FORMAT_FIR, sender, 0);
    rtp_put_be32(out, fir->ssrc);
    rtp_put_u8(out, fir->sequence);
    rtp_put_zeros(out, 3);
    rtcp_close(out, open);
}

void rtcp_put_remb(struct rtp_out *out, uint32_t sender, uint64_t bitrate_bps,
                   const uint32_t *ssrcs, size_t count) {
    assert(count <= UINT8_MAX);
    unsigned exponent = 0;
    while (bitrate_bps >> exponent >= 1u << REMB_MANTISSA_BITS) {
        exponent++;
    }
    uint32_t mantissa = (uint32_t)(bitrate_bps >> exponent);
    struct rtcp_open open =
        rtcp_open_feedback(out, RTCP_PAYLOAD_FEEDBACK, RTCP_FORMAT_APPLICATION, sender, 0);
    rtp_put(out, SLICE_LIT("REMB"));
    rtp_put_be32(out, (uint32_t)count << 24 | exponent << REMB_MANTISSA_BITS | mantissa);
    for (size_t i = 0; i < count; i++) {
        rtp_put_be32(out, ssrcs[i]);
    }
    rtcp_close(out, open);
}

static struct rtcp_open open_xr(struct rtp_out *out, uint32_t ssrc, uint8_t type, size_t words) {
    struct rtcp_open open = rtcp_open(out, RTCP_XR, 0);
    rtp_put_be32(out, ssrc);
    rtp_put_u8(out, type);
    rtp_put_u8(out, 0);
    rtp_put_be16(out, (uint16_t)words);
    return open;
}

void rtcp_put_xr_rrtr(struct rtp_out *out, uint32_t ssrc, uint64_t ntp) {
    struct rtcp_open open = open_xr(out, ssrc, RTCP_XR_RRTR, XR_RRTR_WORDS);
    rtp_put_be64(out, ntp);
    rtcp_close(out, open);
}

void rtcp_put_xr_dlrr(struct rtp_out *out, uint32_t ssrc, const struct rtcp_dlrr *list,
                      size_t count) {
    assert(count <= RTCP_COUNT_MAX);
    struct rtcp_open open = open_xr(out, ssrc, RTCP_XR_DLRR, XR_DLRR_WORDS * count);
    for (size_t i = 0; i < count; i++) {
        rtp_put_be32(out, list[i].ssrc);
        rtp_put_be32(out, list[i].last_rr);
        rtp_put_be32(out, list[i].delay_last_rr);
    }
    rtcp_close(out, open);
}
