#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certificate.h"
#include "fd.h"
#include "mem.h"
#include "tls.h"

static char directory[] = "test_tls_XXXXXX";
static const char *const certificate_path = "first.crt", *const key_path = "first.key";
static const char *const other_certificate_path = "other.crt", *const other_key_path = "other.key";

static int set_up_files(void **state) {
    (void)signal(SIGPIPE, SIG_IGN); /* as the server does */
    if (!mkdtemp(directory) || chdir(directory) != 0) {
        return -1;
    }
    struct certificate c;
    certificate_init(&c, 0, "first");
    certificate_write(&c, certificate_path, key_path);
    certificate_deinit(&c);
    certificate_init(&c, 2048, "other");
    certificate_write(&c, other_certificate_path, other_key_path);
    certificate_deinit(&c);
    return 0;
}

static int remove_files(void **state) {
    unlink(certificate_path);
    unlink(key_path);
    unlink(other_certificate_path);
    unlink(other_key_path);
    return chdir("..") == 0 ? rmdir(directory) : -1;
}

/* Our session on one end of a socket pair, OpenSSL's client on the other. */
struct pair {
    struct tls_context *context;
    struct tls_conn *server;
    SSL_CTX *client_context;
    SSL *client;
    int fds[2];
};

static void pair_open_on(struct pair *p, struct tls_context *context, int version,
                         const char *alpn) {
    p->context = context;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, p->fds), 0);
    p->server = tls_conn_create(context, p->fds[0]);
    assert_non_null(p->server);
    p->client_context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(p->client_context, 0); /* so that it would offer old versions */
    SSL_CTX_set_min_proto_version(p->client_context, version);
    SSL_CTX_set_max_proto_version(p->client_context, version);
    p->client = SSL_new(p->client_context);
    SSL_set_fd(p->client, p->fds[1]);
    SSL_set_connect_state(p->client);
    if (alpn) {
        SSL_set_alpn_protos(p->client, (const uint8_t *)alpn, (unsigned)strlen(alpn));
    }
}

static void pair_open(struct pair *p, int version, const char *alpn) {
    struct tls_context *context = NULL;
    assert_int_equal(tls_context_create(certificate_path, key_path, &context), STATUS_OK);
    pair_open_on(p, context, version, alpn);
}

static void pair_close_session(struct pair *p) {
    SSL_free(p->client);
    SSL_CTX_free(p->client_context);
    tls_conn_destroy(p->server);
    fd_close(&p->fds[0]);
    fd_close(&p->fds[1]);
}

static void pair_close(struct pair *p) {
    pair_close_session(p);
    tls_context_destroy(p->context);
}

/* Steps both sides until the server has an answer. */
static enum status shake(struct pair *p) {
    for (int i = 0; i < 20; i++) {
        int result = SSL_do_handshake(p->client);
        enum status s = tls_accept_step(p->server);
        if (s != STATUS_AGAIN && s != STATUS_OK) {
            return s;
        }
        if (s == STATUS_OK && result == 1) {
            return STATUS_OK;
        }
    }
    return STATUS_TIMEOUT;
}

static void handshakes_succeed_with_http11(void **state) {
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        struct pair p;
        pair_open(&p, versions[i], "\x02h2\x08http/1.1");
        assert_int_equal(tls_accept_step(p.server), STATUS_AGAIN);
        assert_int_equal(tls_wants(p.server), TLS_WANT_READ);
        assert_int_equal(shake(&p), STATUS_OK);
        const unsigned char *alpn;
        unsigned len;
        SSL_get0_alpn_selected(p.client, &alpn, &len);
        assert_int_equal(len, 8);
        assert_memory_equal(alpn, "http/1.1", 8);
        char in[16];
        size_t got = 99;
        assert_int_equal(tls_read(p.server, in, sizeof in, &got), STATUS_AGAIN);
        assert_int_equal(got, 99);
        assert_int_equal(SSL_write(p.client, "request", 7), 7);
        assert_int_equal(tls_read(p.server, in, 3, &got), STATUS_OK);
        assert_int_equal(got, 3);
        assert_int_equal(tls_pending(p.server), 4);
        assert_int_equal(tls_read(p.server, in, sizeof in, &got), STATUS_OK);
        assert_memory_equal(in, "uest", 4);
        assert_int_equal(tls_write(p.server, SLICE_LIT("reply"), &got), STATUS_OK);
        assert_int_equal(got, 5);
        assert_int_equal(SSL_read(p.client, in, sizeof in), 5);
        assert_memory_equal(in, "reply", 5);
        pair_close(&p);
    }
}

