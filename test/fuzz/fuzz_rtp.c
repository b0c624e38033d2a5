/* RTP: any packet; what reads well is forwarded as the same payload, wrapped and unwrapped.
 * Covers: src/wire/rtp.c src/wire/rtp_extension.c */
#include "fuzz.h"
#include "rtp.h"
#include "rtp_extension.h"

enum { LIST_MAX = 32 };

static void read_values(struct slice value) {
    struct slice text;
    struct rtp_audio_level level;
    struct rtp_abs_capture_time capture;
    struct rtp_playout_delay delay;
    uint32_t time;
    uint16_t sequence;
    uint8_t bytes[RTP_ABS_CAPTURE_TIME_BYTES_MAX];
    assert(!rtp_read_mid(value, &text) || slice_eq(text, value));
    assert(!rtp_read_rid(value, &text) || slice_is_text(text));
    if (rtp_read_audio_level(value, &level)) {
        rtp_write_audio_level(level, bytes);
        assert(slice_eq(value, slice_of(bytes, RTP_AUDIO_LEVEL_BYTES)));
    }
    if (rtp_read_abs_send_time(value, &time)) {
        rtp_write_abs_send_time(time, bytes);
        assert(slice_eq(value, slice_of(bytes, RTP_ABS_SEND_TIME_BYTES)));
    }
    if (rtp_read_abs_capture_time(value, &capture)) {
        assert(slice_eq(value, slice_of(bytes, rtp_write_abs_capture_time(&capture, bytes))));
    }
    if (rtp_read_playout_delay(value, &delay)) {
        rtp_write_playout_delay(delay, bytes);
        assert(slice_eq(value, slice_of(bytes, RTP_PLAYOUT_DELAY_BYTES)));
    }
    (void)rtp_read_transport_sequence(value, &sequence);
}

static size_t walk(const struct rtp_view *v, struct rtp_extension list[LIST_MAX]) {
    struct rtp_extensions walk = rtp_extensions_of(v);
    struct rtp_extension e;
    size_t count = 0;
    while (rtp_extensions_next(&walk, &e)) {
        assert(e.id != 0 && inside(e.value, v->extensions));
        read_values(e.value);
        if (count < LIST_MAX) {
            list[count++] = e;
        }
    }
    return count;
}

static void forward(const struct rtp_view *v, const struct rtp_extension *list, size_t count) {
    static uint8_t space[80000];
    struct rtp_out out = rtp_out_over(space, sizeof space);
    rtp_put_rtx(&out, &v->header, list, count, v->header.sequence, v->payload);
    assert(!out.failed);
    struct slice original;
    struct rtp_view back;
    assert(rtp_unwrap_rtx(space, out.len, v->header.payload_type, v->header.ssrc, &original) ==
           STATUS_OK);
    assert(rtp_read(original, &back) == STATUS_OK && slice_eq(back.payload, v->payload));
    assert(memcmp(&back.header, &v->header, sizeof back.header) == 0);
    struct rtp_extension again[LIST_MAX];
    assert(walk(&back, again) == count);
    for (size_t i = 0; i < count; i++) {
        assert(again[i].id == list[i].id && slice_eq(again[i].value, list[i].value));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice packet = tight_copy(slice_of(data, size));
    struct rtp_view v;
    if (rtp_read(packet, &v) == STATUS_OK) {
        struct rtp_extension list[LIST_MAX];
        assert(inside(v.payload, packet) && inside(v.csrcs, packet));
        assert(inside(v.extensions, packet));
        size_t count = walk(&v, list);
        forward(&v, list, count);
        uint8_t *bytes = (uint8_t *)(uintptr_t)packet.data;
        if (count > 0) {
            struct slice value = list[count - 1].value, found;
            assert(rtp_extension_find(&v, list[count - 1].id, &found));
            (void)rtp_set_extension(bytes, size, list[count - 1].id, value);
        }
        struct slice original;
        (void)!rtp_unwrap_rtx(bytes, size, 96, 1, &original);
    }
    tight_free(packet);
    return 0;
}
