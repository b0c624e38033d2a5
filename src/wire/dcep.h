/* dcep.h: the data channel establishment protocol: OPEN and ACK.
 * Owns: nothing; label and protocol are views into the message.
 * Never: keeps channels; the data thread does.
 * Invariant: a label that was read is text (UTF-8 without NUL).
 * Source: RFC 8832 sections 5 and 8; RFC 8831 section 6.6 (payload protocol identifiers).
 * Callers: media's data thread. */
#pragma once

#include "buf.h"

/* SCTP payload protocol identifiers of WebRTC. Empty messages travel as one zero byte. */
enum dcep_ppid {
    PPID_DCEP = 50,
    PPID_STRING = 51,
    PPID_BINARY = 53,
    PPID_STRING_EMPTY = 56,
    PPID_BINARY_EMPTY = 57,
};

enum dcep_reliability {
    DCEP_RELIABLE = 0,        /* parameter ignored */
    DCEP_RETRANSMITS_MAX = 1, /* parameter: how often */
    DCEP_LIFETIME_MAX = 2,    /* parameter: milliseconds */
};

enum dcep_kind { DCEP_UNKNOWN, DCEP_OPEN, DCEP_ACK };

struct dcep_open {
    enum dcep_reliability reliability;
    bool unordered;
    uint16_t priority;
    uint32_t parameter;
    struct slice label, protocol;
};

/* By the first byte; DCEP_UNKNOWN also for an empty message. */
enum dcep_kind dcep_classify(struct slice message);
/* MALFORMED: another message type, an unknown channel type, wrong lengths, label or protocol that
 * is not text. */
must_check enum status dcep_read_open(struct slice message, struct dcep_open *ret_open);
/* label and protocol of at most 65535 bytes each (asserted: they are ours). */
void dcep_put_open(struct buf *out, const struct dcep_open *open);
void dcep_put_ack(struct buf *out);
