/* What the server itself sends: silence, where the publisher's audio stops in the middle of a
 * sound; and padding. */
#include "downlink_priv.h"
#include "red.h"

enum { SILENCE_TICKS = DOWNLINK_SILENCE_US / 1000 * 48 };

/* No packet of the uplink stands behind these numbers: they are not sent again. What comes after
 * them enters anew, and goes on behind them. */
bool downlink_silence(struct downlink *d, uint64_t now_us, struct slice trailer,
                      struct rtp_out *out) {
    assert(trailer.len + OPUS_SILENCE_BYTES + DOWNLINK_HEADER_BYTES_MAX <= out->cap - out->len);
    if (d->codec != RTP_CODEC_OPUS || !d->sent_any || d->layer != DOWNLINK_LAYER_NONE) {
        return false;
    }
    d->timestamp += SILENCE_TICKS;
    d->timestamp_us = now_us;
    const struct rtp_header h = {
        .payload_type = d->payload_type,
        .sequence = (uint16_t)d->next_sequence++,
        .timestamp = d->timestamp,
        .ssrc = d->ssrc,
    };
    downlink_write_own(d, &h, rtp_abs_send_time_of_us(now_us), 0, out);
    rtp_put(out, slice_of(opus_silence, OPUS_SILENCE_BYTES));
    rtp_put(out, trailer);
    assert(!out->failed);
    d->stats.packets++;
    d->stats.bytes += OPUS_SILENCE_BYTES + trailer.len;
    return true;
}

bool downlink_can_pad(const struct downlink *d) {
    return d->rtx_ssrc != 0 && d->stats.reported && d->sent_any && d->layer != DOWNLINK_LAYER_NONE;
}

bool downlink_pad(struct downlink *d, uint64_t now_us, struct rtp_out *out) {
    assert(UINT8_MAX + DOWNLINK_HEADER_BYTES_MAX <= out->cap - out->len);
    if (!downlink_can_pad(d)) {
        return false;
    }
    const struct rtp_header h = {
        .payload_type = d->rtx_payload_type,
        .sequence = d->rtx_sequence++,
        .timestamp = d->timestamp,
        .ssrc = d->rtx_ssrc,
    };
    downlink_write_own(d, &h, rtp_abs_send_time_of_us(now_us), UINT8_MAX, out);
    assert(!out->failed);
    return true;
}
