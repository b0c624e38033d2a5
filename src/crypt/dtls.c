#include "dtls.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/time.h>

#include "dtls_priv.h"
#include "hmac.h"
#include "mem.h"

/* Kept for alerts and resends when a sender of data fills the queue. */
enum { OUT_KEPT_FREE = 4 };

static const char srtp_exporter_label[] = "EXTRACTOR-dtls_srtp"; /* RFC 5764, 4.2 */

/* OpenSSL would begin with a second, and end far apart. */
static unsigned next_timer_us(SSL *ssl, unsigned before_us) {
    (void)ssl;
    unsigned next_us = before_us == 0 ? DTLS_RETRANSMIT_FIRST_MS * 1000u : before_us * 2;
    return MIN(next_us, DTLS_RETRANSMIT_MAX_MS * 1000u);
}

int dtls_check_certificate(X509_STORE_CTX *store, void *arg) {
    (void)arg;
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct dtls *d = OBJ_CAST(struct dtls, SSL_get_app_data(ssl), DTLS_MAGIC);
    assert(d->has_fingerprint);
    X509 *certificate = X509_STORE_CTX_get0_cert(store);
    uint8_t shown[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (!certificate || X509_digest(certificate, EVP_sha256(), shown, &len) != 1) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_OUT_OF_MEM);
        return 0;
    }
    if (!crypt_equal(slice_of(shown, len), slice_of(d->fingerprint, sizeof d->fingerprint))) {
        d->fingerprint_differs = true;
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
        return 0;
    }
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

static bool set_up(struct dtls *d, struct dtls_identity *id) {
    d->ssl = SSL_new(id->ssl_context);
    BIO *bio = d->ssl ? dtls_bio_create(id, d) : NULL;
    if (!bio) {
        return false;
    }
    SSL_set_bio(d->ssl, bio, bio); /* takes it over */
    SSL_set_accept_state(d->ssl);
    DTLS_set_timer_cb(d->ssl, next_timer_us);
    return SSL_set_app_data(d->ssl, d) == 1 &&
           DTLS_set_link_mtu(d->ssl, DTLS_DATAGRAM_BYTES_MAX) == 1;
}

struct dtls *dtls_create(struct dtls_identity *id) {
    assert(id->magic == DTLS_IDENTITY_MAGIC);
    struct dtls *d = mem_zalloc(sizeof *d);
    if (!d) {
        return NULL;
    }
    d->magic = DTLS_MAGIC;
    d->out_end = &d->out_first;
    ERR_clear_error();
    if (!set_up(d, id)) {
        ERR_clear_error();
        return dtls_destroy(d);
    }
    return d;
}

struct dtls *dtls_destroy(struct dtls *d) {
    if (d) {
        assert(d->magic == DTLS_MAGIC);
        SSL_free(d->ssl);
        d->records = dtls_records_destroy(d->records);
        dtls_settled_forget(d);
        while (d->out_first) {
            struct dtls_datagram *datagram = d->out_first;
            d->out_first = datagram->next;
            mem_free(datagram);
        }
        mem_free(d);
    }
    return NULL;
}

enum status dtls_set_remote_fingerprint(struct dtls *d,
                                        const uint8_t sha256[DTLS_FINGERPRINT_BYTES]) {
    assert(d->magic == DTLS_MAGIC);
    if (d->has_fingerprint) {
        bool same = memcmp(d->fingerprint, sha256, sizeof d->fingerprint) == 0;
        return same ? STATUS_OK : STATUS_PRECONDITION;
    }
    memcpy(d->fingerprint, sha256, sizeof d->fingerprint);
    d->has_fingerprint = true;
    return STATUS_OK;
}

enum status dtls_end(struct dtls *d, enum dtls_state state, enum status reason) {
    assert(d->reason == STATUS_OK && reason != STATUS_OK);
    d->state = state;
    d->reason = reason;
    return reason;
}

