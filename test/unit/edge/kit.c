#include "kit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base64.h"
#include "buf.h"
#include "certificate.h"
#include "clock.h"
#include "hmac.h"

enum { CLIENT_READ_BYTES = 65536 };

static const struct edge_key keys[] = {
    {{(const uint8_t *)KIT_KEY, sizeof(KIT_KEY) - 1},
     {(const uint8_t *)KIT_SECRET, sizeof(KIT_SECRET) - 1}},
};
static const char *const binds[] = {"127.0.0.1"};

/* ---- the edge ---------------------------------------------------------------------------------
 */

static void make_certificate(struct kit *k) {
    static char certificate_path[64], key_path[64];
    snprintf(k->directory, sizeof(k->directory), "test_edge_XXXXXX");
    assert_non_null(mkdtemp(k->directory));
    snprintf(certificate_path, sizeof(certificate_path), "%s/tls.crt", k->directory);
    snprintf(key_path, sizeof(key_path), "%s/tls.key", k->directory);
    struct certificate c;
    certificate_init(&c, 0, "localhost");
    certificate_write(&c, certificate_path, key_path);
    certificate_deinit(&c);
    k->config.tls_certificate = certificate_path;
    k->config.tls_key = key_path;
}

void kit_init(struct kit *k, void **state) {
    (void)signal(SIGPIPE, SIG_IGN);
    *k = (struct kit){.tls = *state && *(const bool *)*state};
    k->others[0] = &k->other_metrics;
    k->to_control = mailbox_create(sizeof(struct edge_msg *), KIT_MESSAGES);
    assert_non_null(k->to_control);
    k->config = (struct edge_config){
        .binds = binds,
        .binds_count = 1,
        .metrics_bind = "127.0.0.1",
        .keys = keys,
        .keys_count = 1,
        .threads = 1,
        .body_bytes_max = 1 << 20,
        .to_control = k->to_control,
        .other_metrics = k->others,
        .other_metrics_count = 1,
        .metric_labels = SLICE_LIT("node_id=\"ND_1\""),
        .limits = {.control_items = KIT_MESSAGES},
    };
    if (k->tls) {
        make_certificate(k);
    }
}

void kit_start(struct kit *k) {
    assert_int_equal(edge_create(&k->config, &k->edge), STATUS_OK);
}

void kit_stop(struct kit *k) {
    edge_stop_accepting(k->edge);
    k->edge = edge_destroy(k->edge, 100);
    struct edge_msg *m;
    while (mailbox_drain(k->to_control, &m, 1) == 1) {
        edge_msg_free(m);
    }
    k->to_control = mailbox_destroy(k->to_control);
    if (k->tls) {
        unlink(k->config.tls_certificate);
        unlink(k->config.tls_key);
        assert_int_equal(rmdir(k->directory), 0);
    }
}

struct edge_msg *kit_next(struct kit *k, enum edge_msg_kind kind) {
    uint64_t until = clock_mono_ms() + KIT_WAIT_MS;
    struct edge_msg *m = NULL;
    while (mailbox_drain(k->to_control, &m, 1) == 0) {
        if (clock_mono_ms() >= until) {
            fail_msg("no message for control");
        }
        (void)mailbox_wait(k->to_control, 100);
    }
    assert_int_equal(m->kind, kind);
    assert_true(m->conn != 0);
    return m;
}

void kit_expect_no_message(struct kit *k) {
    assert_int_equal(mailbox_count(k->to_control), 0);
}

void kit_answer_call(struct kit *k, const char *body) {
    struct edge_msg *m = kit_next(k, EDGE_API);
    assert_true(edge_reply(k->edge, m->conn, 200, EDGE_BODY_JSON, slice_from_cstr(body)));
    edge_msg_free(m);
}

