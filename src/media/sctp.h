/* sctp.h: SCTP associations over DTLS, by the one stack that a process has.
 * Owns: the stack; struct sctp_assoc its socket.
 * Never: gives the stack a pointer of ours: it knows numbers, resolved by a table, since it may
 *   call back for an association that is gone already.
 * Invariant: one stack at a time, used by the thread that created it alone. Callbacks come from
 *   inside sctp_input, sctp_send and sctp_tick; they may send but neither open nor close.
 * Source: RFC 9260, RFC 8261 (over DTLS), RFC 3758, RFC 6525, RFC 8831.
 * Callers: the data thread. */
#pragma once

#include "dcep.h"
#include "pool.h"

enum {
    SCTP_PACKET_BYTES_MAX = 1160, /* fits one DTLS record; a multiple of 4 */
    SCTP_TICK_MS = 10,            /* what the stack's timers expect */
};

struct sctp_stack;
struct socket;

struct sctp_handlers {
    void *arg;
    void (*on_packet)(void *arg, uint64_t owner, struct slice packet); /* to the peer */
    void (*on_up)(void *arg, uint64_t owner);
    void (*on_lost)(void *arg, uint64_t owner); /* close it soon, not from here */
    void (*on_message)(void *arg, uint64_t owner, uint16_t stream, uint32_t ppid,
                       struct slice message);
    /* The peer sent a message over DATA_MESSAGE_BYTES_MAX; it is skipped. */
    void (*on_too_large)(void *arg, uint64_t owner);
    void (*on_stream_reset)(void *arg, uint64_t owner, uint16_t stream);
};

struct sctp_assoc {
    struct pool_ref ref;
    uint64_t owner; /* a transport, for the handlers */
    /* owned */ struct socket *socket;
    bool up;
    uint16_t streams_out;
    bool skipping; /* the rest of a message that is too large */
    uint16_t skip_stream;
    size_t queued_bytes;        /* not yet acknowledged; an upper bound between two SACKs */
    uint32_t sends_since_count; /* messages sent since the stack was asked how many wait */
    bool too_many;
    bool resets_owed; /* some of: */
    uint64_t reset_streams[4];
};

must_check enum status sctp_stack_create(const struct sctp_handlers *handlers,
                                         struct sctp_stack **ret_stack);
struct sctp_stack *sctp_stack_destroy(struct sctp_stack *s); /* after its associations */

/* Starts to connect at once; the peer may do so too, both ways become one association. */
must_check enum status sctp_open(struct sctp_stack *s, struct sctp_assoc *a, uint64_t owner);
void sctp_close(struct sctp_stack *s, struct sctp_assoc *a); /* aborts; zeroed: fine */

void sctp_input(struct sctp_stack *s, struct sctp_assoc *a, struct slice packet);
void sctp_tick(struct sctp_stack *s, uint32_t elapsed_ms);
bool sctp_is_idle(const struct sctp_stack *s); /* no association: nothing has to be timed */

struct sctp_delivery {
    uint16_t stream;
    uint32_t ppid;
    bool unordered;
    enum dcep_reliability reliability;
    uint32_t parameter;
};
/* AGAIN: the backlog is at its bound, nothing was taken. CLOSED: not up. TOO_LARGE. IO. */
must_check enum status sctp_send(struct sctp_assoc *a, const struct sctp_delivery *how,
                                 struct slice message);
/* Closes our direction of a stream; repeated until the peer agrees. */
void sctp_reset_stream(struct sctp_assoc *a, uint16_t stream);
