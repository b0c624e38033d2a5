/* RTCP: any datagram; every reader meets every packet, and what feedback says is written back.
 * Covers: src/wire/rtcp.c src/wire/rtcp_write.c src/wire/rtcp_twcc.c */
#include "fuzz.h"
#include "rtcp_twcc.h"

static uint8_t space[70000];

static void reports(const struct rtcp_packet *p) {
    struct rtcp_reports r;
    if (rtcp_read_reports(p, &r) != STATUS_OK) {
        return;
    }
    struct rtcp_report list[RTCP_COUNT_MAX];
    size_t count = 0;
    while (rtcp_report_next(&r.blocks, &list[count])) {
        count++;
    }
    assert(count == p->count);
    struct rtp_out out = rtp_out_over(space, sizeof space);
    if (r.has_sender) {
        rtcp_put_sr(&out, r.ssrc, &r.sender, list, count);
    } else {
        rtcp_put_rr(&out, r.ssrc, list, count);
    }
    struct slice body = slice_after(rtp_out_slice(&out), 4); /* extensions of profiles are cut */
    assert(!out.failed && slice_starts_with(p->body, body));
}

static void descriptions(const struct rtcp_packet *p) {
    struct rtcp_sdes_walk w;
    struct rtcp_sdes_item item;
    if (rtcp_sdes_begin(p, &w) != STATUS_OK) {
        return;
    }
    while (rtcp_sdes_next(&w, &item)) {
        assert(inside(item.text, p->body) && item.type != 0);
        struct rtp_out out = rtp_out_over(space, sizeof space);
        rtcp_put_sdes(&out, item.ssrc, item.text, item.text);
        assert(!out.failed && out.len % 4 == 0);
    }
}

static void nack(const struct rtcp_feedback *f) {
    static uint16_t missed[17 * 20000];
    struct rtcp_nack_walk w = {.rest = f->control};
    size_t count = 0;
    while (rtcp_nack_next(&w, &missed[count])) {
        count++;
    }
    struct rtp_out out = rtp_out_over(space, sizeof space);
    rtcp_put_nack(&out, f->sender, f->media, missed, count);
    assert(!out.failed && out.len <= 12 + f->control.len);
    struct rtcp_nack_walk again = {.rest = slice_after(rtp_out_slice(&out), 12)};
    uint16_t sequence;
    for (size_t i = 0; i < count; i++) {
        assert(rtcp_nack_next(&again, &sequence) && sequence == missed[i]);
    }
    assert(!rtcp_nack_next(&again, &sequence));
}

static void twcc(const struct rtcp_packet *p) {
    struct rtcp_twcc t;
    if (rtcp_read_twcc(p, &t) != STATUS_OK) {
        return;
    }
    static int64_t arrivals[UINT16_MAX];
    struct rtcp_twcc_walk w = rtcp_twcc_begin(&t);
    struct rtcp_twcc_status s;
    size_t count = 0, last = 0;
    while (rtcp_twcc_next(&w, &s)) {
        arrivals[count++] = s.received && s.arrival_us >= 0 ? s.arrival_us : RTCP_TWCC_LOST;
        last = arrivals[count - 1] != RTCP_TWCC_LOST ? count : last;
    }
    assert(count == t.count);
    for (size_t from = 0; from < last;) {
        struct rtp_out out = rtp_out_over(space, sizeof space);
        size_t taken =
            rtcp_put_twcc(&out, t.sender, t.media, t.feedback_count,
                          (uint16_t)(t.base_sequence + from), arrivals + from, last - from);
        struct slice rest = rtp_out_slice(&out);
        struct rtcp_packet again;
        struct rtcp_twcc back;
        assert(!out.failed && taken > 0 && rtcp_next(&rest, &again) == STATUS_OK);
        assert(rtcp_read_twcc(&again, &back) == STATUS_OK && back.count == taken);
        w = rtcp_twcc_begin(&back);
        for (size_t i = 0; i < taken; i++) {
            assert(rtcp_twcc_next(&w, &s));
            assert(s.received == (arrivals[from + i] != RTCP_TWCC_LOST));
            /* a reference has 24 bits, so that times are those of its ring */
            assert(!s.received || (s.arrival_us - arrivals[from + i]) % (64000LL << 24) == 0);
        }
        from += taken;
    }
}

static void feedback(const struct rtcp_packet *p) {
    struct rtcp_feedback f;
    struct rtcp_fir fir;
    struct rtcp_remb remb;
    uint32_t ssrc;
    if (rtcp_read_feedback(p, &f) != STATUS_OK) {
        return;
    }
    assert(inside(f.control, p->body));
    if (rtcp_is_nack(p)) {
        nack(&f);
    }
    while (rtcp_is_fir(p) && rtcp_fir_next(&f.control, &fir)) {
        struct rtp_out out = rtp_out_over(space, sizeof space);
        rtcp_put_fir(&out, f.sender, &fir);
        assert(!out.failed);
    }
    if (rtcp_read_remb(p, &remb) == STATUS_OK) {
        while (rtcp_ssrc_next(&remb.ssrcs, &ssrc)) {
            struct rtp_out out = rtp_out_over(space, sizeof space);
            rtcp_put_remb(&out, f.sender, remb.bitrate_bps, &ssrc, 1);
            struct slice rest = rtp_out_slice(&out);
            struct rtcp_packet again;
            struct rtcp_remb back;
            assert(rtcp_next(&rest, &again) == STATUS_OK);
            assert(rtcp_read_remb(&again, &back) == STATUS_OK);
            assert(back.bitrate_bps == remb.bitrate_bps || remb.bitrate_bps == UINT64_MAX);
        }
    }
    twcc(p);
}

static void extended(const struct rtcp_packet *p) {
    uint32_t ssrc;
    uint64_t ntp;
    struct slice blocks;
    struct rtcp_xr_block b;
    struct rtcp_dlrr d;
    if (rtcp_read_xr(p, &ssrc, &blocks) != STATUS_OK) {
        return;
    }
    while (rtcp_xr_next(&blocks, &b)) {
        struct rtp_out out = rtp_out_over(space, sizeof space);
        assert(inside(b.content, p->body));
        if (rtcp_xr_read_rrtr(&b, &ntp)) {
            rtcp_put_xr_rrtr(&out, ssrc, ntp);
        }
        while (rtcp_dlrr_next(&b.content, &d)) {
            out.len = 0;
            rtcp_put_xr_dlrr(&out, ssrc, &d, 1);
        }
        assert(!out.failed);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice datagram = tight_copy(slice_of(data, size)), rest = datagram;
    struct rtcp_packet p;
    while (rtcp_next(&rest, &p) == STATUS_OK) {
        struct rtcp_bye bye;
        uint32_t ssrc;
        assert(inside(p.body, datagram) && p.count <= RTCP_COUNT_MAX);
        reports(&p);
        descriptions(&p);
        feedback(&p);
        extended(&p);
        if (rtcp_read_bye(&p, &bye) == STATUS_OK) {
            assert(inside(bye.reason, p.body));
            while (rtcp_ssrc_next(&bye.ssrcs, &ssrc)) {
            }
        }
    }
    assert(rest.len == 0);
    tight_free(datagram);
    return 0;
}