static void no_alpn_is_fine_and_a_foreign_one_is_not(void **state) {
    struct pair p;
    pair_open(&p, TLS1_3_VERSION, NULL);
    assert_int_equal(shake(&p), STATUS_OK);
    pair_close(&p);
    pair_open(&p, TLS1_3_VERSION, "\x02h2");
    assert_int_equal(shake(&p), STATUS_MALFORMED);
    size_t len;
    char in[4];
    assert_int_equal(tls_read(p.server, in, sizeof in, &len), STATUS_MALFORMED); /* and stays so */
    assert_int_equal(tls_write(p.server, SLICE_LIT("x"), &len), STATUS_MALFORMED);
    assert_int_equal(tls_close_step(p.server), STATUS_IO);
    pair_close(&p);
}

static void old_versions_are_refused(void **state) {
    struct pair p;
    pair_open(&p, TLS1_1_VERSION, NULL);
    assert_int_equal(shake(&p), STATUS_MALFORMED);
    pair_close(&p);
}

static void what_is_not_tls_is_refused(void **state) {
    struct pair p;
    pair_open(&p, TLS1_3_VERSION, NULL);
    assert_int_equal(write(p.fds[1], "GET / HTTP/1.1\r\n\r\n", 18), 18);
    assert_int_equal(tls_accept_step(p.server), STATUS_MALFORMED);
    assert_int_equal(ERR_peek_error(), 0);
    pair_close(&p);
}

static void a_client_that_leaves_early_is_closed(void **state) {
    struct pair p;
    pair_open(&p, TLS1_3_VERSION, NULL);
    (void)SSL_do_handshake(p.client);
    fd_close(&p.fds[1]);
    enum status s = tls_accept_step(p.server);
    if (s == STATUS_AGAIN) {
        s = tls_accept_step(p.server);
    }
    assert_int_equal(s, STATUS_CLOSED);
    pair_close(&p);
}

/* More than the socket holds: written in parts while the client reads, from a moving buffer. */
static void long_writes_go_in_parts(void **state) {
    enum { TOTAL = 3 << 20 };
    struct pair p;
    pair_open(&p, TLS1_3_VERSION, NULL);
    assert_int_equal(shake(&p), STATUS_OK);
    uint8_t *data = mem_alloc(TOTAL), *in = mem_alloc(TOTAL);
    for (size_t i = 0; i < TOTAL; i++) {
        data[i] = (uint8_t)(i * 31 >> 3);
    }
    size_t sent = 0, got = 0, blocked = 0;
    while (got < TOTAL) {
        size_t len = 0;
        uint8_t *moved = mem_alloc(TOTAL - sent + 1);
        memcpy(moved, data + sent, TOTAL - sent);
        enum status s =
            sent < TOTAL ? tls_write(p.server, slice_of(moved, TOTAL - sent), &len) : STATUS_AGAIN;
        mem_free(moved);
        assert_true(s == STATUS_OK || s == STATUS_AGAIN);
        sent += s == STATUS_OK ? len : 0;
        if (s == STATUS_AGAIN) {
            assert_true(sent > 0); /* what was taken is told before the socket is full */
            blocked += sent < TOTAL;
            assert_true(sent == TOTAL || tls_wants(p.server) == TLS_WANT_WRITE);
            int n = SSL_read(p.client, in + got, (int)(TOTAL - got));
            assert_true(n > 0);
            got += (size_t)n;
        }
    }
    assert_true(blocked > 0);
    assert_memory_equal(data, in, TOTAL);
    mem_free(data);
    mem_free(in);
    pair_close(&p);
}

static void both_sides_can_say_goodbye(void **state) {
    struct pair p;
    char in[4];
    size_t len;
    pair_open(&p, TLS1_3_VERSION, NULL);
    assert_int_equal(tls_close_step(p.server), STATUS_IO); /* not shaken yet */
    assert_int_equal(shake(&p), STATUS_OK);
    assert_int_equal(SSL_shutdown(p.client), 0);
    assert_int_equal(tls_read(p.server, in, sizeof in, &len), STATUS_CLOSED);
    assert_int_equal(tls_write(p.server, SLICE_LIT("last"), &len), STATUS_OK); /* half closed */
    assert_int_equal(tls_close_step(p.server), STATUS_OK);
    assert_int_equal(SSL_read(p.client, in, sizeof in), 4);
    int result = SSL_read(p.client, in, sizeof in);
    assert_int_equal(SSL_get_error(p.client, result), SSL_ERROR_ZERO_RETURN);
    pair_close(&p);

    pair_open(&p, TLS1_3_VERSION, NULL); /* and many leave without a word */
    assert_int_equal(shake(&p), STATUS_OK);
    assert_int_equal(shutdown(p.fds[1], SHUT_WR), 0);
    assert_int_equal(tls_read(p.server, in, sizeof in, &len), STATUS_CLOSED);
    fd_close(&p.fds[1]);
    assert_int_equal(tls_write(p.server, SLICE_LIT("x"), &len), STATUS_CLOSED);
    assert_int_equal(tls_write(p.server, SLICE_LIT("x"), &len), STATUS_CLOSED);
    pair_close(&p);
}

