/* dtls_priv.h: what the files of the DTLS server share.
 * Owns: see the structs.
 * Never: leaves the folder.
 * Invariant: `in` is empty outside of a call.
 * Callers: dtls*.c. */
#pragma once

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "dtls.h"
#include "dtls_records.h"

enum { DTLS_MAGIC = 0x44544c53, DTLS_IDENTITY_MAGIC = 0x44544c49 };

struct dtls_identity {
    uint32_t magic;
    SSL_CTX *ssl_context; /* owned, as is the method */
    BIO_METHOD *bio_method;
    uint8_t fingerprint[DTLS_FINGERPRINT_BYTES];
};

/* One datagram that waits to be sent. */
struct dtls_datagram {
    struct dtls_datagram *next;
    size_t len;
    uint8_t bytes[];
};

struct dtls {
    uint32_t magic;
    SSL *ssl;                     /* owned; NULL when settled */
    struct dtls_records *records; /* owned; NULL until settled */
    struct dtls_used used;        /* by ssl */
    bool heard;                   /* a message of the peer came: it has our last flight */
    uint8_t *unread;              /* owned, when settled: messages of the last datagram */
    size_t unread_len, unread_at;
    enum dtls_state state;
    enum status reason; /* OK until failed or closed */
    bool has_fingerprint;
    bool fingerprint_differs; /* found by the check of the certificate */
    uint8_t fingerprint[DTLS_FINGERPRINT_BYTES];
    struct slice in;                            /* borrowed for one call: the datagram being fed */
    struct dtls_datagram *out_first, **out_end; /* owned, oldest first */
    uint32_t out_count;
    uint64_t out_lost;
};

/* dtls.c: for good. Returns the reason. */
enum status dtls_end(struct dtls *d, enum dtls_state state, enum status reason);
/* dtls_bio.c: false when the queue is full, or without memory. */
must_check bool dtls_append_out(struct dtls *d, struct slice datagram);

/* dtls_settled.c. Which numbers were used, for the time after. */
void dtls_note_out(struct dtls *d, struct slice datagram);
void dtls_note_in(struct dtls *d, struct slice datagram); /* that held something valid */
/* As the functions of dtls.h, for an association that is settled and connected. */
enum status dtls_settled_feed(struct dtls *d, struct slice datagram);
enum status dtls_settled_read(struct dtls *d, uint8_t out[DTLS_IN_BYTES_MAX], size_t *ret_len);
void dtls_settled_write(struct dtls *d, struct slice message);
void dtls_settled_goodbye(struct dtls *d);
void dtls_settled_forget(struct dtls *d); /* what was not read */

/* A BIO that reads `in` once and appends each write to the output as a datagram of its own.
 * NULL without memory. */
must_check BIO_METHOD *dtls_bio_method_create(void);
must_check BIO *dtls_bio_create(const struct dtls_identity *id, struct dtls *d);
/* For SSL_CTX_set_cert_verify_callback: the certificate is right when its fingerprint is. */
int dtls_check_certificate(X509_STORE_CTX *store, void *arg);
