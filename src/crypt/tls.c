#include "tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <string.h>

#include "fd.h"
#include "file.h"
#include "mem.h"

enum { TLS_CONTEXT_MAGIC = 0x544c5358, TLS_CONN_MAGIC = 0x544c5343 };

struct tls_context {
    uint32_t magic;
    pthread_mutex_t lock; /* guards ssl_context: reloaded by one thread, used by others */
    SSL_CTX *ssl_context; /* owned; sessions hold references of their own */
};

struct tls_conn {
    uint32_t magic;
    SSL *ssl; /* owned */
    enum tls_want want;
    enum status failed; /* OK, or the answer to everything from now on */
};

static const uint8_t alpn_http11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

/* A client that offers protocols without ours would talk another one: better an alert now. */
static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *in, unsigned in_len, void *arg) {
    (void)ssl;
    (void)arg;
    unsigned char *chosen;
    int found =
        SSL_select_next_proto(&chosen, out_len, alpn_http11, sizeof alpn_http11, in, in_len);
    if (found != OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* A key with a passphrase is refused; OpenSSL's own callback would ask the terminal. */
static int no_passphrase(char *out, int size, int writing, void *arg) {
    (void)out;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static bool apply_settings(SSL_CTX *c) {
    /* Clients often leave without close_notify: that is an end of stream, and requests know their
     * length. Tickets are kept, stateless; a cache would grow with the clients. */
    SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                               SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(c, 1);
    SSL_CTX_set_alpn_select_cb(c, choose_alpn, NULL);
    SSL_CTX_set_default_passwd_cb(c, no_passphrase);
    return SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(c, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1;
}

static enum status check_files(const char *certificate_path, const char *key_path) {
    const char *paths[] = {certificate_path, key_path};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        _cleanup_(fd_close) int fd = -1;
        enum status s = file_open_read(paths[i], &fd);
        if (s != STATUS_OK) {
            return s;
        }
    }
    return file_check_private(key_path);
}

static enum status load(const char *certificate_path, const char *key_path, SSL_CTX **ret_context) {
    enum status s = check_files(certificate_path, key_path);
    if (s != STATUS_OK) {
        return s;
    }
    ERR_clear_error();
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());
    if (!c || !apply_settings(c)) {
        s = STATUS_NO_MEMORY;
    } else if (SSL_CTX_use_certificate_chain_file(c, certificate_path) != 1 ||
               SSL_CTX_use_PrivateKey_file(c, key_path, SSL_FILETYPE_PEM) != 1 ||
               SSL_CTX_check_private_key(c) != 1) {
        s = STATUS_MALFORMED;
    }
    ERR_clear_error();
    if (s != STATUS_OK) {
        SSL_CTX_free(c);
        return s;
    }
    *ret_context = c;
    return STATUS_OK;
}

enum status tls_context_create(const char *certificate_path, const char *key_path,
                               struct tls_context **ret_context) {
    SSL_CTX *ssl_context;
    enum status s = load(certificate_path, key_path, &ssl_context);
    if (s != STATUS_OK) {
        return s;
    }
    struct tls_context *c = mem_zalloc(sizeof *c);
    if (!c) {
        SSL_CTX_free(ssl_context);
        return STATUS_NO_MEMORY;
    }
    c->magic = TLS_CONTEXT_MAGIC;
    c->ssl_context = ssl_context;
    pthread_mutex_init(&c->lock, NULL);
    *ret_context = c;
    return STATUS_OK;
}

enum status tls_context_reload(struct tls_context *c, const char *certificate_path,
                               const char *key_path) {
    assert(c->magic == TLS_CONTEXT_MAGIC);
    SSL_CTX *fresh;
    enum status s = load(certificate_path, key_path, &fresh);
    if (s != STATUS_OK) {
        return s;
    }
    pthread_mutex_lock(&c->lock);
    SSL_CTX *before = c->ssl_context;
    c->ssl_context = fresh;
    pthread_mutex_unlock(&c->lock);
    SSL_CTX_free(before);
    return STATUS_OK;
}

struct tls_context *tls_context_destroy(struct tls_context *c) {
    if (c) {
        assert(c->magic == TLS_CONTEXT_MAGIC);
        SSL_CTX_free(c->ssl_context);
        pthread_mutex_destroy(&c->lock);
        mem_free(c);
    }
    return NULL;
}

struct tls_conn *tls_conn_create(struct tls_context *c, int fd) {
    assert(c->magic == TLS_CONTEXT_MAGIC && fd >= 0);
    struct tls_conn *t = mem_zalloc(sizeof *t);
    if (!t) {
        return NULL;
    }
    t->magic = TLS_CONN_MAGIC;
    ERR_clear_error();
    pthread_mutex_lock(&c->lock);
    t->ssl = SSL_new(c->ssl_context);
    pthread_mutex_unlock(&c->lock);
    if (!t->ssl || SSL_set_fd(t->ssl, fd) != 1) {
        ERR_clear_error();
        return tls_conn_destroy(t);
    }
    SSL_set_accept_state(t->ssl);
    return t;
}

struct tls_conn *tls_conn_destroy(struct tls_conn *t) {
    if (t) {
        assert(t->magic == TLS_CONN_MAGIC);
        SSL_free(t->ssl);
        mem_free(t);
    }
    return NULL;
}

/* What a call of OpenSSL that did not succeed means. `broken`: what to say when the bytes are no
 * proper TLS; `gone`: when the connection below is. */
static enum status fail(struct tls_conn *t, int result, enum status broken, enum status gone) {
    enum status s;
    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ: t->want = TLS_WANT_READ; return STATUS_AGAIN;
    case SSL_ERROR_WANT_WRITE: t->want = TLS_WANT_WRITE; return STATUS_AGAIN;
    case SSL_ERROR_ZERO_RETURN: s = STATUS_CLOSED; break;
    case SSL_ERROR_SYSCALL: s = gone; break;
    default: s = broken; break;
    }
    ERR_clear_error();
    /* After an orderly end by the peer we may still write; nothing else leaves a session usable. */
    if (s != STATUS_CLOSED || gone == STATUS_CLOSED) {
        t->failed = s;
    }
    return s;
}

enum status tls_accept_step(struct tls_conn *t) {
    assert(t->magic == TLS_CONN_MAGIC);
    if (t->failed != STATUS_OK) {
        return t->failed;
    }
    ERR_clear_error();
    int result = SSL_do_handshake(t->ssl);
    return result == 1 ? STATUS_OK : fail(t, result, STATUS_MALFORMED, STATUS_CLOSED);
}

enum status tls_read(struct tls_conn *t, void *out, size_t size, size_t *ret_len) {
    assert(t->magic == TLS_CONN_MAGIC && size > 0);
    if (t->failed != STATUS_OK) {
        return t->failed;
    }
    ERR_clear_error();
    size_t len;
    int result = SSL_read_ex(t->ssl, out, size, &len);
    if (result != 1) {
        return fail(t, result, STATUS_IO, STATUS_IO);
    }
    *ret_len = len;
    return STATUS_OK;
}

enum status tls_write(struct tls_conn *t, struct slice data, size_t *ret_len) {
    assert(t->magic == TLS_CONN_MAGIC && data.len > 0);
    if (t->failed != STATUS_OK) {
        return t->failed;
    }
    ERR_clear_error();
    size_t len;
    int result = SSL_write_ex(t->ssl, data.data, data.len, &len);
    if (result != 1) {
        return fail(t, result, STATUS_IO, STATUS_CLOSED);
    }
    *ret_len = len;
    return STATUS_OK;
}

enum status tls_close_step(struct tls_conn *t) {
    assert(t->magic == TLS_CONN_MAGIC);
    if (t->failed != STATUS_OK || !SSL_is_init_finished(t->ssl)) {
        return STATUS_IO; /* no keys to say it with */
    }
    ERR_clear_error();
    int result = SSL_shutdown(t->ssl);
    return result >= 0 ? STATUS_OK : fail(t, result, STATUS_IO, STATUS_IO);
}

enum tls_want tls_wants(const struct tls_conn *t) {
    return t->want;
}

size_t tls_pending(const struct tls_conn *t) {
    return (size_t)MAX(SSL_pending(t->ssl), 0);
}