static bool client_sees(struct pair *p, const char *name) {
    X509 *x = SSL_get1_peer_certificate(p->client);
    assert_non_null(x);
    char cn[64] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, cn, sizeof cn);
    X509_free(x);
    return strcmp(cn, name) == 0;
}

static void certificates_are_reloaded(void **state) {
    struct pair p, fresh;
    size_t len;
    char in[4];
    pair_open(&p, TLS1_3_VERSION, NULL);
    assert_int_equal(shake(&p), STATUS_OK);
    assert_true(client_sees(&p, "first"));
    /* What cannot be used changes nothing. */
    assert_int_equal(tls_context_reload(p.context, certificate_path, other_key_path),
                     STATUS_MALFORMED);
    assert_int_equal(tls_context_reload(p.context, "absent.crt", key_path), STATUS_NOT_FOUND);
    pair_open_on(&fresh, p.context, TLS1_3_VERSION, NULL);
    assert_int_equal(shake(&fresh), STATUS_OK);
    assert_true(client_sees(&fresh, "first"));
    pair_close_session(&fresh);

    assert_int_equal(tls_context_reload(p.context, other_certificate_path, other_key_path),
                     STATUS_OK);
    pair_open_on(&fresh, p.context, TLS1_2_VERSION, NULL);
    assert_int_equal(shake(&fresh), STATUS_OK);
    assert_true(client_sees(&fresh, "other"));
    pair_close_session(&fresh);

    /* Sessions that live go on, even without their context. */
    p.context = tls_context_destroy(p.context);
    assert_int_equal(tls_write(p.server, SLICE_LIT("on"), &len), STATUS_OK);
    assert_int_equal(SSL_read(p.client, in, sizeof in), 2);
    pair_close(&p);
}

static void unusable_files_are_told_apart(void **state) {
    struct tls_context *c = NULL;
    assert_int_equal(tls_context_create("absent.crt", key_path, &c), STATUS_NOT_FOUND);
    assert_int_equal(tls_context_create(certificate_path, "absent.key", &c), STATUS_NOT_FOUND);
    assert_int_equal(tls_context_create(key_path, key_path, &c), STATUS_MALFORMED);
    assert_int_equal(tls_context_create(certificate_path, other_key_path, &c), STATUS_MALFORMED);
    assert_int_equal(chmod(key_path, 0644), 0);
    assert_int_equal(tls_context_create(certificate_path, key_path, &c), STATUS_DENIED);
    assert_int_equal(chmod(key_path, 0600), 0);
    assert_null(c);
    assert_int_equal(ERR_peek_error(), 0);
}

#ifdef STOA_MEM_FAULTS
static void each_allocation_may_fail(void **state) {
    uint64_t before = mem_live_blocks();
    struct tls_context *c = NULL;
    struct tls_conn *t = NULL;
    for (uint64_t nth = 1; !t; nth++) {
        assert_true(nth < 10);
        mem_fail_from(nth);
        enum status s = tls_context_create(certificate_path, key_path, &c);
        t = s == STATUS_OK ? tls_conn_create(c, 0) : NULL;
        mem_fail_never();
        assert_true(s == STATUS_OK || s == STATUS_NO_MEMORY);
        if (!t) {
            c = tls_context_destroy(c);
        }
        assert_true(t || mem_live_blocks() == before);
    }
    tls_conn_destroy(t);
    tls_context_destroy(c);
    assert_int_equal(mem_live_blocks(), before);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handshakes_succeed_with_http11),
        cmocka_unit_test(no_alpn_is_fine_and_a_foreign_one_is_not),
        cmocka_unit_test(old_versions_are_refused),
        cmocka_unit_test(what_is_not_tls_is_refused),
        cmocka_unit_test(a_client_that_leaves_early_is_closed),
        cmocka_unit_test(long_writes_go_in_parts),
        cmocka_unit_test(both_sides_can_say_goodbye),
        cmocka_unit_test(certificates_are_reloaded),
        cmocka_unit_test(unusable_files_are_told_apart),
#ifdef STOA_MEM_FAULTS
        cmocka_unit_test(each_allocation_may_fail),
#endif
    };
    return cmocka_run_group_tests(tests, set_up_files, remove_files);
}
