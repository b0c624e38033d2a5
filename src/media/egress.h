/* egress.h: sealed packets of a turn on their way out, gathered by destination.
 * Owns: a pool of packet buffers, made once; struct egress_queue what waits for one destination.
 * Never: allocates after creation, or lets video go before audio and resends of the same flush.
 * Invariant: a buffer is free, taken by the caller, or in one queue. A queue is in `ready` while it
 *   has urgent packets or whole frames, in `waiting` while it has the beginning of a frame.
 * Source: design section 6: what one turn made for one destination leaves in one segmented send.
 * Callers: workers. One thread. */
#pragma once

#include "caps.h"
#include "list.h"
#include "udp.h"

struct egress_packet {
    struct egress_packet *next;
    uint32_t len;
    uint8_t bytes[EGRESS_PACKET_BYTES];
};

struct egress_chain {
    struct egress_packet *first, *last;
};

/* Of one transport; zeroed but for the list node is empty. */
struct egress_queue {
    struct list_node in_ready, in_waiting;
    struct egress_chain urgent, bulk;
    uint64_t since_us; /* while in `waiting`: when the first of its frame was queued */
};
static inline void egress_queue_init(struct egress_queue *q) {
    *q = (struct egress_queue){0};
    list_node_init(&q->in_ready);
    list_node_init(&q->in_waiting);
}

struct egress {
    /* owned */ struct egress_packet *buffers;
    /* owned */ struct egress_packet **spare; /* pointers alone: a free buffer is not touched */
    uint32_t spare_count;
    struct list ready;   /* struct egress_queue, by in_ready */
    struct list waiting; /* struct egress_queue, by in_waiting; who waits longest comes first */
    uint32_t queued;     /* packets in all queues */
};

must_check enum status egress_init(struct egress *e);
void egress_deinit(struct egress *e); /* zeroed: fine; queues were dropped before */

/* A buffer to fill; NULL: flush first. The caller queues it or gives it back. */
struct egress_packet *egress_take(struct egress *e);
void egress_give_back(struct egress *e, struct egress_packet *p);
/* Urgent: audio, resends, reports. Nothing else is waited for with it or after the end of a frame
 * (`ends`). */
void egress_queue(struct egress *e, struct egress_queue *q, struct egress_packet *p, bool urgent,
                  bool ends, uint64_t now_us);
/* Enough destinations for a system call: whoever is served first need not wait for the last. */
static inline bool egress_full(const struct egress *e) {
    return e->ready.count >= EGRESS_READY_MAX;
}
/* The rest of a frame is worth waiting for, a moment: what has waited so long becomes ready. */
void egress_expire(struct egress *e, uint64_t now_us);
void egress_drop(struct egress *e, struct egress_queue *q); /* its destination is gone */

/* Takes out what is ready, for `send` to put into the kernel: first all that is urgent, then whole
 * frames; packets of one destination stay together. */
typedef void (*egress_send_fn)(void *arg, struct egress_queue *q, struct egress_packet *first);
void egress_flush(struct egress *e, egress_send_fn send, void *arg);
/* One of those packets was sent, or let go of: its buffer is free again. */
void egress_done(struct egress *e, struct egress_packet *p);
