/* srtp_oracle.h: libsrtp2 with the keys of a test.
 * Owns: a session of libsrtp2.
 * Never: used outside tests.
 * Callers: test_srtp_oracle.c. */
#pragma once

#include "dtls.h"

/* What the oracle makes of a packet, in the words of srtp.h; OTHER: refused for another reason. */
enum oracle_verdict {
    ORACLE_OK,
    ORACLE_UNAUTHENTICATED,
    ORACLE_EXISTS,
    ORACLE_STALE,
    ORACLE_OTHER,
};

struct oracle;
/* With the local keys it protects, with the remote ones it unprotects. */
struct oracle *oracle_create(const struct dtls_srtp *keys, bool sending);
void oracle_destroy(struct oracle *o);
enum oracle_verdict oracle_protect(struct oracle *o, uint8_t *packet, size_t *len, bool rtcp);
enum oracle_verdict oracle_unprotect(struct oracle *o, uint8_t *packet, size_t *len, bool rtcp);
