/* stun.h: STUN binding messages as ICE-lite needs them: requests in, answers out, and our own
 * checks. Owns: nothing. A view points into the datagram; a message is built in the caller's
 * struct. Never: computes HMAC-SHA1 (a crypto library's work): it says which bytes to hash and
 * compares. Invariant: a view that was returned had a whole header, whole attributes and, when a
 * FINGERPRINT was there, a right one. Nothing in it is trusted before stun_integrity_matches said
 * yes. Source: RFC 8489 sections 5, 6, 14; RFC 8445 sections 7 and 16; RFC 5769 (test vectors).
 * Callers: media workers. */
#pragma once

#include "slice.h"

enum {
    STUN_HEADER_BYTES = 20,
    STUN_TRANSACTION_BYTES = 12,
    STUN_MAC_BYTES = 20,          /* HMAC-SHA1 */
    STUN_UNKNOWN_MAX = 8,         /* names listed in a 420 answer; more are not worth a packet */
    STUN_MESSAGE_BYTES_MAX = 768, /* a USERNAME of 513 bytes and all that we ever add to it */
    STUN_METHOD_BINDING = 1,
};

enum stun_kind { STUN_REQUEST, STUN_INDICATION, STUN_SUCCESS, STUN_ERROR };

enum stun_family { STUN_IPV4 = 1, STUN_IPV6 = 2 };

struct stun_address {
    enum stun_family family;
    uint16_t port;  /* host order */
    uint8_t ip[16]; /* network order; IPv4 uses the first 4 and leaves the rest zero */
};

enum stun_ice_role { STUN_ROLE_NONE, STUN_ROLE_CONTROLLING, STUN_ROLE_CONTROLLED };

struct stun_view {
    struct slice message; /* all of it */
    enum stun_kind kind;
    uint16_t method;
    uint8_t transaction[STUN_TRANSACTION_BYTES];

    /* USERNAME is "ufrag of the receiver:ufrag of the sender". In a request to us `username_local`
     * is ours. Both are empty when there is no colon. */
    bool has_username;
    struct slice username, username_local, username_remote;

    bool has_priority, use_candidate;
    uint32_t priority;
    enum stun_ice_role role; /* the sender's */
    uint64_t tie_breaker;

    bool has_integrity, has_fingerprint;
    size_t integrity_at;    /* offset of the MESSAGE-INTEGRITY attribute in message */
    struct slice integrity; /* its 20 bytes */

    bool has_mapped; /* XOR-MAPPED-ADDRESS, decoded */
    struct stun_address mapped;
    uint16_t error_code; /* of an error response; 0 when absent */

    /* Comprehension-required attributes that we do not know. */
    uint16_t unknown[STUN_UNKNOWN_MAX];
    size_t unknown_count; /* listed ones; at least 1 when there is any */
};

/* MALFORMED: not a STUN message of exactly this length with the magic cookie, an attribute that
 * reaches outside or has a wrong size, or a FINGERPRINT that is wrong or not last. Attributes
 * behind MESSAGE-INTEGRITY are skipped, as RFC 8489 14.5 asks. */
must_check enum status stun_read(struct slice datagram, struct stun_view *ret_view);

/* What MESSAGE-INTEGRITY covers: HMAC-SHA1(password, header then rest). The header is a copy whose
 * length field ends behind MESSAGE-INTEGRITY, as the sender saw it; rest is a view. Only with
 * has_integrity. For a request the password is ours, for a response to our check the peer's. */
void stun_integrity_input(const struct stun_view *v, uint8_t ret_header[STUN_HEADER_BYTES],
                          struct slice *ret_rest);
/* Compares in constant time. False without MESSAGE-INTEGRITY. */
must_check bool stun_integrity_matches(const struct stun_view *v,
                                       const uint8_t mac[STUN_MAC_BYTES]);

/* A message being built. Write one with stun_write_*, then seal it with or without a MAC:
 *   stun_write_success(&m, view.transaction, &source);
 *   hmac_sha1(pwd, stun_seal_input(&m), mac);
 *   stun_seal(&m, mac);  ->  send stun_message_slice(&m) */
struct stun_message {
    size_t len;
    bool failed; /* sticky: it did not fit */
    uint8_t data[STUN_MESSAGE_BYTES_MAX];
};

enum stun_error {
    STUN_ERROR_BAD_REQUEST = 400,
    STUN_ERROR_UNAUTHENTICATED = 401,
    STUN_ERROR_UNKNOWN_ATTRIBUTE = 420,
    STUN_ERROR_ROLE_CONFLICT = 487,
};

void stun_write_success(struct stun_message *m, const uint8_t transaction[STUN_TRANSACTION_BYTES],
                        const struct stun_address *mapped);
/* Answers `request`; 420 lists its unknown attributes. */
void stun_write_error(struct stun_message *m, const struct stun_view *request,
                      enum stun_error code);

/* Our own check of an address, from the controlled side (a lite agent never controls). */
struct stun_check {
    uint8_t transaction[STUN_TRANSACTION_BYTES]; /* unguessable: the answer proves the path */
    struct slice remote_ufrag, local_ufrag;
    uint32_t priority;
    uint64_t tie_breaker;
};
void stun_write_check(struct stun_message *m, const struct stun_check *check);

/* The bytes to hash for MESSAGE-INTEGRITY; also sets the length field that they need. */
struct slice stun_seal_input(struct stun_message *m);
/* Appends MESSAGE-INTEGRITY (NULL: none, for 400 and 401) and FINGERPRINT. */
void stun_seal(struct stun_message *m, const uint8_t *mac);
/* Empty when it did not fit. */
struct slice stun_message_slice(const struct stun_message *m);
