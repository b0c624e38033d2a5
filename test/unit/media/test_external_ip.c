/* What a STUN server on loopback says of this machine's address, and servers that lie or sleep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "external_ip.h"
#include "stun.h"

enum answer { ANSWER_RIGHT, ANSWER_OTHER_TRANSACTION, ANSWER_NOISE, ANSWER_NOTHING };

struct server {
    int fd;
    char name[32];
    enum answer how;
    pthread_t thread;
};

static void *serve(void *arg) {
    struct server *s = arg;
    uint8_t request[512];
    struct sockaddr_in from;
    socklen_t from_len = sizeof from;
    ssize_t len;
    while ((len = recvfrom(s->fd, request, sizeof request, 0, (struct sockaddr *)&from,
                           &from_len)) > 1) {
        struct stun_view v;
        assert_int_equal(stun_read(slice_of(request, (size_t)len), &v), STATUS_OK);
        uint8_t transaction[STUN_TRANSACTION_BYTES];
        memcpy(transaction, v.transaction, sizeof transaction);
        transaction[0] ^= s->how == ANSWER_OTHER_TRANSACTION;
        const struct stun_address mapped = {.family = STUN_IPV4, .port = 9, .ip = {203, 0, 113, 7}};
        struct stun_message m;
        stun_write_success(&m, transaction, &mapped);
        stun_seal(&m, NULL);
        struct slice out = s->how == ANSWER_NOISE ? SLICE_LIT("hello") : stun_message_slice(&m);
        if (s->how != ANSWER_NOTHING) {
            (void)sendto(s->fd, out.data, out.len, 0, (struct sockaddr *)&from, from_len);
        }
    }
    return NULL;
}

static void start(struct server *s, enum answer how) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    s->how = how;
    s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&a, len), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
    (void)snprintf(s->name, sizeof s->name, "127.0.0.1:%u", (unsigned)ntohs(a.sin_port));
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stop(struct server *s) {
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void)sendto(fd, "x", 1, 0, (struct sockaddr *)&a, len); /* one byte ends it */
    close(fd);
    pthread_join(s->thread, NULL);
    close(s->fd);
}

static void test_a_server_tells(void **state) {
    (void)state;
    struct server s;
    start(&s, ANSWER_RIGHT);
    struct slice list[] = {SLICE_LIT("no.such.host.invalid:1"), slice_from_cstr(s.name)};
    struct net_address a;
    assert_int_equal(external_ip_find(list, 2, 10000, &a), STATUS_OK);
    char text[NET_ADDRESS_TEXT_MAX];
    (void)net_address_ip_text(&a, text);
    assert_string_equal(text, "203.0.113.7");
    stop(&s);
}

static void test_nobody_else_is_believed(void **state) {
    (void)state;
    for (enum answer how = ANSWER_OTHER_TRANSACTION; how <= ANSWER_NOTHING; how++) {
        struct server s;
        start(&s, how);
        struct slice list[] = {slice_from_cstr(s.name)};
        struct net_address a;
        assert_int_equal(external_ip_find(list, 1, 300, &a), STATUS_UNAVAILABLE);
        stop(&s);
    }
    struct net_address a;
    assert_int_equal(external_ip_find(NULL, 0, 300, &a), STATUS_UNAVAILABLE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_server_tells),
        cmocka_unit_test(test_nobody_else_is_believed),
    };
    return cmocka_run_group_tests_name("external_ip", tests, NULL, NULL);
}
