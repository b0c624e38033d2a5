#include "rtcp.h"

#include "cursor.h"

enum {
    VERSION = 2,
    BIT_PADDING = 0x20,
    MASK_COUNT = 0x1f,
    FIR_BYTES = 8,
};

/* RFC 3550 pads to 4 bytes or 8, but transport-wide feedback says in this way how many of its last
 * 4 bytes are none of its own. */
static bool strip_padding(struct slice *body) {
    if (body->len == 0) {
        return false;
    }
    uint8_t padding = body->data[body->len - 1];
    if (padding == 0 || padding > body->len) {
        return false;
    }
    *body = slice_sub(*body, 0, body->len - padding);
    return true;
}

enum status rtcp_next(struct slice *rest, struct rtcp_packet *ret_packet) {
    if (rest->len == 0) {
        return STATUS_NOT_FOUND;
    }
    struct cursor c = cursor_over(*rest);
    uint8_t first = cursor_u8(&c);
    struct rtcp_packet p = {.count = first & MASK_COUNT};
    p.type = cursor_u8(&c);
    uint16_t words = cursor_be16(&c);
    p.body = cursor_take(&c, 4 * (size_t)words);
    bool ok = !c.failed && first >> 6 == VERSION &&
              ((first & BIT_PADDING) == 0 || strip_padding(&p.body));
    *rest = ok ? cursor_rest(&c) : (struct slice){0};
    if (!ok) {
        return STATUS_MALFORMED;
    }
    *ret_packet = p;
    return STATUS_OK;
}

enum status rtcp_read_reports(const struct rtcp_packet *p, struct rtcp_reports *ret_r) {
    struct cursor c = cursor_over(p->body);
    struct rtcp_reports r = {.ssrc = cursor_be32(&c), .has_sender = p->type == RTCP_SR};
    if (r.has_sender) {
        r.sender.ntp = cursor_be64(&c);
        r.sender.rtp_timestamp = cursor_be32(&c);
        r.sender.packets = cursor_be32(&c);
        r.sender.bytes = cursor_be32(&c);
    }
    r.blocks = cursor_take(&c, (size_t)p->count * RTCP_REPORT_BYTES);
    if (c.failed || (p->type != RTCP_SR && p->type != RTCP_RR)) {
        return STATUS_MALFORMED;
    }
    *ret_r = r;
    return STATUS_OK;
}

bool rtcp_report_next(struct slice *blocks, struct rtcp_report *ret_report) {
    struct cursor c = cursor_over(*blocks);
    struct rtcp_report r = {.ssrc = cursor_be32(&c)};
    uint32_t loss = cursor_be32(&c);
    r.fraction_lost = (uint8_t)(loss >> 24);
    /* 24 bits with a sign: pushed to the top, then down again with the sign behind them. */
    r.lost = (int32_t)(loss << 8) / 256;
    r.highest_sequence = cursor_be32(&c);
    r.jitter = cursor_be32(&c);
    r.last_sr = cursor_be32(&c);
    r.delay_last_sr = cursor_be32(&c);
    if (c.failed) {
        return false;
    }
    *blocks = cursor_rest(&c);
    *ret_report = r;
    return true;
}

enum status rtcp_sdes_begin(const struct rtcp_packet *p, struct rtcp_sdes_walk *ret_w) {
    if (p->type != RTCP_SDES) {
        return STATUS_MALFORMED;
    }
    *ret_w = (struct rtcp_sdes_walk){.rest = p->body, .chunks = p->count};
    return STATUS_OK;
}

/* A chunk ends with a zero byte and is filled up to 4 bytes with more of them. As chunks begin at
 * such borders of the body, so does the next: what is left is a multiple of 4. */
static void end_chunk(struct rtcp_sdes_walk *w, struct cursor *c) {
    cursor_skip(c, cursor_left(c) % 4);
    w->inside = false;
}

bool rtcp_sdes_next(struct rtcp_sdes_walk *w, struct rtcp_sdes_item *ret_item) {
    struct cursor c = cursor_over(w->rest);
    while (!c.failed && (w->inside || w->chunks > 0)) {
        if (!w->inside) {
            w->chunks--;
            w->inside = true;
            w->ssrc = cursor_be32(&c);
        }
        struct rtcp_sdes_item item = {.ssrc = w->ssrc, .type = cursor_u8(&c)};
        if (item.type == 0) {
            end_chunk(w, &c);
            continue;
        }
        uint8_t len = cursor_u8(&c);
        item.text = cursor_take(&c, len);
        if (!c.failed) {
            w->rest = cursor_rest(&c);
            *ret_item = item;
            return true;
        }
    }
    *w = (struct rtcp_sdes_walk){0};
    return false;
}

enum status rtcp_read_bye(const struct rtcp_packet *p, struct rtcp_bye *ret_bye) {
    struct cursor c = cursor_over(p->body);
    struct rtcp_bye bye = {.ssrcs = cursor_take(&c, 4 * (size_t)p->count)};
    if (cursor_left(&c) > 0) {
        uint8_t len = cursor_u8(&c);
        bye.reason = cursor_take(&c, len);
    }
    if (c.failed || p->type != RTCP_BYE) {
        return STATUS_MALFORMED;
    }
    *ret_bye = bye;
    return STATUS_OK;
}

bool rtcp_ssrc_next(struct slice *ssrcs, uint32_t *ret_ssrc) {
    struct cursor c = cursor_over(*ssrcs);
    uint32_t ssrc = cursor_be32(&c);
    if (c.failed) {
        return false;
    }
    *ssrcs = cursor_rest(&c);
    *ret_ssrc = ssrc;
    return true;
}

