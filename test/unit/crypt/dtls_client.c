#include "dtls_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

static uint64_t world_now_us = 1700000000ull * 1000000;

/* Visible, so that libssl finds this one before the C library's. */
__attribute__((visibility("default"))) int gettimeofday(struct timeval *restrict tv,
                                                        void *restrict zone) {
    (void)zone;
    tv->tv_sec = (time_t)(world_now_us / 1000000);
    tv->tv_usec = (suseconds_t)(world_now_us % 1000000);
    return 0;
}

void wire_put(struct wire *wire, const void *data, size_t len) {
    assert_true(len <= WIRE_BYTES_MAX && wire->count < WIRE_MAX);
    size_t at = (wire->first + wire->count++) % WIRE_MAX;
    memcpy(wire->bytes[at], data, len);
    wire->lens[at] = len;
    wire->longest = MAX(wire->longest, len);
}

size_t wire_take(struct wire *wire, uint8_t out[WIRE_BYTES_MAX]) {
    if (wire->count == 0) {
        return 0;
    }
    size_t at = wire->first, len = wire->lens[at];
    memcpy(out, wire->bytes[at], len);
    wire->first = (at + 1) % WIRE_MAX;
    wire->count--;
    return len;
}

static void send_on(struct dtls_world *w, struct wire *wire, uint64_t lose, const void *data,
                    size_t len) {
    size_t nth = wire->sent++;
    if (nth < 64 && (lose >> nth & 1)) {
        return;
    }
    wire_put(wire, data, len);
    if (w->repeat) {
        wire_put(wire, data, len);
    }
}

static int client_write(BIO *bio, const char *data, int len) {
    struct dtls_world *w = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    send_on(w, &w->to_server, w->lose_to_server, data, (size_t)len);
    return len;
}

static int client_read(BIO *bio, char *out, int size) {
    struct dtls_world *w = BIO_get_data(bio);
    uint8_t datagram[WIRE_BYTES_MAX];
    BIO_clear_retry_flags(bio);
    size_t len = wire_take(&w->to_client, datagram);
    if (len == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    len = MIN(len, (size_t)size);
    memcpy(out, datagram, len);
    return (int)len;
}

static long client_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static unsigned client_timer_us(SSL *ssl, unsigned before_us) {
    (void)ssl;
    return before_us ? before_us * 2 : 50000; /* as browsers begin */
}

static int accept_any(X509_STORE_CTX *store, void *arg) {
    (void)store;
    (void)arg;
    return 1;
}

static void create_client(struct dtls_world *w, const struct world_options *o) {
    w->method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "client");
    BIO_meth_set_write(w->method, client_write);
    BIO_meth_set_read(w->method, client_read);
    BIO_meth_set_ctrl(w->method, client_control);
    w->client_context = SSL_CTX_new(DTLS_client_method());
    SSL_CTX_set_options(w->client_context, SSL_OP_NO_QUERY_MTU);
    SSL_CTX_set_verify(w->client_context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(w->client_context, accept_any, NULL);
    const char *srtp = o->srtp ? o->srtp : "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM";
    if (!o->no_srtp) {
        assert_int_equal(SSL_CTX_set_tlsext_use_srtp(w->client_context, srtp), 0);
    }
    if (o->cipher) {
        assert_int_equal(SSL_CTX_set_cipher_list(w->client_context, o->cipher), 1);
    }
    if (!o->no_certificate) {
        SSL_CTX_use_certificate(w->client_context, w->certificate.x509);
        SSL_CTX_use_PrivateKey(w->client_context, w->certificate.key);
    }
    w->client = SSL_new(w->client_context);
    BIO *bio = BIO_new(w->method);
    BIO_set_data(bio, w);
    BIO_set_init(bio, 1);
    SSL_set_bio(w->client, bio, bio);
    SSL_set_connect_state(w->client);
    DTLS_set_link_mtu(w->client, o->client_mtu ? o->client_mtu : 1200);
    DTLS_set_timer_cb(w->client, client_timer_us);
}

struct dtls_world *world_create(const struct world_options *o) {
    struct dtls_world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    if (dtls_identity_create(&w->identity) != STATUS_OK ||
        !(w->server = dtls_create(w->identity))) {
        return world_destroy(w);
    }
    certificate_init(&w->certificate, o->rsa_bits, "client");
    uint8_t fingerprint[DTLS_FINGERPRINT_BYTES];
    memcpy(fingerprint, w->certificate.fingerprint, sizeof fingerprint);
    fingerprint[31] ^= o->wrong_fingerprint ? 1 : 0;
    if (!o->no_fingerprint) {
        assert_int_equal(dtls_set_remote_fingerprint(w->server, fingerprint), STATUS_OK);
    }
    create_client(w, o);
    return w;
}

struct dtls_world *world_destroy(struct dtls_world *w) {
    SSL_free(w->client);
    SSL_CTX_free(w->client_context);
    BIO_meth_free(w->method);
    certificate_deinit(&w->certificate);
    dtls_destroy(w->server);
    dtls_identity_destroy(w->identity);
    free(w);
    return NULL;
}

void world_collect(struct dtls_world *w) {
    uint8_t out[DTLS_DATAGRAM_BYTES_MAX];
    size_t len;
    while ((len = dtls_next_out(w->server, out)) > 0) {
        send_on(w, &w->to_client, w->lose_to_client, out, len);
    }
}

enum status world_run(struct dtls_world *w) {
    enum status s = STATUS_OK;
    uint8_t datagram[WIRE_BYTES_MAX];
    do {
        if (!SSL_is_init_finished(w->client)) {
            (void)SSL_do_handshake(w->client);
            ERR_clear_error();
        }
        size_t len;
        while ((len = wire_take(&w->to_server, datagram)) > 0) {
            s = dtls_feed(w->server, slice_of(datagram, len));
            assert_int_equal(ERR_peek_error(), 0);
        }
        world_collect(w);
    } while (w->to_server.count > 0 ||
             (w->to_client.count > 0 && !SSL_is_init_finished(w->client)));
    return s;
}

enum status world_sleep_ms(struct dtls_world *w, uint64_t ms) {
    world_now_us += ms * 1000;
    enum status s = STATUS_OK;
    if (dtls_timeout_ms(w->server) == 0) {
        s = dtls_on_timeout(w->server);
    }
    if (!SSL_is_init_finished(w->client)) {
        (void)DTLSv1_handle_timeout(w->client);
        ERR_clear_error();
    }
    world_collect(w);
    return s;
}

bool world_connected(const struct dtls_world *w) {
    return dtls_state(w->server) == DTLS_CONNECTED && SSL_is_init_finished(w->client);
}

bool world_connect(struct dtls_world *w, uint64_t ms) {
    (void)world_run(w);
    for (uint64_t slept = 0; !world_connected(w) && slept < ms; slept += 10) {
        (void)world_sleep_ms(w, 10);
        (void)world_run(w);
    }
    return world_connected(w);
}

void world_export_client(struct dtls_world *w, size_t salt_len, struct dtls_srtp *ret_keys) {
    uint8_t m[60];
    assert_int_equal(SSL_export_keying_material(w->client, m, 2 * (16 + salt_len),
                                                "EXTRACTOR-dtls_srtp", 19, NULL, 0, 0),
                     1);
    struct dtls_srtp k = {.salt_len = salt_len};
    memcpy(k.local_key, m, 16);
    memcpy(k.remote_key, m + 16, 16);
    memcpy(k.local_salt, m + 32, salt_len);
    memcpy(k.remote_salt, m + 32 + salt_len, salt_len);
    *ret_keys = k;
}
