#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certificate.h"
#include "fd.h"
#include "fixture.h"
#include "tcp.h"

/* One connection after another: a handshake, a request, an answer. */
struct tls_receiver {
    SSL_CTX *ctx;
    int listen_fd, stop_fd[2];
    uint16_t port;
    uint32_t accepted; /* atomic */
    pthread_t thread;
};

static void serve(struct tls_receiver *r, int fd) {
    static const char answer[] =
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    char in[4096];
    size_t len = 0;
    SSL *ssl = SSL_new(r->ctx);
    assert_true(ssl && SSL_set_fd(ssl, fd) == 1);
    if (SSL_accept(ssl) == 1) {
        int got = 1;
        while (got > 0 && !memmem(in, len, "\r\n\r\n", 4) && len < sizeof in) {
            got = SSL_read(ssl, in + len, (int)(sizeof in - len));
            len += got > 0 ? (size_t)got : 0;
        }
        if (got > 0) {
            (void)SSL_write(ssl, answer, (int)strlen(answer));
            (void)SSL_shutdown(ssl);
        }
    }
    SSL_free(ssl);
}

static void *run(void *arg) {
    struct tls_receiver *r = arg;
    for (;;) {
        struct pollfd p[] = {{.fd = r->listen_fd, .events = POLLIN},
                             {.fd = r->stop_fd[0], .events = POLLIN}};
        (void)poll(p, ARRAY_LEN(p), -1);
        if (p[1].revents) {
            return NULL;
        }
        int fd = accept(r->listen_fd, NULL, NULL);
        if (fd >= 0) {
            __atomic_add_fetch(&r->accepted, 1, __ATOMIC_RELAXED);
            serve(r, fd);
            fd_close(&fd);
        }
    }
}

static void start(struct tls_receiver *r, const struct certificate *c) {
    struct net_address at = net_address_loopback(NET_V4, 0);
    assert_int_equal(tcp_listen(&at, &(struct tcp_listen_options){0}, &r->listen_fd), STATUS_OK);
    assert_int_equal(tcp_local_address(r->listen_fd, &at), STATUS_OK);
    r->port = at.port;
    r->accepted = 0;
    assert_int_equal(pipe(r->stop_fd), 0);
    r->ctx = SSL_CTX_new(TLS_server_method());
    assert_non_null(r->ctx);
    assert_int_equal(SSL_CTX_use_certificate(r->ctx, c->x509), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(r->ctx, c->key), 1);
    assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
}

static void stop(struct tls_receiver *r) {
    fd_close(&r->stop_fd[1]);
    assert_int_equal(pthread_join(r->thread, NULL), 0);
    fd_close(&r->stop_fd[0]);
    fd_close(&r->listen_fd);
    SSL_CTX_free(r->ctx);
}

/* Posts one event to this host; true when it was delivered. Each end comes after one try. */
static bool deliver(const char *host, bool is_trusted) {
    char directory[] = "/tmp/test_hook_tls_XXXXXX";
    assert_non_null(mkdtemp(directory));
    char certificate[64], key[64], url[64];
    (void)snprintf(certificate, sizeof certificate, "%s/certificate.pem", directory);
    (void)snprintf(key, sizeof key, "%s/key.pem", directory);
    struct certificate c;
    certificate_init(&c, 0, "localhost");
    certificate_write(&c, certificate, key);
    struct tls_receiver r;
    start(&r, &c);
    (void)snprintf(url, sizeof url, "https://%s:%u/hook", host, r.port);
    struct fixture f;
    fixture_init(&f, answer_ok, NULL);
    f.places[0].url = url;
    f.config.ca_file = is_trusted ? certificate : NULL;
    fixture_start(&f);
    fixture_post(&f, "r", "{}");
    fixture_settle(&f, 1);
    bool delivered = fixture_metric(&f, hook_delivered) == 1;
    assert_int_equal(fixture_metric(&f, hook_retries), 0);
    fixture_deinit(&f);
    stop(&r);
    assert_int_equal(r.accepted, 1);
    certificate_deinit(&c);
    (void)unlink(certificate);
    (void)unlink(key);
    (void)rmdir(directory);
    return delivered;
}

static void a_certificate_that_is_trusted_is_delivered_to(void **state) {
    (void)state;
    assert_true(deliver("localhost", true));
}

static void an_unknown_certificate_ends_the_matter(void **state) {
    (void)state;
    assert_false(deliver("localhost", false));
}

static void a_certificate_of_another_name_ends_the_matter(void **state) {
    (void)state;
    assert_false(deliver("127.0.0.1", true));
}

int main(void) {
    (void)signal(SIGPIPE, SIG_IGN); /* a client that refuses us goes away while we write */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_that_is_trusted_is_delivered_to),
        cmocka_unit_test(an_unknown_certificate_ends_the_matter),
        cmocka_unit_test(a_certificate_of_another_name_ends_the_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