/* What a call of OpenSSL that did not succeed means for the association. */
static enum status judge(struct dtls *d, int result) {
    int error = SSL_get_error(d->ssl, result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        ERR_clear_error(); /* dropped records may have left some */
        return STATUS_OK;
    }
    bool expired = ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_READ_TIMEOUT_EXPIRED;
    ERR_clear_error();
    if (d->fingerprint_differs) {
        return dtls_end(d, DTLS_FAILED, STATUS_DENIED);
    }
    if (error == SSL_ERROR_ZERO_RETURN) {
        return dtls_end(d, DTLS_CLOSED, STATUS_CLOSED);
    }
    return dtls_end(d, DTLS_FAILED, expired ? STATUS_TIMEOUT : STATUS_MALFORMED);
}

static enum status step_handshake(struct dtls *d) {
    int result = SSL_do_handshake(d->ssl);
    if (result != 1) {
        return judge(d, result);
    }
    d->state = DTLS_CONNECTED;
    return STATUS_OK;
}

/* OpenSSL takes a new datagram only when the last one is used up. */
static void drop_unread(struct dtls *d) {
    uint8_t out[DTLS_IN_BYTES_MAX];
    size_t len;
    while (d->state == DTLS_CONNECTED && d->ssl && SSL_has_pending(d->ssl) &&
           dtls_read(d, out, &len) == STATUS_OK) {
    }
}

/* Peeking takes the whole datagram in, and leaves what it holds for dtls_read. */
static enum status take_in(struct dtls *d) {
    uint8_t byte;
    size_t len;
    struct slice datagram = d->in;
    int result = SSL_peek_ex(d->ssl, &byte, sizeof byte, &len);
    if (result != 1) {
        return judge(d, result);
    }
    dtls_note_in(d, datagram);
    return STATUS_OK;
}

enum status dtls_feed(struct dtls *d, struct slice datagram) {
    assert(d->magic == DTLS_MAGIC);
    ERR_clear_error();
    drop_unread(d);
    if (d->reason != STATUS_OK) {
        return d->reason;
    }
    if (!d->has_fingerprint) {
        return STATUS_UNAVAILABLE;
    }
    if (datagram.len == 0 || datagram.len > DTLS_IN_BYTES_MAX) {
        return STATUS_OK;
    }
    if (d->records) {
        return dtls_settled_feed(d, datagram);
    }
    d->in = datagram;
    enum status s = d->state == DTLS_HANDSHAKING ? step_handshake(d) : take_in(d);
    d->in = (struct slice){0};
    return s;
}

size_t dtls_next_out(struct dtls *d, uint8_t out[DTLS_DATAGRAM_BYTES_MAX]) {
    assert(d->magic == DTLS_MAGIC);
    struct dtls_datagram *datagram = d->out_first;
    if (!datagram) {
        return 0;
    }
    d->out_first = datagram->next;
    if (!d->out_first) {
        d->out_end = &d->out_first;
    }
    d->out_count--;
    size_t len = datagram->len;
    memcpy(out, datagram->bytes, len);
    mem_free(datagram);
    return len;
}

uint64_t dtls_out_lost(const struct dtls *d) {
    return d->out_lost;
}

enum dtls_state dtls_state(const struct dtls *d) {
    return d->state;
}

enum status dtls_reason(const struct dtls *d) {
    return d->reason;
}

uint64_t dtls_timeout_ms(struct dtls *d) {
    struct timeval left;
    if (d->state != DTLS_HANDSHAKING || DTLSv1_get_timeout(d->ssl, &left) != 1) {
        return UINT64_MAX;
    }
    return (uint64_t)left.tv_sec * 1000 + ((uint64_t)left.tv_usec + 999) / 1000;
}

enum status dtls_on_timeout(struct dtls *d) {
    assert(d->magic == DTLS_MAGIC);
    if (d->state != DTLS_HANDSHAKING) {
        return d->reason;
    }
    ERR_clear_error();
    long result = DTLSv1_handle_timeout(d->ssl);
    return result >= 0 ? STATUS_OK : judge(d, (int)result);
}

/* OK when messages may pass. */
static enum status check_connected(const struct dtls *d) {
    if (d->reason != STATUS_OK) {
        return d->reason;
    }
    return d->state == DTLS_CONNECTED ? STATUS_OK : STATUS_PRECONDITION;
}