uint64_t kit_metric(struct kit *k, const char *name) {
    struct client c = client_open_at(edge_metrics_port(k->edge), false);
    client_put(&c, "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    struct answer a = client_answer(&c);
    assert_int_equal(a.status, 200);
    char wanted[256];
    bool labels = strchr(name, '}') != NULL;
    snprintf(wanted, sizeof(wanted), "\n%.*s%snode_id=\"ND_1\"} ",
             (int)(strlen(name) - (labels ? 1 : 0)), name, labels ? "," : "{");
    const char *at = strstr(a.body, wanted);
    if (!at) {
        fail_msg("no metric %s", wanted);
    }
    uint64_t value = strtoull(at + strlen(wanted), NULL, 10);
    answer_free(&a);
    client_close(&c);
    return value;
}

void kit_wait_metric(struct kit *k, const char *name, uint64_t at_least) {
    uint64_t until = clock_mono_ms() + KIT_WAIT_MS;
    while (kit_metric(k, name) < at_least) {
        if (clock_mono_ms() >= until) {
            fail_msg("%s stays below %llu", name, (unsigned long long)at_least);
        }
        nanosleep(&(struct timespec){.tv_nsec = 5 * 1000 * 1000}, NULL);
    }
}

char *kit_token_with(const char *header, const char *payload, const char *secret) {
    struct buf b;
    buf_init(&b, 1 << 20);
    base64url_put(&b, slice_from_cstr(header));
    buf_put_u8(&b, '.');
    base64url_put(&b, slice_from_cstr(payload));
    struct hmac_key *key = hmac_key_create(HMAC_SHA256, slice_from_cstr(secret));
    uint8_t signature[SHA256_BYTES];
    assert_int_equal(hs256_sign(key, buf_slice(&b), signature), STATUS_OK);
    hmac_key_destroy(key);
    buf_put_u8(&b, '.');
    base64url_put(&b, slice_of(signature, sizeof(signature)));
    char *token = strndup((const char *)b.data, b.len);
    buf_deinit(&b);
    return token;
}

char *kit_token(const char *payload) {
    return kit_token_with("{\"alg\":\"HS256\",\"typ\":\"JWT\"}", payload, KIT_SECRET);
}

/* ---- clients ----------------------------------------------------------------------------------
 */

static void shake_hands(struct client *c) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    SSL_set_fd(ssl, c->fd);
    assert_int_equal(SSL_connect(ssl), 1);
    c->tls = ssl;
    c->tls_context = context;
}

