/* control_priv.h: what the files of this folder share. */
#pragma once

#include "clock.h"
#include "control.h"
#include "hook.h"
#include "log.h"
#include "loop.h"
#include "thread.h"

enum {
    CONTROL_MAGIC = 0x43544c30,
    CONTROL_BATCH = 256,        /* events a turn from each source: bounds a turn */
    CONTROL_BROKEN_MAX = 4096,  /* sessions to close because their edge thread is behind */
    CONTROL_RETRY_MAX = 16384,  /* closes that media has not taken yet */
    CONTROL_TURN_MS_MAX = 1000, /* the longest wait: readiness is refreshed so often */
    CONTROL_STOP_FLUSH_MS =
        WS_CLOSE_FLUSH_MS + 250, /* after the leaves, before edge is torn down */
};

enum control_state { CONTROL_SERVING, CONTROL_DRAINING, CONTROL_STOPPING, CONTROL_STOPPED };

/* From app: what a signal asked for. */
enum control_command_kind { CONTROL_DRAIN, CONTROL_STOP, CONTROL_ISSUER };
struct control_command {
    enum control_command_kind kind;
    uint32_t limit_s;    /* DRAIN */
    struct bytes issuer; /* ISSUER: owned */
};

/* A command that must not be lost although media's mailbox was full. */
enum control_retry_kind {
    RETRY_CLOSE,
    RETRY_ROUTE_REMOVE,
    RETRY_SEND_REMOVE,
    RETRY_HANDLE_REMOVE,
};
struct control_retry {
    enum control_retry_kind kind;
    uint32_t worker; /* SEND_REMOVE */
    uint64_t id;
    struct fx_handle handle; /* HANDLE_REMOVE */
};

enum control_snapshot { SNAPSHOT_IDLE, SNAPSHOT_PAGES, SNAPSHOT_ENDED };

/* What control knows of the journal that it feeds (control_journal.c). */
struct control_journal {
    /* borrowed */ struct journal *journal; /* NULL: memory only */
    /* owned    */ struct buf batch;
    struct loop_source source;
    struct loop_timer timer; /* there is no event for room: it is looked at again */
    bool well;               /* as the node was told */
    bool was_well;           /* once at least */
    enum control_snapshot snapshot;
    bool snapshot_wanted, clock_told;
    uint32_t cursor;
    uint64_t gaps; /* of the directory when the last snapshot began */
    uint64_t malformed;
    struct log_limit log;
};

struct control {
    uint32_t magic;
    /* owned    */ struct mailbox *from_edge, *from_media;
    /* owned    */ struct loop *loop;
    /* owned    */ struct thread *thread;
    /* owned    */ struct node *node;
    /* borrowed */ struct edge *edge;
    /* borrowed */ struct media *media;
    /* borrowed */ struct hook *hook; /* NULL: no webhooks */
    struct control_journal journal;
    struct effects fx;
    struct loop_source edge_source, media_source;
    struct loop_timer timer; /* readiness, gauges, drain: at a steady pace */
    struct loop_timer tick;  /* the next deadline of the node */
    struct metrics metrics;
    struct dir_time now;

    enum control_state state;
    uint64_t state_deadline_ms;
    /* owned    */ struct mailbox *commands;
    struct loop_source command_source;
    struct bytes issuer; /* owned; the node's, when it was set anew */
    void (*on_stopped)(void *arg);
    void *on_stopped_arg;

    uint64_t broken[CONTROL_BROKEN_MAX];
    size_t broken_count;
    struct control_retry retries[CONTROL_RETRY_MAX];
    size_t retries_count;
    struct log_limit log_step, log_full;
};

/* Runs one event and carries its effects out. */
void control_run(struct control *c, const struct node_event *ev);
/* At the end of a turn: hands over what is owed, pages of a snapshot, and whether it is worth to
 * wait. True: there is more to do at once. Without a journal: nothing. */
bool control_journal_turn(struct control *c);
void control_journal_events(struct control *c);
/* The last turn is over: all that is owed is posted, within a bound. */
void control_journal_finish(struct control *c);
void control_journal_gauges(struct control *c);
/* Carries out and clears c->fx. */
void control_apply(struct control *c);
/* Closes what could not be sent to, and repeats closes that media had no room for. */
void control_repair(struct control *c);

/* control_media.c: streams. False: media's mailbox is full. */
must_check bool control_put_receive(struct control *c, const struct fx_receive *r);
must_check bool control_put_send(struct control *c, const struct fx_send *s);
must_check bool control_set_send(struct control *c, const struct fx_send_want *w);
must_check bool control_put_handle(struct control *c, const struct fx_handle *h);
must_check bool control_remove_handle(struct control *c, const struct fx_handle *h);
/* Levels, qualities and stream states, to node. */
void control_take_streams(struct control *c, const struct media_event *m);
