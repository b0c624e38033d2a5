#include "certificate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sys/stat.h>

void certificate_init(struct certificate *c, unsigned rsa_bits, const char *name) {
    c->key = rsa_bits ? EVP_RSA_gen(rsa_bits) : EVP_EC_gen("P-256");
    c->x509 = X509_new();
    assert_true(c->key && c->x509);
    X509_set_version(c->x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(c->x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(c->x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(c->x509), 3600);
    X509_NAME *n = X509_get_subject_name(c->x509);
    X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(c->x509, n);
    X509_set_pubkey(c->x509, c->key);
    assert_true(X509_sign(c->x509, c->key, EVP_sha256()) > 0);
    assert_int_equal(X509_digest(c->x509, EVP_sha256(), c->fingerprint, NULL), 1);
}

void certificate_deinit(struct certificate *c) {
    EVP_PKEY_free(c->key);
    X509_free(c->x509);
    *c = (struct certificate){0};
}

void certificate_write(const struct certificate *c, const char *certificate_path,
                       const char *key_path) {
    FILE *f = fopen(certificate_path, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, c->x509), 1);
    fclose(f);
    f = fopen(key_path, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_PrivateKey(f, c->key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
    assert_int_equal(chmod(key_path, 0600), 0);
}
