/* data_thread.h: the thread that owns SCTP, the data channels and the routes.
 * Owns: its loop, two mailboxes, the SCTP stack, a link for each transport that carries data.
 * Never: touches a socket or DTLS: packets come from and go to the transports' workers.
 * Invariant: links are known by their transport's id; what arrives for an unknown one is dropped.
 * Source: design section 6 (data); wire/realtime.md 3.10.
 * Callers: media.c. */
#pragma once

#include "mailbox.h"
#include "media_priv.h"
#include "metrics.h"

struct data_thread;

/* `to_control`: struct media_event, borrowed. */
must_check enum status data_thread_create(struct mailbox *to_control,
                                          struct data_thread **ret_thread);
/* Starts to run; before it nothing is taken out of the mailboxes. `to_workers`: the mailbox of
 * each worker for struct worker_packet; borrowed, as is the array. */
must_check enum status data_thread_start(struct data_thread *d, struct mailbox *const *to_workers,
                                         uint32_t workers);
void data_thread_stop(struct data_thread *d); /* waits until it has ended; not started: nothing */
struct data_thread *data_thread_destroy(struct data_thread *d); /* stopped */

struct mailbox *data_thread_commands(struct data_thread *d); /* struct data_command */
struct mailbox *data_thread_inputs(struct data_thread *d);   /* struct data_input */
const struct metrics *data_thread_metrics(const struct data_thread *d);
