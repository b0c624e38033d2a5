/* mailbox.h: a bounded queue of fixed-size items by value, many senders, one receiver.
 * Owns: its slots and an eventfd.
 * Never: waits for room: full is an answer, and counted. Pointers in items are the senders' duty.
 * Invariant: items of one sender come out in the order they went in; the eventfd is readable
 *   whenever an item is in that was pushed, or queued and flushed (one write until it is drained).
 * Callers: control, edge, media, store, hook, between their threads. */
#pragma once

#include "base.h"

struct mailbox;

/* NULL without memory or descriptors. */
must_check struct mailbox *mailbox_create(size_t item_size, uint32_t count_max);
struct mailbox *mailbox_destroy(struct mailbox *m); /* after its senders are gone */

/* Any thread. False when full: nothing was kept. */
must_check bool mailbox_push(struct mailbox *m, const void *item);
/* As mailbox_push, but the receiver need not wake yet: for many items at once. Whoever queues must
 * flush before it waits for anything. */
must_check bool mailbox_queue(struct mailbox *m, const void *item);
void mailbox_flush(struct mailbox *m);
/* Receiver's thread: copies out up to `max` items in order and returns how many. What is left
 * keeps the descriptor readable. */
size_t mailbox_drain(struct mailbox *m, void *items, size_t max);
/* Receiver's thread without a loop: true when an item may be in, false after the time. */
bool mailbox_wait(struct mailbox *m, uint32_t timeout_ms);

int mailbox_fd(const struct mailbox *m);     /* for loop_add with LOOP_READ */
size_t mailbox_count(struct mailbox *m);     /* any thread; old when it returns */
uint64_t mailbox_refused(struct mailbox *m); /* any thread: pushes refused since creation */
size_t mailbox_item_size(const struct mailbox *m);
