/* tls.h: TLS for accepted connections, over OpenSSL, driven without blocking.
 * Owns: struct tls_context certificate and key; struct tls_conn one session. Descriptors are the
 *   callers'.
 * Never: blocks, renegotiates, speaks below TLS 1.2, or offers anything but http/1.1.
 * Invariant: after AGAIN tls_wants() says what to wait for; a failed session stays failed.
 * Source: RFC 8446, RFC 7301.
 * Callers: edge. A context may be used by several threads, a session by one. */
#pragma once

#include "slice.h"

struct tls_context;
struct tls_conn;

/* PEM files: certificate with its chain, and key. NOT_FOUND, DENIED (unreadable, or the key file
 * is open to others), MALFORMED (not PEM, or key and certificate do not match), NO_MEMORY. */
must_check enum status tls_context_create(const char *certificate_path, const char *key_path,
                                          struct tls_context **ret_context);
/* Takes effect for sessions created afterwards; on failure all stays as it was. Any thread. */
must_check enum status tls_context_reload(struct tls_context *c, const char *certificate_path,
                                          const char *key_path);
struct tls_context *tls_context_destroy(struct tls_context *c); /* sessions may outlive it */

enum tls_want { TLS_WANT_READ, TLS_WANT_WRITE };

/* `fd` is connected and nonblocking; it is closed by the caller, after tls_conn_destroy. NULL
 * without memory. */
must_check struct tls_conn *tls_conn_create(struct tls_context *c, int fd);
struct tls_conn *tls_conn_destroy(struct tls_conn *t);

/* OK: shaken. AGAIN, CLOSED (went away), MALFORMED (not TLS, or nothing in common), IO. */
must_check enum status tls_accept_step(struct tls_conn *t);
/* As tcp_read and tcp_write; also these may want either direction. A write that answered AGAIN is
 * repeated with the same first bytes, perhaps from another place, and not fewer of them. */
must_check enum status tls_read(struct tls_conn *t, void *out, size_t size, size_t *ret_len);
must_check enum status tls_write(struct tls_conn *t, struct slice data, size_t *ret_len);
/* Says goodbye: OK when close_notify is out, AGAIN, or IO. The peer's is not awaited. */
must_check enum status tls_close_step(struct tls_conn *t);
enum tls_want tls_wants(const struct tls_conn *t); /* after AGAIN */
/* Bytes decrypted and not yet read: the descriptor does not tell of them. */
size_t tls_pending(const struct tls_conn *t);
