#include "channels.h"

static const struct {
    struct slice label;
    bool unordered;
    enum dcep_reliability reliability;
    uint16_t stream; /* when we open it: the DTLS server's are odd */
} channel_table[CHANNELS] = {
    [CHANNEL_RELIABLE] = {{(const uint8_t *)"_reliable", 9}, false, DCEP_RELIABLE, 1},
    [CHANNEL_LOSSY] = {{(const uint8_t *)"_lossy", 6}, true, DCEP_RETRANSMITS_MAX, 3},
    [CHANNEL_DATA_TRACK] = {{(const uint8_t *)"_data_track", 11}, true, DCEP_RETRANSMITS_MAX, 5},
};

enum channel channels_on_open(struct channels *c, uint16_t stream, const struct dcep_open *open) {
    (void)channels_on_reset(c, stream); /* a stream that is opened anew means something else now */
    for (uint32_t i = 0; i < CHANNELS; i++) {
        if (slice_eq(open->label, channel_table[i].label)) {
            c->of[i] = (struct channel_state){
                .open = true,
                .stream = stream,
                .unordered = open->unordered,
                .reliability = open->reliability,
                .parameter = open->parameter,
            };
            return (enum channel)i;
        }
    }
    return CHANNELS;
}

struct dcep_open channels_ask(struct channels *c, enum channel which) {
    assert(which < CHANNELS);
    c->of[which] = (struct channel_state){
        .asked = true,
        .stream = channel_table[which].stream,
        .unordered = channel_table[which].unordered,
        .reliability = channel_table[which].reliability,
    };
    return (struct dcep_open){
        .reliability = channel_table[which].reliability,
        .unordered = channel_table[which].unordered,
        .label = channel_table[which].label,
    };
}

static enum channel find_stream(const struct channels *c, uint16_t stream, bool asked) {
    for (uint32_t i = 0; i < CHANNELS; i++) {
        const struct channel_state *s = &c->of[i];
        if ((s->open || (asked && s->asked)) && s->stream == stream) {
            return (enum channel)i;
        }
    }
    return CHANNELS;
}

void channels_on_ack(struct channels *c, uint16_t stream) {
    enum channel which = find_stream(c, stream, true);
    if (which != CHANNELS) {
        c->of[which].asked = false;
        c->of[which].open = true;
    }
}

enum channel channels_on_reset(struct channels *c, uint16_t stream) {
    enum channel which = find_stream(c, stream, true);
    if (which != CHANNELS) {
        c->of[which] = (struct channel_state){0};
    }
    return which;
}

enum channel channels_find(const struct channels *c, uint16_t stream) {
    return find_stream(c, stream, true);
}

bool channels_ready(const struct channels *c) {
    return c->of[CHANNEL_RELIABLE].open && c->of[CHANNEL_LOSSY].open;
}
