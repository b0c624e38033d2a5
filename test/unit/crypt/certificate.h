/* certificate.h: self-signed certificates for tests.
 * Owns: struct certificate its key and certificate.
 * Never: used outside of tests.
 * Callers: test_tls, the DTLS client of the tests. */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base.h"

struct certificate {
    EVP_PKEY *key;
    X509 *x509;
    uint8_t fingerprint[32];
};

/* A new key: RSA with so many bits, or P-256 when 0. */
void certificate_init(struct certificate *c, unsigned rsa_bits, const char *name);
void certificate_deinit(struct certificate *c);
void certificate_write(const struct certificate *c, const char *certificate_path,
                       const char *key_path);
