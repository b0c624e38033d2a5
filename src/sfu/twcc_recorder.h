/* twcc_recorder.h: when the packets of one publisher's transport came, told to its bandwidth
 * estimation as transport-wide feedback.
 * Owns: the arrivals of the last TWCC_WINDOW numbers.
 * Never: allocates; forgets what was not told, but for what falls out of the window.
 * Invariant: each number is told at least once after it came, unless it came too late to tell.
 * Source: draft-holmer-rmcat-transport-wide-cc-extensions-01; wire/realtime.md 4.8, trap T40.
 * Callers: a media worker, once for each transport whose publisher agreed to transport-cc. */
#pragma once

#include "rtp_out.h"

enum {
    TWCC_WINDOW = 1024,             /* 100 ms of 110 Mbit/s */
    TWCC_FEEDBACK_BYTES_MAX = 1024, /* space that a write asks for */
};

struct twcc_recorder {
    uint32_t first, next; /* extended; to be told from first on, all below next */
    uint32_t unreported;  /* arrivals that were not told */
    uint64_t base_us;     /* arrivals count from here */
    uint64_t told_us;
    bool started, more, frame_ended; /* more: one packet did not suffice */
    uint8_t feedback_count;
    int64_t arrivals_us[TWCC_WINDOW]; /* since base_us; RTCP_TWCC_LOST: did not come */
};
void twcc_recorder_init(struct twcc_recorder *r);
/* `sequence` of the header extension, of any packet of the transport, RTX and padding included. */
void twcc_recorder_take(struct twcc_recorder *r, uint64_t now_us, uint16_t sequence, bool marker);
uint64_t twcc_recorder_due_us(const struct twcc_recorder *r); /* UINT64_MAX: nothing to tell */
/* Writes one feedback packet when due; call again while it says true. `media`: an SSRC of the
 * publisher. `out` has TWCC_FEEDBACK_BYTES_MAX left (asserted). */
must_check bool twcc_recorder_write(struct twcc_recorder *r, uint64_t now_us, uint32_t sender,
                                    uint32_t media, struct rtp_out *out);