enum status dtls_read(struct dtls *d, uint8_t out[DTLS_IN_BYTES_MAX], size_t *ret_len) {
    assert(d->magic == DTLS_MAGIC);
    enum status s = check_connected(d);
    if (s != STATUS_OK) {
        return s;
    }
    if (d->records) {
        return dtls_settled_read(d, out, ret_len);
    }
    ERR_clear_error();
    size_t len;
    int result = SSL_read_ex(d->ssl, out, DTLS_IN_BYTES_MAX, &len);
    if (result == 1) {
        d->heard = true;
        *ret_len = len;
        return STATUS_OK;
    }
    s = judge(d, result);
    if (s == STATUS_OK && d->heard) {
        dtls_settle(d);
    }
    return s == STATUS_OK ? STATUS_AGAIN : s;
}

enum status dtls_write(struct dtls *d, struct slice message) {
    assert(d->magic == DTLS_MAGIC && message.len > 0);
    enum status s = check_connected(d);
    if (s != STATUS_OK) {
        return s;
    }
    if (message.len > DTLS_PAYLOAD_BYTES_MAX) {
        return STATUS_TOO_LARGE;
    }
    if (d->out_count >= DTLS_OUT_DATAGRAMS_MAX - OUT_KEPT_FREE) {
        return STATUS_AGAIN;
    }
    if (d->records) {
        dtls_settled_write(d, message);
        return STATUS_OK;
    }
    ERR_clear_error();
    size_t len;
    int result = SSL_write_ex(d->ssl, message.data, message.len, &len);
    if (result != 1) {
        s = judge(d, result);
        return s == STATUS_OK ? STATUS_AGAIN : s;
    }
    assert(len == message.len);
    return STATUS_OK;
}

void dtls_shutdown(struct dtls *d) {
    assert(d->magic == DTLS_MAGIC);
    if (d->reason != STATUS_OK) {
        return;
    }
    if (d->records) {
        dtls_settled_goodbye(d);
    } else if (d->state == DTLS_CONNECTED) {
        ERR_clear_error();
        (void)SSL_shutdown(d->ssl); /* the peer's is not awaited */
        ERR_clear_error();
    }
    (void)dtls_end(d, DTLS_CLOSED, STATUS_CLOSED);
}

static bool profile_of(const struct dtls *d, enum dtls_srtp_profile *ret_profile,
                       size_t *ret_salt_len) {
    const SRTP_PROTECTION_PROFILE *p = SSL_get_selected_srtp_profile(d->ssl);
    if (p && p->id == SRTP_AEAD_AES_128_GCM) {
        *ret_profile = DTLS_SRTP_AEAD_AES_128_GCM;
        *ret_salt_len = 12;
    } else if (p && p->id == SRTP_AES128_CM_SHA1_80) {
        *ret_profile = DTLS_SRTP_AES128_CM_HMAC_SHA1_80;
        *ret_salt_len = 14;
    } else {
        return false;
    }
    return true;
}

enum status dtls_export_srtp(struct dtls *d, struct dtls_srtp *ret_keys) {
    assert(d->magic == DTLS_MAGIC);
    if (d->state != DTLS_CONNECTED || !d->ssl) {
        return STATUS_PRECONDITION;
    }
    struct dtls_srtp keys = {0};
    if (!profile_of(d, &keys.profile, &keys.salt_len)) {
        return STATUS_NOT_FOUND;
    }
    /* client key, server key, client salt, server salt; we are the server */
    uint8_t material[2 * (sizeof keys.local_key + sizeof keys.local_salt)];
    size_t key_len = sizeof keys.local_key;
    size_t len = 2 * (key_len + keys.salt_len);
    ERR_clear_error();
    if (SSL_export_keying_material(d->ssl, material, len, srtp_exporter_label,
                                   sizeof srtp_exporter_label - 1, NULL, 0, 0) != 1) {
        ERR_clear_error();
        return STATUS_INTERNAL;
    }
    memcpy(keys.remote_key, material, key_len);
    memcpy(keys.local_key, material + key_len, key_len);
    memcpy(keys.remote_salt, material + 2 * key_len, keys.salt_len);
    memcpy(keys.local_salt, material + 2 * key_len + keys.salt_len, keys.salt_len);
    OPENSSL_cleanse(material, sizeof material);
    *ret_keys = keys;
    OPENSSL_cleanse(&keys, sizeof keys);
    return STATUS_OK;
}
