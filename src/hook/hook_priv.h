/* hook_priv.h: how the files of hook share the work.
 *
 *   hook.c     the facade and the thread: what a turn of it is
 *   queue.c    what waits for whom: order, age, depth, retries; decides what is tried when
 *   attempt.c  one request: libcurl, and what its end means
 *   sign.c     the token of a request
 *
 * An event is one block, shared by the queues of all receivers and counted by references that the
 * hook thread alone touches. A queue exists while it holds an event; its memory and that of its
 * events was reserved (in bytes) when the event was posted. */
#pragma once

#include <curl/curl.h>
#include <stdatomic.h>

#include "arena.h"
#include "heap.h"
#include "hmac.h"
#include "hook.h"
#include "list.h"
#include "log.h"
#include "mailbox.h"
#include "map.h"
#include "thread.h"

enum { HOOK_MAGIC = 0x484f4f4b, HOOK_QUEUE_MAGIC = 0x484f5155 };

/* One posted event. */
struct hook_item {
    uint32_t refs;
    uint64_t posted_ms; /* monotonic */
    size_t cost;        /* bytes reserved for it and its places in queues */
    struct slice name, key, id, body;
    uint8_t text[]; /* where they point to */
};

struct hook_place { /* an event in a queue, waiting */
    struct list_node node;
    struct hook_item *item; /* a reference */
};

enum hook_queue_state {
    HOOK_QUEUE_NEW,
    HOOK_QUEUE_READY,   /* in the receiver's list: wants to send */
    HOOK_QUEUE_SENDING, /* its request is under way */
    HOOK_QUEUE_PAUSED,  /* for a time: the attempt failed */
    HOOK_QUEUE_STATES,
};

struct hook_queue {
    uint32_t magic;
    enum hook_queue_state state; /* changed by queue_set_state alone */
    struct map_node by_key;
    struct list_node in_ready;
    struct hook_target *target; /* borrowed */
    struct slice key;           /* in key_text */

    struct list waiting;       /* owned struct hook_place */
    struct hook_item *current; /* a reference; NULL: the next is still to be taken */
    struct buf authorization;  /* owned; the header of the current event; empty: not made yet */
    uint32_t tries;            /* of the current event */
    struct heap_node pause;    /* in the hook's pauses while PAUSED */

    CURL *request; /* owned while SENDING */
    struct curl_slist authorization_line;
    bool answered;         /* the head of a final answer is complete */
    size_t answered_bytes; /* head and body; dropped as they come */

    uint8_t key_text[];
};

/* A receiver and what waits for it. */
struct hook_target {
    struct hook *hook;      /* borrowed */
    const char *url;        /* in the arena */
    struct slice host;      /* of the URL, for the log: the rest may be secret */
    struct slice issuer;    /* key name */
    struct hmac_key *key;   /* owned; used by the hook thread */
    struct map queues;      /* struct hook_queue by key */
    struct list ready;      /* struct hook_queue, who waited longest first */
    uint32_t sending_count; /* derived: queues that are SENDING */
};

/* A key that came later, for all receivers. */
struct hook_signer {
    struct hmac_key *key; /* owned */
    struct slice issuer;  /* in text */
    uint8_t text[];
};

struct hook {
    uint32_t magic;
    /* As configured; not changed after hook_prepare. */
    struct arena arena; /* owned: the text of the configuration */
    struct hook_target *targets;
    size_t targets_count;
    struct slice *include_events, *exclude_events;
    size_t include_count, exclude_count;
    const char *ca_file;
    uint32_t max_age_ms, max_depth, in_flight_max, attempt_ms, retry_first_ms;

    /* Between the threads. */
    struct mailbox *posts;                   /* owned: struct hook_item pointers, owned too */
    struct mailbox *closing;                 /* owned: one uint32_t, the grace in milliseconds */
    size_t held_bytes;                       /* atomic: cost of all items */
    struct hook_signer *_Atomic next_signer; /* owned: put there by hook_set_key */
    struct thread *thread;                   /* owned */

    /* Who posts. */
    uint64_t poster; /* thread_self */
    struct metrics post_metrics;

    /* The hook thread. */
    uint64_t now_ms; /* monotonic; of this turn */
    bool is_closing, is_over;
    uint64_t grace_ends_ms;
    struct hook_signer *signer; /* owned; NULL: receivers have the keys of their configuration */
    struct heap pauses;         /* struct hook_queue by the time of their next try */
    size_t queues_count, waiting_count;
    bool is_curl_up;
    CURLM *http;
    struct curl_slist *headers; /* owned: the same for all requests */
    struct log_limit log_dropped, log_failed;
    struct metrics metrics;
};

/* hook.c */
must_check enum status hook_prepare(const struct hook_config *config, struct hook **ret_hook);
/* Waits for something to do, at most so long, and does it. */
void hook_turn(struct hook *h, uint32_t wait_ms_max);
/* Ends the thread, if there is one, and drops what is left. May be called twice. */
void hook_stop(struct hook *h, uint32_t grace_ms);
void hook_item_unref(struct hook *h, struct hook_item *item);

/* queue.c */
enum hook_verdict { HOOK_DELIVERED, HOOK_RETRY, HOOK_FAILED };
struct hook_result {
    enum hook_verdict verdict;
    uint32_t http_status;    /* 0: no answer */
    uint32_t retry_after_ms; /* 0: the receiver did not say */
    const char *error;       /* static text; NULL: none */
};
enum hook_drop { HOOK_DROP_AGE, HOOK_DROP_FULL, HOOK_DROP_CLOSED, HOOK_DROP_MEMORY };

void target_init(struct hook_target *t, struct hook *h);
must_check enum status target_open(struct hook_target *t, struct hash_key key);
void target_deinit(struct hook_target *t); /* its queues are gone; not open: fine */
/* Takes a reference when it has room for the event, else counts why not. */
void target_add(struct hook_target *t, struct hook_item *item);
/* Starts what is ready, up to the bound of requests in flight. */
void target_pump(struct hook_target *t);
void target_drop_all(struct hook_target *t); /* as HOOK_DROP_CLOSED */
void queues_end_pauses(struct hook *h);      /* those that are over */
void queue_done(struct hook_queue *q, const struct hook_result *result);
/* How long the next try waits after `tries` of them; also tested alone. */
uint32_t retry_wait_ms(uint32_t first_ms, uint32_t tries, uint32_t retry_after_ms);

/* attempt.c */
must_check enum status attempts_init(struct hook *h);
void attempts_deinit(struct hook *h); /* zeroed: fine */
/* Until a request can go on, a mailbox has something, or the time is over. */
void attempts_wait(struct hook *h, uint32_t wait_ms);
void attempts_run(struct hook *h); /* what can go on; ends in queue_done */
/* The queue has a current event and its header. Ends in queue_done, unless this fails. */
must_check enum status attempt_start(struct hook_queue *q);
void attempt_abort(struct hook_queue *q); /* no queue_done; not SENDING: nothing */
struct hook_result attempt_result(bool answered, long http_status, CURLcode code,
                                  curl_off_t retry_after_s);
/* OK with the host of the URL, INVALID. */
must_check enum status url_check(const char *url, struct arena *arena, struct slice *ret_host);

/* sign.c */
void signer_deinit(struct hook *h);
/* Appends a token of the target's present key. */
must_check enum status sign_for(struct hook_target *t, struct slice body, uint64_t now_s,
                                struct buf *out);
/* Appends a token for this body, valid from `now_s`. */
must_check enum status sign_body(struct hmac_key *key, struct slice issuer, struct slice body,
                                 uint64_t now_s, struct buf *out);