enum status rtcp_read_feedback(const struct rtcp_packet *p, struct rtcp_feedback *ret_f) {
    struct cursor c = cursor_over(p->body);
    struct rtcp_feedback f = {.sender = cursor_be32(&c)};
    f.media = cursor_be32(&c);
    f.control = cursor_rest(&c);
    if (c.failed || (p->type != RTCP_TRANSPORT_FEEDBACK && p->type != RTCP_PAYLOAD_FEEDBACK)) {
        return STATUS_MALFORMED;
    }
    *ret_f = f;
    return STATUS_OK;
}

bool rtcp_is_nack(const struct rtcp_packet *p) {
    return p->type == RTCP_TRANSPORT_FEEDBACK && p->count == RTCP_FORMAT_NACK;
}

bool rtcp_is_twcc(const struct rtcp_packet *p) {
    return p->type == RTCP_TRANSPORT_FEEDBACK && p->count == RTCP_FORMAT_TWCC;
}

bool rtcp_is_pli(const struct rtcp_packet *p) {
    return p->type == RTCP_PAYLOAD_FEEDBACK && p->count == RTCP_FORMAT_PLI;
}

bool rtcp_is_fir(const struct rtcp_packet *p) {
    return p->type == RTCP_PAYLOAD_FEEDBACK && p->count == RTCP_FORMAT_FIR;
}

bool rtcp_nack_next(struct rtcp_nack_walk *w, uint16_t *ret_sequence) {
    if (w->later != 0) {
        unsigned bit = (unsigned)__builtin_ctz(w->later);
        w->later &= (uint16_t)(w->later - 1);
        *ret_sequence = (uint16_t)(w->base + bit + 1);
        return true;
    }
    struct cursor c = cursor_over(w->rest);
    uint16_t base = cursor_be16(&c), later = cursor_be16(&c);
    if (c.failed) {
        return false;
    }
    *w = (struct rtcp_nack_walk){.rest = cursor_rest(&c), .base = base, .later = later};
    *ret_sequence = base;
    return true;
}

bool rtcp_fir_next(struct slice *control, struct rtcp_fir *ret_fir) {
    struct cursor c = cursor_over(*control);
    struct rtcp_fir fir = {.ssrc = cursor_be32(&c)};
    fir.sequence = cursor_u8(&c);
    cursor_skip(&c, FIR_BYTES - 5);
    if (c.failed) {
        return false;
    }
    *control = cursor_rest(&c);
    *ret_fir = fir;
    return true;
}

enum status rtcp_read_remb(const struct rtcp_packet *p, struct rtcp_remb *ret_remb) {
    struct rtcp_feedback f;
    enum status status = rtcp_read_feedback(p, &f);
    if (status != STATUS_OK) {
        return status;
    }
    struct cursor c = cursor_over(f.control);
    struct slice name = cursor_take(&c, 4);
    if (p->type != RTCP_PAYLOAD_FEEDBACK || p->count != RTCP_FORMAT_APPLICATION ||
        !slice_eq(name, SLICE_LIT("REMB"))) {
        return STATUS_NOT_FOUND;
    }
    uint8_t count = cursor_u8(&c), high = cursor_u8(&c);
    uint64_t mantissa = (uint64_t)(high & 3) << 16 | cursor_be16(&c);
    unsigned exponent = high >> 2;
    struct rtcp_remb remb = {.ssrcs = cursor_take(&c, 4 * (size_t)count)};
    if (c.failed) {
        return STATUS_MALFORMED;
    }
    bool fits = mantissa << exponent >> exponent == mantissa;
    remb.bitrate_bps = fits ? mantissa << exponent : UINT64_MAX;
    *ret_remb = remb;
    return STATUS_OK;
}

enum status rtcp_read_xr(const struct rtcp_packet *p, uint32_t *ret_ssrc,
                         struct slice *ret_blocks) {
    struct cursor c = cursor_over(p->body);
    uint32_t ssrc = cursor_be32(&c);
    if (c.failed || p->type != RTCP_XR) {
        return STATUS_MALFORMED;
    }
    *ret_ssrc = ssrc;
    *ret_blocks = cursor_rest(&c);
    return STATUS_OK;
}

bool rtcp_xr_next(struct slice *blocks, struct rtcp_xr_block *ret_block) {
    struct cursor c = cursor_over(*blocks);
    struct rtcp_xr_block b = {.type = cursor_u8(&c)};
    cursor_skip(&c, 1);
    uint16_t words = cursor_be16(&c);
    b.content = cursor_take(&c, 4 * (size_t)words);
    if (c.failed) {
        *blocks = (struct slice){0};
        return false;
    }
    *blocks = cursor_rest(&c);
    *ret_block = b;
    return true;
}

bool rtcp_xr_read_rrtr(const struct rtcp_xr_block *b, uint64_t *ret_ntp) {
    struct cursor c = cursor_over(b->content);
    uint64_t ntp = cursor_be64(&c);
    if (c.failed || b->type != RTCP_XR_RRTR) {
        return false;
    }
    *ret_ntp = ntp;
    return true;
}

bool rtcp_dlrr_next(struct slice *content, struct rtcp_dlrr *ret_dlrr) {
    struct cursor c = cursor_over(*content);
    struct rtcp_dlrr d = {.ssrc = cursor_be32(&c)};
    d.last_rr = cursor_be32(&c);
    d.delay_last_rr = cursor_be32(&c);
    if (c.failed) {
        return false;
    }
    *content = cursor_rest(&c);
    *ret_dlrr = d;
    return true;
}
