/* dtls_client.h: OpenSSL's DTLS client beside our server, with a network that can lose, repeat and
 * spoil datagrams, and a clock of its own.
 * Owns: struct dtls_world both ends and what is under way.
 * Never: waits: time passes by world_sleep_ms alone. gettimeofday is replaced in the whole test
 *   program, since that is what OpenSSL's timers read.
 * Callers: test_dtls, test_dtls_data. */
#pragma once

#include <openssl/ssl.h>

#include "certificate.h"
#include "dtls.h"

enum { WIRE_MAX = 256, WIRE_BYTES_MAX = 2048 };
struct wire { /* datagrams under way in one direction */
    uint8_t bytes[WIRE_MAX][WIRE_BYTES_MAX];
    size_t lens[WIRE_MAX];
    size_t first, count;
    size_t sent; /* ever */
    size_t longest;
};

struct dtls_world {
    struct dtls_identity *identity;
    struct dtls *server;
    struct certificate certificate;
    SSL_CTX *client_context;
    SSL *client;
    BIO_METHOD *method;
    struct wire to_server, to_client;
    uint64_t lose_to_server, lose_to_client; /* bit n: the nth datagram sent is lost */
    bool repeat;                             /* each datagram arrives twice */
    struct dtls_srtp client_keys;
};

struct world_options {
    const char *srtp;   /* what the client offers; NULL: our two, in its usual order */
    bool no_srtp;       /* nothing at all */
    const char *cipher; /* the one it offers; NULL: its usual ones */
    bool no_certificate;
    unsigned rsa_bits;      /* of the client's certificate; 0: P-256 */
    bool wrong_fingerprint; /* the server is told another one */
    bool no_fingerprint;    /* or none */
    long client_mtu;        /* 0: 1200 */
};

/* World on the heap (it is large); NULL for want of memory in the server, in fault tests. */
struct dtls_world *world_create(const struct world_options *options);
struct dtls_world *world_destroy(struct dtls_world *w);
/* Moves datagrams and steps both ends until nothing moves any more. The last answer of the
 * server's feed; OK when it was fed nothing. */
enum status world_run(struct dtls_world *w);
/* Lets time pass and calls both ends' timers when they are due. */
enum status world_sleep_ms(struct dtls_world *w, uint64_t ms);
bool world_connected(const struct dtls_world *w); /* both sides say so */
/* As world_run and sleeping for at most `ms` in all. */
bool world_connect(struct dtls_world *w, uint64_t ms);
/* Of the client, by the exporter: its local_key is what it encrypts with. */
void world_export_client(struct dtls_world *w, size_t salt_len, struct dtls_srtp *ret_keys);
void wire_put(struct wire *wire, const void *data, size_t len);
size_t wire_take(struct wire *wire, uint8_t out[WIRE_BYTES_MAX]); /* 0: none */
/* Whatever the server has to send goes onto the wire. */
void world_collect(struct dtls_world *w);
