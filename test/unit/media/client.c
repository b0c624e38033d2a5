#include "client.h"

#include <arpa/inet.h>
#include <assert.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "datagram.h"

enum {
    ATTRIBUTE_USERNAME = 0x0006,
    ATTRIBUTE_PRIORITY = 0x0024,
    ATTRIBUTE_USE_CANDIDATE = 0x0025,
    ATTRIBUTE_CONTROLLED = 0x8029,
    ATTRIBUTE_CONTROLLING = 0x802a,
    ATTRIBUTE_MADE_UP = 0x7ffe, /* comprehension required */
};

static struct sockaddr_storage loopback(bool v6, uint16_t port) {
    struct sockaddr_storage a = {0};
    if (v6) {
        struct sockaddr_in6 *six = (void *)&a;
        *six = (struct sockaddr_in6){
            .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    } else {
        struct sockaddr_in *four = (void *)&a;
        *four = (struct sockaddr_in){.sin_family = AF_INET,
                                     .sin_port = htons(port),
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    }
    return a;
}

static void open_stream(struct client *c) {
    c->fd = socket(c->to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_storage to = loopback(c->server.v6, c->server.tcp_port);
    int connected = connect(c->fd, (struct sockaddr *)&to, sizeof to);
    assert(c->fd >= 0 && connected == 0);
    (void)connected;
    c->stream_len = 0;
}

static void open_socket(struct client *c) {
    if (c->server.tcp_port != 0) {
        open_stream(c);
        return;
    }
    c->fd = socket(c->to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert(c->fd >= 0);
    struct sockaddr_storage own = loopback(c->server.v6, 0);
    int bound = bind(c->fd, (struct sockaddr *)&own, sizeof own);
    assert(bound == 0);
}

static void make_certificate(struct client *c) {
    c->pkey = EVP_EC_gen("P-256");
    c->certificate = X509_new();
    X509_set_version(c->certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(c->certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(c->certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(c->certificate), 86400);
    X509_set_pubkey(c->certificate, c->pkey);
    X509_sign(c->certificate, c->pkey, EVP_sha256());
    unsigned len = sizeof c->fingerprint;
    X509_digest(c->certificate, EVP_sha256(), c->fingerprint, &len);
}

static int accept_any(int ok, X509_STORE_CTX *x) {
    (void)ok;
    (void)x;
    return 1; /* these tests are about the other side's checks */
}

void client_init(struct client *c, const struct client_server *server) {
    *c = (struct client){.server = *server};
    c->to = loopback(server->v6, server->port);
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    uint8_t random[CLIENT_PWD_LEN];
    RAND_bytes(random, sizeof random);
    for (int i = 0; i < CLIENT_PWD_LEN; i++) {
        c->pwd[i] = letters[random[i] % 26];
    }
    memcpy(c->ufrag, c->pwd + 5, CLIENT_UFRAG_LEN);
    c->own_key = hmac_key_create(HMAC_SHA1, slice_from_cstr(c->pwd));
    c->server_key = hmac_key_create(HMAC_SHA1, slice_from_cstr(server->pwd));
    open_socket(c);
    make_certificate(c);
    c->ssl_ctx = SSL_CTX_new(DTLS_client_method());
    SSL_CTX_use_certificate(c->ssl_ctx, c->certificate);
    SSL_CTX_use_PrivateKey(c->ssl_ctx, c->pkey);
    SSL_CTX_set_verify(c->ssl_ctx, SSL_VERIFY_PEER, accept_any);
    SSL_CTX_set_tlsext_use_srtp(c->ssl_ctx, "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80");
    c->ssl = SSL_new(c->ssl_ctx);
    c->in = BIO_new(BIO_s_mem());
    c->out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(c->in, -1);
    SSL_set_bio(c->ssl, c->in, c->out);
    SSL_set_options(c->ssl, SSL_OP_NO_QUERY_MTU);
    SSL_set_mtu(c->ssl, 1200);
    SSL_set_connect_state(c->ssl);
}

void client_deinit(struct client *c) {
    if (c->fd > 0) {
        close(c->fd);
    }
    SSL_free(c->ssl);
    SSL_CTX_free(c->ssl_ctx);
    X509_free(c->certificate);
    EVP_PKEY_free(c->pkey);
    c->server_key = hmac_key_destroy(c->server_key);
    c->own_key = hmac_key_destroy(c->own_key);
    *c = (struct client){0};
}

void client_rebind(struct client *c) {
    int old = c->fd;
    open_socket(c); /* before the old one is closed, that the port be another */
    close(old);
}

void client_use(struct client *c, const char *ufrag, const char *pwd) {
    memcpy(c->server.ufrag, ufrag, strlen(ufrag) + 1);
    memcpy(c->server.pwd, pwd, strlen(pwd) + 1);
    c->server_key = hmac_key_destroy(c->server_key);
    c->server_key = hmac_key_create(HMAC_SHA1, slice_from_cstr(pwd));
}

static void send_framed(struct client *c, const void *data, size_t len) {
    uint8_t frame[2 + 4096] = {(uint8_t)(len >> 8), (uint8_t)len};
    memcpy(frame + 2, data, len);
    for (size_t sent = 0; sent < len + 2;) {
        ssize_t n = send(c->fd, frame + sent, len + 2 - sent, MSG_NOSIGNAL);
        if (n <= 0) {
            return; /* the server closed it: what follows from that is the test's matter */
        }
        sent += (size_t)n;
    }
}

void client_send_raw(struct client *c, const void *data, size_t len) {
    if (c->server.tcp_port != 0) {
        send_framed(c, data, len);
        return;
    }
    ssize_t sent = sendto(c->fd, data, len, 0, (struct sockaddr *)&c->to, sizeof c->to);
    assert(sent == (ssize_t)len);
}

static void put(struct stun_message *m, const void *data, size_t len) {
    if (len > 0) {
        memcpy(m->data + m->len, data, len);
    }
    m->len += len;
}

static void put_attribute(struct stun_message *m, uint16_t type, const void *data, size_t len) {
    const uint8_t head[4] = {(uint8_t)(type >> 8), (uint8_t)type, (uint8_t)(len >> 8),
                             (uint8_t)len};
    static const uint8_t zero[4] = {0};
    put(m, head, sizeof head);
    put(m, data, len);
    put(m, zero, (4 - len % 4) % 4);
}

void client_check(struct client *c, uint32_t how) {
    struct stun_message m = {0};
    static const uint8_t head[8] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
    RAND_bytes(c->transaction, sizeof c->transaction);
    put(&m, head, sizeof head);
    put(&m, c->transaction, sizeof c->transaction);
    char username[64];
    int len = snprintf(username, sizeof username, "%s:%s",
                       how & CHECK_BAD_UFRAG ? "nobody" : c->server.ufrag, c->ufrag);
    put_attribute(&m, ATTRIBUTE_USERNAME, username, (size_t)len);
    static const uint8_t priority[4] = {0x6e, 0x7f, 0x1e, 0xff}, tie[8] = {1, 2, 3, 4};
    put_attribute(&m, ATTRIBUTE_PRIORITY, priority, sizeof priority);
    put_attribute(&m, how & CHECK_AS_CONTROLLED ? ATTRIBUTE_CONTROLLED : ATTRIBUTE_CONTROLLING, tie,
                  sizeof tie);
    if (how & CHECK_NOMINATES) {
        put_attribute(&m, ATTRIBUTE_USE_CANDIDATE, NULL, 0);
    }
    if (how & CHECK_UNKNOWN_ATTRIBUTE) {
        put_attribute(&m, ATTRIBUTE_MADE_UP, "x", 1);
    }
    uint8_t mac[STUN_MAC_BYTES];
    struct slice input = stun_seal_input(&m);
    enum status s = hmac_sign(how & CHECK_BAD_PWD ? c->own_key : c->server_key, &input, 1, mac);
    assert(s == STATUS_OK);
    stun_seal(&m, mac);
    if (how & CHECK_NO_FINGERPRINT) {
        m.len -= 8;
        m.data[3] = (uint8_t)(m.data[3] - 8);
    }
    client_send_raw(c, m.data, m.len);
}

static void answer_check(struct client *c, const struct stun_view *v) {
    c->server_checks++;
    if (c->ignores_checks) {
        return;
    }
    struct stun_message m;
    const struct stun_address mapped = {.family = STUN_IPV4, .port = 1, .ip = {127, 0, 0, 1}};
    stun_write_success(&m, v->transaction, &mapped);
    uint8_t mac[STUN_MAC_BYTES];
    struct slice input = stun_seal_input(&m);
    enum status s = hmac_sign(c->own_key, &input, 1, mac);
    assert(s == STATUS_OK);
    stun_seal(&m, mac);
    client_send_raw(c, m.data, m.len);
}

static bool is_authentic(struct client *c, const struct stun_view *v) {
    uint8_t header[STUN_HEADER_BYTES], mac[STUN_MAC_BYTES];
    struct slice parts[2] = {{header, sizeof header}};
    stun_integrity_input(v, header, &parts[1]);
    return hmac_sign(c->server_key, parts, 2, mac) == STATUS_OK && stun_integrity_matches(v, mac);
}

static void on_stun(struct client *c, struct slice datagram) {
    struct stun_view v;
    enum status s = stun_read(datagram, &v);
    assert(s == STATUS_OK && v.has_fingerprint && v.has_integrity);
    if (v.kind == STUN_REQUEST) {
        answer_check(c, &v);
        return;
    }
    if (memcmp(v.transaction, c->transaction, sizeof v.transaction) != 0) {
        return; /* to an earlier check */
    }
    assert(is_authentic(c, &v));
    if (v.kind == STUN_SUCCESS) {
        c->answers++;
        c->mapped = v.mapped;
    } else {
        c->errors++;
    }
}

static void flush_dtls(struct client *c) {
    uint8_t datagram[4096];
    int len = BIO_read(c->out, datagram, sizeof datagram);
    if (len > 0) {
        client_send_raw(c, datagram, (size_t)len);
    }
}

static void move_dtls(struct client *c) {
    ERR_clear_error();
    if (!c->connected && !c->failed) {
        int r = SSL_do_handshake(c->ssl);
        c->connected = r == 1;
        c->failed = r != 1 && SSL_get_error(c->ssl, r) != SSL_ERROR_WANT_READ;
    }
    uint8_t record[16384];
    for (int n; c->connected && (n = SSL_read(c->ssl, record, sizeof record)) > 0;) {
        if (c->on_message) {
            c->on_message(c->arg, record, (size_t)n);
        }
    }
    flush_dtls(c);
}

void client_start_dtls(struct client *c) {
    c->started = true;
    move_dtls(c);
}

bool client_send(struct client *c, const void *data, size_t len) {
    int n = SSL_write(c->ssl, data, (int)len);
    flush_dtls(c);
    return n > 0;
}

void client_take(struct client *c, uint8_t *datagram, size_t len) {
    c->datagrams++;
    struct slice bytes = slice_of(datagram, len);
    if (datagram_classify(bytes) == DATAGRAM_STUN) {
        on_stun(c, bytes);
    } else if (datagram_classify(bytes) == DATAGRAM_DTLS) {
        c->dtls_datagrams++;
        BIO_write(c->in, datagram, (int)len);
        move_dtls(c);
    } else if (c->on_media) {
        c->on_media(c->media_arg, datagram, len, datagram_classify(bytes) == DATAGRAM_RTCP);
    }
}

/* False: nothing came, or the server closed the stream. */
static bool take_stream(struct client *c) {
    ssize_t n =
        recv(c->fd, c->stream + c->stream_len, sizeof c->stream - c->stream_len, MSG_DONTWAIT);
    if (n <= 0) {
        c->failed = c->failed || n == 0;
        return false;
    }
    c->stream_len += (size_t)n;
    for (size_t len; c->stream_len >= 2 &&
                     c->stream_len >= 2 + (len = (size_t)c->stream[0] << 8 | c->stream[1]);) {
        client_take(c, c->stream + 2, len);
        c->stream_len -= 2 + len;
        memmove(c->stream, c->stream + 2 + len, c->stream_len);
    }
    return true;
}

/* When the kernel had it, if it was asked to say so. */
static uint64_t stamp_of(struct msghdr *m) {
    struct cmsghdr *c = CMSG_FIRSTHDR(m);
    struct timespec t = {0};
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
        memcpy(&t, CMSG_DATA(c), sizeof t);
    }
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static bool take_datagram(struct client *c) {
    uint8_t datagram[2048];
    union {
        char space[CMSG_SPACE(sizeof(struct timespec))];
        struct cmsghdr align;
    } control;
    struct iovec part = {datagram, sizeof datagram};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof control};
    ssize_t len = recvmsg(c->fd, &m, MSG_DONTWAIT);
    if (len > 0) {
        c->received_ns = stamp_of(&m);
        client_take(c, datagram, (size_t)len);
    }
    return len > 0;
}

bool client_pump(struct client *c, int wait_ms) {
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    bool came = false;
    while (poll(&p, 1, came ? 0 : wait_ms) > 0 &&
           (c->server.tcp_port != 0 ? take_stream(c) : take_datagram(c))) {
        came = true;
    }
    if (c->started && !c->connected && DTLSv1_handle_timeout(c->ssl) > 0) {
        flush_dtls(c);
    }
    return came;
}

bool client_connect(struct client *c) {
    for (int i = 0; i < 1000 && !c->connected && !c->failed; i++) {
        if (c->answers == 0) {
            if (i % 20 == 0) {
                client_check(c, CHECK_NOMINATES);
            }
        } else if (!c->started) {
            client_start_dtls(c);
        }
        (void)client_pump(c, 10);
    }
    return c->connected || c->failed;
}
