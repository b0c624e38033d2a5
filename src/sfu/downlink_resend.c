/* Packets that the subscriber asks for again. */
#include "downlink_priv.h"

/* Repeats within a round trip ask for the resend that is already on its way. */
static bool too_soon(const struct downlink *d, const struct sent *slot, uint16_t now_ms) {
    if (slot->flags / SENT_TRIES == 0) {
        return false;
    }
    uint32_t interval_ms = MIN(2 * downlink_rtt_us(d) / 1000, (uint32_t)RESEND_INTERVAL_MAX_MS);
    return (uint16_t)(now_ms - slot->resent_ms) < interval_ms;
}

/* Known here, but never sent: it came behind a later packet, or before a switch noticed it. */
static enum downlink_resend send_first(struct downlink *d, struct uplink *u, uint64_t now_us,
                                       uint16_t sequence, struct rtp_out *out) {
    struct uplink_packet p;
    uint32_t back = (uint16_t)((uint16_t)d->next_sequence - sequence), source;
    if (d->layer == DOWNLINK_LAYER_NONE || back == 0 || back > d->sent_mask ||
        !renumber_source(&d->numbers, d->next_sequence - back, &source) ||
        !uplink_find(u, d->layer, source, &p) || p.source != epoch_now(d)->source) {
        return DOWNLINK_RESEND_NONE;
    }
    return downlink_forward_late(d, now_us, &p, out) ? DOWNLINK_RESEND_FRESH : DOWNLINK_RESEND_NONE;
}

enum downlink_resend downlink_resend(struct downlink *d, struct uplink *u, uint64_t now_us,
                                     uint16_t sequence, struct rtp_out *out) {
    if (!downlink_wanted(d) || !d->sent_any) {
        return DOWNLINK_RESEND_NONE;
    }
    struct sent *slot = sent_slot(d, sequence);
    if ((slot->flags & SENT_USED) == 0 || slot->sequence != sequence) {
        return send_first(d, u, now_us, sequence, out);
    }
    uint16_t now_ms = (uint16_t)(now_us / 1000);
    const struct epoch *e = &d->epochs[slot->epoch % EPOCHS];
    struct uplink_packet p;
    if (slot->flags / SENT_TRIES >= RESENDS_MAX || too_soon(d, slot, now_ms) ||
        (uint8_t)(d->epoch - slot->epoch) >= EPOCHS ||
        !uplink_find(u, e->layer, slot->source, &p) || p.source != e->source) {
        return DOWNLINK_RESEND_NONE;
    }
    assert(uplink_packet_bytes(&p) + DOWNLINK_HEADER_BYTES_MAX <= out->cap - out->len);
    struct downlink_numbers n = {
        .sequence = sequence,
        .picture_offset = slot->picture_offset,
        .send_time = slot->send_time,
        .epoch = e,
        .filler = (slot->flags & SENT_FILLER) != 0,
        .ends = (slot->flags & SENT_ENDS) != 0,
    };
    slot->flags = (uint8_t)(slot->flags + SENT_TRIES);
    slot->resent_ms = now_ms;
    d->stats.resent++;
    if (d->rtx_ssrc != 0 && !n.filler) {
        n.send_time = rtp_abs_send_time_of_us(now_us);
        downlink_write_rtx(d, &p, &n, out);
        return DOWNLINK_RESEND_FRESH;
    }
    downlink_write(d, &p, &n, out);
    return DOWNLINK_RESEND_AGAIN;
}
