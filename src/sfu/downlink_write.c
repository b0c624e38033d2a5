/* The bytes of a packet for one subscriber. */
#include <string.h>

#include "downlink_priv.h"
#include "red.h"

enum { LIST_MAX = 8 };

struct extension_list {
    struct rtp_extension items[LIST_MAX];
    size_t count;
};

static void add(const struct downlink *d, struct extension_list *list, enum rtp_extension_kind kind,
                struct slice value) {
    if (d->extension_ids[kind] != 0 && value.len > 0) {
        assert(list->count < LIST_MAX);
        list->items[list->count++] =
            (struct rtp_extension){.id = d->extension_ids[kind], .value = value};
    }
}

struct extension_bytes {
    uint8_t send_time[RTP_ABS_SEND_TIME_BYTES], level[RTP_AUDIO_LEVEL_BYTES];
};

/* What was agreed with the subscriber, with its ids; of the publisher's only values. They are
 * bounded: a long one would not leave the space that was promised. */
static void list_extensions(const struct downlink *d, const struct uplink_packet *p,
                            uint32_t send_time, bool filler, struct extension_bytes *bytes,
                            struct extension_list *list) {
    list->count = 0;
    add(d, list, RTP_EXTENSION_MID, slice_of(d->mid, d->mid_len));
    rtp_write_abs_send_time(send_time, bytes->send_time);
    add(d, list, RTP_EXTENSION_ABS_SEND_TIME, slice_of(bytes->send_time, RTP_ABS_SEND_TIME_BYTES));
    if (filler) {
        return;
    }
    if (p->has_level) {
        rtp_write_audio_level(p->level, bytes->level);
        add(d, list, RTP_EXTENSION_AUDIO_LEVEL, slice_of(bytes->level, RTP_AUDIO_LEVEL_BYTES));
    }
    if (p->capture_time.len <= RTP_ABS_CAPTURE_TIME_BYTES_MAX) {
        add(d, list, RTP_EXTENSION_ABS_CAPTURE_TIME, p->capture_time);
    }
    if (p->dependency.len <= DEPENDENCY_BYTES_MAX) {
        add(d, list, RTP_EXTENSION_DEPENDENCY_DESCRIPTOR, p->dependency);
    }
    if (p->playout_delay.len == RTP_PLAYOUT_DELAY_BYTES) {
        add(d, list, RTP_EXTENSION_PLAYOUT_DELAY, p->playout_delay);
    }
    if (p->orientation.len == 1) {
        add(d, list, RTP_EXTENSION_VIDEO_ORIENTATION, p->orientation);
    }
}

/* The copy of the payload ends where `out` ends. */
static void renumber_payload(const struct downlink *d, const struct uplink_packet *p,
                             const struct downlink_numbers *n, struct rtp_out *out) {
    if (!d->renumbers_vp8) {
        return;
    }
    struct vp8_numbers numbers = {
        .picture_id = (uint16_t)(p->vp8.picture_id - n->picture_offset),
        .tl0_index = (uint8_t)(p->vp8.tl0_index - n->epoch->tl0_offset),
        .key_index = (uint8_t)(p->vp8.key_index - n->epoch->key_offset),
    };
    vp8_renumber(out->data + out->len - p->payload.len, &p->vp8, numbers);
}

static struct rtp_header header_of(const struct downlink *d, const struct uplink_packet *p,
                                   const struct downlink_numbers *n) {
    return (struct rtp_header){
        .marker = (p->marker || n->ends) && !n->filler,
        .payload_type = d->payload_type,
        .sequence = n->sequence,
        .timestamp = p->timestamp + n->epoch->timestamp_offset,
        .ssrc = d->ssrc,
    };
}

void downlink_write(const struct downlink *d, const struct uplink_packet *p,
                    const struct downlink_numbers *n, struct rtp_out *out) {
    struct extension_bytes bytes;
    struct extension_list list;
    struct rtp_header h = header_of(d, p, n);
    list_extensions(d, p, n->send_time, n->filler, &bytes, &list);
    if (n->filler) {
        rtp_put_padding_only(out, &h, list.items, list.count, 1);
    } else {
        bool red = d->red_payload_type != 0 && p->redundant.len > 0;
        h.payload_type = red ? d->red_payload_type : h.payload_type;
        rtp_put_header(out, &h, list.items, list.count);
        rtp_put(out, red ? p->redundant : p->payload);
        if (red) {
            red_set_payload_type(out->data + out->len - p->redundant.len, p->redundant.len,
                                 d->payload_type);
        }
        renumber_payload(d, p, n, out);
    }
    assert(!out->failed);
}

void downlink_write_own(const struct downlink *d, const struct rtp_header *h, uint32_t send_time,
                        uint8_t padding, struct rtp_out *out) {
    struct extension_bytes bytes;
    struct extension_list list;
    list_extensions(d, NULL, send_time, true, &bytes, &list);
    if (padding > 0) {
        rtp_put_padding_only(out, h, list.items, list.count, padding);
    } else {
        rtp_put_header(out, h, list.items, list.count);
    }
}

void downlink_write_rtx(struct downlink *d, const struct uplink_packet *p,
                        const struct downlink_numbers *n, struct rtp_out *out) {
    struct extension_bytes bytes;
    struct extension_list list;
    struct rtp_header h = header_of(d, p, n);
    h.payload_type = d->rtx_payload_type;
    h.ssrc = d->rtx_ssrc;
    h.sequence = d->rtx_sequence++;
    list_extensions(d, p, n->send_time, n->filler, &bytes, &list);
    rtp_put_rtx(out, &h, list.items, list.count, n->sequence, p->payload);
    renumber_payload(d, p, n, out);
    assert(!out->failed);
}
