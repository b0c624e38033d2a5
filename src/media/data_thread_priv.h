/* data_thread_priv.h: the data thread's insides, for its two files.
 * Owns: see the fields. Never: included elsewhere.
 * Invariant: all of it belongs to the data thread while that runs, but for mailboxes and metrics.
 * Callers: data_thread.c (loop, mailboxes), data_session.c (links and channels). */
#pragma once

#include "data_link.h"
#include "data_router.h"
#include "data_thread.h"
#include "loop.h"

enum { DATA_THREAD_MAGIC = 0x64617468 };

struct thread;

struct data_thread {
    uint32_t magic;
    /* owned    */ struct thread *thread;
    /* owned    */ struct loop *loop;
    struct loop_source on_commands, on_inputs;
    struct loop_timer tick;
    uint64_t ticked_ms;
    bool idle; /* ticks come rarely */
    /* owned    */ struct mailbox *commands, *inputs;
    /* borrowed */ struct mailbox *to_control;
    /* borrowed */ struct mailbox *const *to_workers;
    uint32_t workers;
    /* owned    */ struct sctp_stack *stack;
    struct data_links links;
    struct list owed; /* struct data_link, by in_owed */
    struct data_router router;
    struct metrics metrics;
};

static inline struct data_thread *data_thread_of(void *arg) {
    return OBJ_CAST(struct data_thread, arg, DATA_THREAD_MAGIC);
}

/* data_session.c */
struct sctp_handlers data_session_handlers(struct data_thread *d);
void data_session_input(struct data_thread *d, struct data_input *in); /* takes its packet */
void data_session_retry(struct data_thread *d); /* what full mailboxes refused */
/* The router's ways to control: `to_server` and `heard` of struct data_router_config. */
void data_session_to_server(void *arg, const struct route *from, struct slice packet);
bool data_session_heard(void *arg, const struct route *from);
/* Its ways out: `send` and `send_track`. */
enum data_sent data_session_send(void *arg, uint64_t transport, enum data_packet_kind kind,
                                 struct slice message);
enum data_sent data_session_send_track(void *arg, uint64_t transport, struct slice packet);
