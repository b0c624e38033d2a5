/* dtls_identity.c: key, certificate and settings, once a process. The certificate proves nothing
 * by itself: its fingerprint travels in the SDP, over signalling. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "dtls_priv.h"
#include "entropy.h"
#include "mem.h"

enum {
    VALID_BEFORE_S = 24 * 3600,              /* clients with clocks behind */
    VALID_S = 10 * 365 * 24 * 3600,          /* longer than any process runs */
    CERTIFICATE_CHAIN_BYTES_MAX = 16 * 1024, /* of clients: one certificate of a few hundred */
};

static bool put_name(X509 *x) {
    X509_NAME *name = X509_get_subject_name(x);
    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"stoa", -1,
                                      -1, 0) == 1 &&
           X509_set_issuer_name(x, name) == 1;
}

static bool fill_certificate(X509 *x, EVP_PKEY *key) {
    uint64_t serial;
    entropy_fill(&serial, sizeof serial);
    return X509_set_version(x, X509_VERSION_3) == 1 &&
           ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial | 1) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(x), -(long)VALID_BEFORE_S) &&
           X509_gmtime_adj(X509_getm_notAfter(x), VALID_S) && put_name(x) &&
           X509_set_pubkey(x, key) == 1 && X509_sign(x, key, EVP_sha256()) > 0;
}

static bool apply_settings(SSL_CTX *c) {
    /* Only the suites that WebRTC clients must have or prefer; all of them authenticate and encrypt
     * in one, so that DTLS_PAYLOAD_BYTES_MAX holds for each. No resumption: each association
     * proves its certificate. */
    SSL_CTX_set_options(c, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                               SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(c, dtls_check_certificate, NULL);
    SSL_CTX_set_max_cert_list(c, CERTIFICATE_CHAIN_BYTES_MAX);
    return SSL_CTX_set_min_proto_version(c, DTLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_send_fragment(c, DTLS_DATAGRAM_BYTES_MAX) == 1 &&
           SSL_CTX_set_cipher_list(c, "ECDHE-ECDSA-AES128-GCM-SHA256:"
                                      "ECDHE-ECDSA-AES256-GCM-SHA384:"
                                      "ECDHE-ECDSA-CHACHA20-POLY1305") == 1 &&
           /* In the order of our choice: the server's decides. This one answers 0 for success. */
           SSL_CTX_set_tlsext_use_srtp(c, "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80") == 0;
}

static bool set_up(struct dtls_identity *id) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    id->bio_method = dtls_bio_method_create();
    id->ssl_context = SSL_CTX_new(DTLS_server_method());
    unsigned len = 0;
    bool ok = key && x && id->bio_method && id->ssl_context && fill_certificate(x, key) &&
              X509_digest(x, EVP_sha256(), id->fingerprint, &len) == 1 &&
              len == DTLS_FINGERPRINT_BYTES && apply_settings(id->ssl_context) &&
              SSL_CTX_use_certificate(id->ssl_context, x) == 1 &&
              SSL_CTX_use_PrivateKey(id->ssl_context, key) == 1;
    X509_free(x); /* the context holds references */
    EVP_PKEY_free(key);
    return ok;
}

enum status dtls_identity_create(struct dtls_identity **ret_identity) {
    struct dtls_identity *id = mem_zalloc(sizeof *id);
    if (!id) {
        return STATUS_NO_MEMORY;
    }
    id->magic = DTLS_IDENTITY_MAGIC;
    ERR_clear_error();
    if (!set_up(id)) {
        ERR_clear_error();
        (void)dtls_identity_destroy(id);
        return STATUS_INTERNAL;
    }
    *ret_identity = id;
    return STATUS_OK;
}

struct dtls_identity *dtls_identity_destroy(struct dtls_identity *id) {
    if (id) {
        assert(id->magic == DTLS_IDENTITY_MAGIC);
        SSL_CTX_free(id->ssl_context);
        BIO_meth_free(id->bio_method);
        mem_free(id);
    }
    return NULL;
}

const uint8_t *dtls_identity_fingerprint(const struct dtls_identity *id) {
    return id->fingerprint;
}
