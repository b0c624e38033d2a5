/* kit.h: an edge with the test as its control, and clients over real sockets.
 * Owns: struct kit its edge, mailbox and certificate files; struct client its socket and session.
 * Never: waits longer than KIT_WAIT_MS; what does not come by then fails the test.
 * Invariant: the test is the one control thread: it drains the mailbox and answers.
 * Callers: the tests of this folder. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "edge.h"

enum { KIT_WAIT_MS = 10000, KIT_MESSAGES = 64 };

#define KIT_KEY "devkey"
#define KIT_SECRET "secret"
/* Payloads of tokens: valid until the year 2100. */
#define KIT_ADMIN                                                                                  \
    "{\"iss\":\"devkey\",\"sub\":\"me\",\"exp\":4102444800,"                                       \
    "\"video\":{\"room\":\"r\",\"roomJoin\":true,\"roomList\":true,\"roomCreate\":true}}"

struct kit {
    struct edge_config config; /* change it before kit_start */
    struct edge *edge;
    struct mailbox *to_control;
    struct metrics other_metrics;
    const struct metrics *others[1];
    bool tls;
    char directory[32];
};

/* Fills the configuration; *state is a bool: over TLS or not. */
void kit_init(struct kit *k, void **state);
void kit_start(struct kit *k);
void kit_stop(struct kit *k);

/* The next message for control; fails the test when none comes. */
struct edge_msg *kit_next(struct kit *k, enum edge_msg_kind kind);
void kit_expect_no_message(struct kit *k); /* right now */
/* Takes an API call and answers 200 with this text; frees the message. */
void kit_answer_call(struct kit *k, const char *body);
/* The value of one metric, with its labels as in the exposition: "name{a=\"b\"}". */
uint64_t kit_metric(struct kit *k, const char *name);
void kit_wait_metric(struct kit *k, const char *name, uint64_t at_least);

/* A token of this payload, signed with KIT_SECRET; the caller frees it with free(). */
char *kit_token(const char *payload);
char *kit_token_with(const char *header, const char *payload, const char *secret);

struct client {
    int fd;
    void *tls, *tls_context;
    char *in; /* bytes received and not yet taken */
    size_t in_len;
};
struct client client_open(struct kit *k);
struct client client_open_at(uint16_t port, bool tls);
void client_close(struct client *c);
void client_send(struct client *c, const void *data, size_t len);
bool client_try_send(struct client *c, const void *data, size_t len); /* false: gone */
printf_like(2, 3) void client_put(struct client *c, const char *format, ...);
/* Waits for at least one byte more. False: the connection ended. */
bool client_more(struct client *c);
/* Nothing comes for so long. */
void client_expect_silence(struct client *c, int ms);
/* The connection ends, in order or by reset; what came before is dropped. */
void client_expect_end(struct client *c);

struct answer {
    int status;
    char *head, *body; /* NUL-terminated; freed by answer_free */
    size_t body_len;
};
struct answer client_answer(struct client *c);
struct answer client_answer_head_only(struct client *c); /* to HEAD */
void answer_free(struct answer *a);
/* Reads an answer and checks it; frees it. NULL: any body. */
void expect_answer(struct client *c, int status, const char *body);
bool answer_has(const struct answer *a, const char *header_line);

/* WebSocket frames, masked as clients must. */
void client_frame(struct client *c, uint8_t first, const void *payload, size_t len);
struct frame {
    uint8_t first;
    char *payload; /* NUL-terminated; freed by the caller */
    size_t len;
};
struct frame client_next_frame(struct client *c);
void expect_close_frame(struct client *c, uint16_t code); /* and the end */
/* A join up to the message to control, whose handle is returned. */
uint64_t client_ask_join(struct kit *k, struct client *c, const char *query);
/* A join that control allows. */
uint64_t client_join(struct kit *k, struct client *c);
