/* client.h: one blocking HTTP call of a command to a running server.
 * Owns: nothing; the answer's body is the caller's.
 * Never: speaks TLS, follows redirects, keeps a connection, waits past its deadline (but for the
 *   system's look-up of host names, which has its own).
 * Invariant: an answer counts only when all of it came.
 * Source: RFC 9112.
 * Callers: app's commands, on a thread that serves nobody. */
#pragma once

#include "buf.h"

enum {
    CLIENT_DEADLINE_MS = 10 * 1000,
    CLIENT_ANSWER_BYTES_MAX = 512 << 20, /* above the largest list of rooms */
    CLIENT_ERROR_MAX = 256,
};

struct client_url {
    struct slice host;   /* without brackets */
    struct slice prefix; /* of the path, without a slash at its end; mostly empty */
    struct slice authority;
    uint16_t port;
};

struct client_request {
    const char *url;  /* http://host[:port][/prefix]; ws:// means the same */
    const char *path; /* begins with a slash */
    const char *content_type;
    struct slice token, body;
    uint32_t deadline_ms;
};

struct client_answer {
    uint16_t status;
    struct buf body; /* client_answer_deinit */
};

struct client_error {
    char text[CLIENT_ERROR_MAX];
};

/* Views into the text. INVALID with a static reason. */
must_check enum status client_url_parse(struct slice text, struct client_url *ret_url,
                                        const char **ret_reason);
/* POST. Any status counts as an answer. On failure the error says what happened. */
must_check enum status client_post(const struct client_request *request,
                                   struct client_answer *ret_answer,
                                   struct client_error *ret_error);
void client_answer_deinit(struct client_answer *a);

/* What stands in the head of an answer; for tests, too. OK, AGAIN (more bytes), MALFORMED. */
struct client_head {
    uint16_t status;
    size_t head_bytes;
    bool has_length, chunked;
    uint64_t length;
};
must_check enum status client_head_read(struct slice in, struct client_head *ret_head);
