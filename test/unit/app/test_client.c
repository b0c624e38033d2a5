#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "client.h"
#include "tcp.h"

static void test_urls(void **state) {
    static const struct {
        const char *text, *host, *prefix; /* host NULL: refused */
        uint16_t port;
    } cases[] = {
        {"http://h", "h", "", 80},
        {"http://h:7880/", "h", "", 7880},
        {"ws://h:1", "h", "", 1},
        {"http://[::1]:7880/a/b//", "::1", "/a/b", 7880},
        {"http://[::1]", "::1", "", 80},
        {"https://h", NULL, NULL, 0},
        {"wss://h", NULL, NULL, 0},
        {"h:80", NULL, NULL, 0},
        {"ftp://h", NULL, NULL, 0},
        {"http://", NULL, NULL, 0},
        {"http://:80", NULL, NULL, 0},
        {"http://h:", NULL, NULL, 0},
        {"http://h:0", NULL, NULL, 0},
        {"http://h:65536", NULL, NULL, 0},
        {"http://h:8x", NULL, NULL, 0},
        {"http://u:p@h", NULL, NULL, 0},
        {"http://h/?q", NULL, NULL, 0},
        {"http://h\r\nX: y", NULL, NULL, 0},
        {"http://[::1", NULL, NULL, 0},
        {"http://[::1]x", NULL, NULL, 0},
        {"", NULL, NULL, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct client_url u;
        const char *reason = NULL;
        enum status s = client_url_parse(slice_from_cstr(cases[i].text), &u, &reason);
        assert_int_equal(s, cases[i].host ? STATUS_OK : STATUS_INVALID);
        if (cases[i].host) {
            assert_true(slice_eq_cstr(u.host, cases[i].host));
            assert_true(slice_eq_cstr(u.prefix, cases[i].prefix));
            assert_int_equal(u.port, cases[i].port);
        } else {
            assert_non_null(reason);
        }
    }
}

static void test_heads(void **state) {
    static const struct {
        const char *text;
        enum status result;
        uint16_t status;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", STATUS_OK, 200},
        {"HTTP/1.0 404 \r\n\r\n", STATUS_OK, 404},
        {"HTTP/1.1 503\r\nTransfer-Encoding: chunked\r\n\r\n", STATUS_OK, 503},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n", STATUS_AGAIN, 0},
        {"", STATUS_AGAIN, 0},
        {"SSH-2.0-OpenSSH\r\n\r\n", STATUS_MALFORMED, 0},
        {"HTTP/2.0 200 OK\r\n\r\n", STATUS_MALFORMED, 0},
        {"HTTP/1.1 99 OK\r\n\r\n", STATUS_MALFORMED, 0},
        {"HTTP/1.1 600 OK\r\n\r\n", STATUS_MALFORMED, 0},
        {"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", STATUS_MALFORMED, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", STATUS_MALFORMED, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\n", STATUS_MALFORMED, 0},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", STATUS_MALFORMED, 0},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
         STATUS_MALFORMED, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct client_head h = {0};
        assert_int_equal(client_head_read(slice_from_cstr(cases[i].text), &h), cases[i].result);
        assert_int_equal(h.status, cases[i].status);
    }
}

/* A server that takes one connection, reads the request, says its piece and closes. */
struct server {
    pthread_t thread;
    int fd;
    const char *says; /* NULL: nothing, and it does not close either */
    char url[64], got[4096];
};

static void *serve(void *arg) {
    struct server *v = arg;
    int fd = accept(v->fd, NULL, NULL);
    assert_true(fd >= 0);
    size_t len = 0;
    while (!memmem(v->got, len, "\r\n\r\nbody", 8)) {
        ssize_t n = read(fd, v->got + len, sizeof(v->got) - 1 - len);
        if (n <= 0) {
            break;
        }
        len += (size_t)n;
    }
    v->got[len] = 0;
    if (v->says) {
        (void)!write(fd, v->says, strlen(v->says));
    } else {
        char byte = 0;
        (void)!read(fd, &byte, 1); /* until the client gives up */
    }
    close(fd);
    return NULL;
}

static void server_begin(struct server *v, const char *says) {
    struct net_address any = net_address_loopback(NET_V4, 0), bound;
    const struct tcp_listen_options options = {0};
    v->says = says;
    assert_int_equal(tcp_listen(&any, &options, &v->fd), STATUS_OK);
    assert_int_equal(tcp_local_address(v->fd, &bound), STATUS_OK);
    snprintf(v->url, sizeof(v->url), "http://127.0.0.1:%u/pre", bound.port);
    int flags = fcntl(v->fd, F_GETFL); /* its accept() is to wait */
    assert_int_equal(fcntl(v->fd, F_SETFL, flags & ~O_NONBLOCK), 0);
    assert_int_equal(pthread_create(&v->thread, NULL, serve, v), 0);
}

static void server_end(struct server *v) {
    pthread_join(v->thread, NULL);
    close(v->fd);
}

static enum status post(const struct server *v, uint32_t deadline_ms, struct client_answer *answer,
                        struct client_error *error) {
    const struct client_request request = {.url = v->url,
                                           .path = "/path",
                                           .content_type = "text/plain",
                                           .token = SLICE_LIT("tok"),
                                           .body = SLICE_LIT("body"),
                                           .deadline_ms = deadline_ms};
    return client_post(&request, answer, error);
}

static void test_answers(void **state) {
    static const struct {
        const char *says, *body; /* body NULL: refused */
        uint16_t status;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "abc", 200},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef", "abc", 200},
        {"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "", 404},
        {"HTTP/1.1 200 OK\r\n\r\nto the end", "to the end", 200},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
         "abcde", 200},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 x\r\nContent-Length: 1\r\n\r\nx", "x", 500},
        {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", NULL, 0},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", NULL, 0},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", NULL, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", NULL, 0},
        {"HTTP/1.1 200 OK\r\n", NULL, 0},
        {"hello\r\n\r\n", NULL, 0},
        {"", NULL, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct server v;
        struct client_answer answer;
        struct client_error error = {.text = ""};
        server_begin(&v, cases[i].says);
        enum status s = post(&v, 5000, &answer, &error);
        server_end(&v);
        assert_int_equal(s == STATUS_OK, cases[i].body != NULL);
        assert_non_null(strstr(v.got, "POST /pre/path HTTP/1.1\r\n"));
        assert_non_null(strstr(v.got, "\r\nAuthorization: Bearer tok\r\n"));
        assert_non_null(strstr(v.got, "\r\nContent-Length: 4\r\n\r\nbody"));
        if (s == STATUS_OK) {
            assert_int_equal(answer.status, cases[i].status);
            assert_true(slice_eq_cstr(buf_slice(&answer.body), cases[i].body));
            client_answer_deinit(&answer);
        } else {
            assert_non_null(strstr(error.text, v.url));
        }
    }
}

static void test_a_silent_server_is_given_up(void **state) {
    struct server v;
    struct client_answer answer;
    struct client_error error;
    (void)state;
    server_begin(&v, NULL);
    assert_int_equal(post(&v, 50, &answer, &error), STATUS_TIMEOUT);
    assert_non_null(strstr(error.text, "no answer in time"));
    server_end(&v);
}

static void test_nobody_there(void **state) {
    struct client_answer answer;
    struct client_error error;
    struct server v = {.url = "http://127.0.0.1:1"}; /* nothing listens on tcpmux */
    (void)state;
    assert_int_equal(post(&v, 5000, &answer, &error), STATUS_UNAVAILABLE);
    assert_non_null(strstr(error.text, "no server answers there"));
    snprintf(v.url, sizeof(v.url), "https://h");
    assert_int_equal(post(&v, 5000, &answer, &error), STATUS_INVALID);
    assert_non_null(strstr(error.text, "plain http only"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),         cmocka_unit_test(test_heads),
        cmocka_unit_test(test_answers),      cmocka_unit_test(test_a_silent_server_is_given_up),
        cmocka_unit_test(test_nobody_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