struct client client_open_at(uint16_t port, bool tls) {
    struct client c = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_true(c.fd >= 0);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval wait = {.tv_sec = KIT_WAIT_MS / 1000};
    setsockopt(c.fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    setsockopt(c.fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    int on = 1;
    setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* each send is a segment */
    assert_int_equal(connect(c.fd, (struct sockaddr *)&to, sizeof(to)), 0);
    if (tls) {
        shake_hands(&c);
    }
    return c;
}

struct client client_open(struct kit *k) {
    return client_open_at(edge_port(k->edge), k->tls);
}

void client_close(struct client *c) {
    SSL_free(c->tls);
    SSL_CTX_free(c->tls_context);
    close(c->fd);
    free(c->in);
    *c = (struct client){.fd = -1};
}

bool client_try_send(struct client *c, const void *data, size_t len) {
    const char *at = data;
    while (len > 0) {
        ssize_t sent = c->tls ? SSL_write(c->tls, at, (int)MIN(len, (size_t)INT32_MAX))
                              : send(c->fd, at, len, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        at += sent;
        len -= (size_t)sent;
    }
    return true;
}

void client_send(struct client *c, const void *data, size_t len) {
    assert_true(client_try_send(c, data, len));
}

void client_put(struct client *c, const char *format, ...) {
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    assert_true(len > 0);
    client_send(c, text, (size_t)len);
    free(text);
}

bool client_more(struct client *c) {
    c->in = realloc(c->in, c->in_len + CLIENT_READ_BYTES + 1);
    assert_non_null(c->in);
    ssize_t got = c->tls ? SSL_read(c->tls, c->in + c->in_len, CLIENT_READ_BYTES)
                         : recv(c->fd, c->in + c->in_len, CLIENT_READ_BYTES, 0);
    if (got < 0 && !c->tls && errno == EAGAIN) {
        fail_msg("nothing came from the server");
    }
    c->in_len += got > 0 ? (size_t)got : 0;
    c->in[c->in_len] = 0;
    return got > 0;
}

void client_expect_silence(struct client *c, int ms) {
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    assert_int_equal(c->in_len, 0);
    assert_int_equal(poll(&p, 1, ms), 0);
}

void client_expect_end(struct client *c) {
    while (client_more(c)) {
        c->in_len = 0;
    }
    client_close(c);
}

static void client_drop(struct client *c, size_t len) {
    assert_true(len <= c->in_len);
    c->in_len -= len;
    memmove(c->in, c->in + len, c->in_len + 1);
}

/* ---- answers ----------------------------------------------------------------------------------
 */

static struct answer read_answer(struct client *c, bool has_body) {
    const char *end;
    while (c->in_len == 0 || !(end = strstr(c->in, "\r\n\r\n"))) {
        if (!client_more(c)) {
            fail_msg("the connection ended instead of an answer");
        }
    }
    struct answer a = {0};
    size_t head_len = (size_t)(end - c->in) + 4;
    a.head = strndup(c->in, head_len);
    assert_int_equal(sscanf(a.head, "HTTP/1.1 %d ", &a.status), 1);
    client_drop(c, head_len);
    const char *length = strstr(a.head, "\r\nContent-Length: ");
    a.body_len = length && has_body ? strtoull(length + 18, NULL, 10) : 0;
    while (c->in_len < a.body_len) {
        if (!client_more(c)) {
            fail_msg("the body was cut");
        }
    }
    a.body = malloc(a.body_len + 1);
    if (a.body_len > 0) {
        memcpy(a.body, c->in, a.body_len);
        client_drop(c, a.body_len);
    }
    a.body[a.body_len] = 0;
    return a;
}

struct answer client_answer(struct client *c) {
    return read_answer(c, true);
}

struct answer client_answer_head_only(struct client *c) {
    return read_answer(c, false);
}

void answer_free(struct answer *a) {
    free(a->head);
    free(a->body);
    *a = (struct answer){0};
}

bool answer_has(const struct answer *a, const char *header_line) {
    char wanted[512];
    snprintf(wanted, sizeof(wanted), "\r\n%s\r\n", header_line);
    return strstr(a->head, wanted) != NULL;
}

void expect_answer(struct client *c, int status, const char *body) {
    struct answer a = client_answer(c);
    if (body) {
        assert_string_equal(a.body, body);
    }
    assert_int_equal(a.status, status);
    answer_free(&a);
}

/* ---- WebSockets -------------------------------------------------------------------------------
 */

void client_frame(struct client *c, uint8_t first, const void *payload, size_t len) {
    static const uint8_t mask[4] = {0x12, 0x34, 0x56, 0x78};
    struct buf b;
    buf_init(&b, len + 14);
    buf_put_u8(&b, first);
    if (len < 126) {
        buf_put_u8(&b, (uint8_t)(0x80 | len));
    } else if (len <= UINT16_MAX) {
        buf_put_u8(&b, 0x80 | 126);
        buf_put_be16(&b, (uint16_t)len);
    } else {
        buf_put_u8(&b, 0x80 | 127);
        buf_put_be64(&b, len);
    }
    buf_put(&b, slice_of(mask, sizeof(mask)));
    for (size_t i = 0; i < len; i++) {
        buf_put_u8(&b, ((const uint8_t *)payload)[i] ^ mask[i % 4]);
    }
    assert_false(b.failed);
    client_send(c, b.data, b.len);
    buf_deinit(&b);
}

static void need(struct client *c, size_t len) {
    while (c->in_len < len) {
        if (!client_more(c)) {
            fail_msg("the connection ended instead of a frame");
        }
    }
}

struct frame client_next_frame(struct client *c) {
    need(c, 2);
    struct frame f = {.first = (uint8_t)c->in[0], .len = (uint8_t)c->in[1]};
    assert_true(f.len < 128); /* servers do not mask */
    size_t head = 2;
    if (f.len >= 126) {
        size_t bytes = f.len == 126 ? 2 : 8;
        need(c, 2 + bytes);
        f.len = 0;
        for (size_t i = 0; i < bytes; i++) {
            f.len = f.len << 8 | (uint8_t)c->in[2 + i];
        }
        head += bytes;
    }
    need(c, head + f.len);
    f.payload = malloc(f.len + 1);
    memcpy(f.payload, c->in + head, f.len);
    f.payload[f.len] = 0;
    client_drop(c, head + f.len);
    return f;
}

void expect_close_frame(struct client *c, uint16_t code) {
    struct frame f = client_next_frame(c);
    assert_int_equal(f.first, 0x88);
    if (code == 1005) {
        assert_int_equal(f.len, 0);
    } else {
        assert_true(f.len >= 2);
        assert_int_equal((uint8_t)f.payload[0] << 8 | (uint8_t)f.payload[1], code);
    }
    free(f.payload);
    client_expect_end(c);
}

uint64_t client_ask_join(struct kit *k, struct client *c, const char *query) {
    char *token = kit_token(KIT_ADMIN);
    client_put(c,
               "GET /rtc?%s HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
               "Authorization: Bearer %s\r\n\r\n",
               query, token);
    free(token);
    struct edge_msg *m = kit_next(k, EDGE_JOIN);
    uint64_t handle = m->conn;
    edge_msg_free(m);
    return handle;
}

uint64_t client_join(struct kit *k, struct client *c) {
    uint64_t handle = client_ask_join(k, c, "sdk=js");
    assert_true(edge_upgrade(k->edge, handle));
    struct answer a = client_answer(c);
    assert_int_equal(a.status, 101);
    assert_true(answer_has(&a, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    answer_free(&a);
    return handle;
}
