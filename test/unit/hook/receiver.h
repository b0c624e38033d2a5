/* receiver.h: a receiver of webhooks for tests: plain HTTP on loopback, answers as told.
 * Owns: its thread, its connections and what it was sent.
 * Never: used outside of tests. Keeps no more than RECEIVER_REQUESTS_MAX requests.
 * Callers: the tests of hook. */
#pragma once

#include "slice.h"

enum { RECEIVER_REQUESTS_MAX = 1024, RECEIVER_WAIT_MS = 20 * 1000 };

struct receiver;

struct request {
    struct slice head, body; /* owned by the receiver until it is stopped */
    uint64_t at_ms;          /* monotonic */
    uint32_t connection;     /* counted from 1 */
};

enum answer_kind {
    ANSWER,         /* status, with these headers and an empty body */
    ANSWER_HELD,    /* the same, once receiver_release was called */
    ANSWER_GARBAGE, /* that is no HTTP, and close */
    ANSWER_NEVER,   /* and the connection stays */
    CLOSE_AT_ONCE,  /* without a byte */
    CLOSE_IN_HEAD,  /* in the middle of the answer's head */
    CLOSE_IN_BODY,  /* in the middle of its body */
    ENDLESS_HEAD,   /* header lines for ever */
    ENDLESS_BODY,   /* a body for ever */
};
struct answer {
    enum answer_kind kind;
    int status;
    const char *headers; /* whole lines; NULL: none */
};
/* Runs on the receiver's thread; `nth` counts requests from 0. */
typedef struct answer (*answer_to)(void *arg, const struct request *r, size_t nth);

struct receiver *receiver_start(answer_to answer, void *arg);
struct receiver *receiver_stop(struct receiver *r);
const char *receiver_url(const struct receiver *r); /* http://127.0.0.1:port/hook */
void receiver_release(struct receiver *r);

/* False when so many did not come in RECEIVER_WAIT_MS. */
bool receiver_wait(struct receiver *r, size_t requests);
size_t receiver_count(struct receiver *r);
const struct request *receiver_get(struct receiver *r, size_t index);
/* The most requests that were unanswered at once. */
size_t receiver_open_max(struct receiver *r);
/* The value of a header of the request; empty when there is none. */
struct slice request_header(const struct request *r, const char *name);
