#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "fd.h"
#include "tcp.h"

static bool ready(int fd, short events) {
    struct pollfd p = {.fd = fd, .events = events};
    return poll(&p, 1, 5000) == 1;
}

static int listen_on(enum net_family family, struct net_address *at) {
    struct net_address a = net_address_loopback(family, 0);
    int fd = -1;
    assert_int_equal(tcp_listen(&a, &(struct tcp_listen_options){0}, &fd), STATUS_OK);
    assert_int_equal(tcp_local_address(fd, at), STATUS_OK);
    assert_true(at->port != 0);
    return fd;
}

struct pair {
    int listener, client, server;
    struct net_address peer;
};

static void open_pair(struct pair *p) {
    struct net_address at;
    p->listener = listen_on(NET_V4, &at);
    assert_int_equal(tcp_connect(&at, &p->client), STATUS_OK);
    assert_true(ready(p->listener, POLLIN));
    assert_int_equal(tcp_accept(p->listener, &p->server, &p->peer), STATUS_OK);
    assert_true(ready(p->client, POLLOUT));
    assert_int_equal(tcp_connect_result(p->client), STATUS_OK);
}

static void close_pair(struct pair *p) {
    fd_close(&p->listener);
    fd_close(&p->client);
    fd_close(&p->server);
}

static void connections_are_accepted_with_their_address(void **state) {
    struct pair p;
    open_pair(&p);
    struct net_address client, seen;
    assert_int_equal(tcp_local_address(p.client, &client), STATUS_OK);
    assert_true(net_address_equal(&client, &p.peer));
    assert_int_equal(tcp_peer_address(p.server, &seen), STATUS_OK);
    assert_true(net_address_equal(&client, &seen));
    int fd = 77;
    assert_int_equal(tcp_accept(p.listener, &fd, &seen), STATUS_AGAIN);
    assert_int_equal(fd, 77);
    int on = 0;
    socklen_t len = sizeof on;
    assert_int_equal(getsockopt(p.server, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
    assert_true(on != 0);
    assert_true(fcntl(p.server, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(p.server, F_GETFD) & FD_CLOEXEC);
    close_pair(&p);
}

static void bytes_move_and_ends_are_seen(void **state) {
    struct pair p;
    open_pair(&p);
    char in[16];
    size_t len = 99;
    assert_int_equal(tcp_read(p.server, in, sizeof in, &len), STATUS_AGAIN);
    assert_int_equal(len, 99);
    struct slice parts[] = {SLICE_LIT("hel"), SLICE_LIT(""), SLICE_LIT("lo")};
    assert_int_equal(tcp_write_parts(p.client, parts, 3, &len), STATUS_OK);
    assert_int_equal(len, 5);
    assert_true(ready(p.server, POLLIN));
    assert_int_equal(tcp_read(p.server, in, sizeof in, &len), STATUS_OK);
    assert_int_equal(len, 5);
    assert_memory_equal(in, "hello", 5);
    tcp_shutdown_write(p.client);
    assert_true(ready(p.server, POLLIN));
    assert_int_equal(tcp_read(p.server, in, sizeof in, &len), STATUS_CLOSED);
    assert_int_equal(tcp_write(p.server, SLICE_LIT("still"), &len), STATUS_OK);
    close_pair(&p);
}

static void a_full_socket_says_again(void **state) {
    struct pair p;
    open_pair(&p);
    static uint8_t big[1 << 20];
    size_t total = 0, len;
    enum status s;
    while ((s = tcp_write(p.client, slice_of(big, sizeof big), &len)) == STATUS_OK) {
        total += len;
        assert_true(total < (1u << 30));
    }
    assert_int_equal(s, STATUS_AGAIN);
    assert_true(total > 0);
    close_pair(&p);
}

/* A peer that is gone must not raise a signal: this test would die of it. */
static void a_reset_is_told(void **state) {
    struct pair p;
    open_pair(&p);
    struct linger now = {.l_onoff = 1};
    assert_int_equal(setsockopt(p.client, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    fd_close(&p.client);
    assert_true(ready(p.server, POLLIN));
    char in[4];
    size_t len;
    assert_int_equal(tcp_read(p.server, in, sizeof in, &len), STATUS_IO);
    assert_int_equal(tcp_write(p.server, SLICE_LIT("x"), &len), STATUS_CLOSED);
    struct net_address peer;
    assert_int_equal(tcp_peer_address(p.server, &peer), STATUS_CLOSED);
    close_pair(&p);
}

static void a_taken_port_is_told(void **state) {
    struct net_address at;
    int first = listen_on(NET_V4, &at), second = -1;
    struct tcp_listen_options options = {0};
    assert_int_equal(tcp_listen(&at, &options, &second), STATUS_EXISTS);
    fd_close(&first);
    options.reuse_port = true;
    options.backlog = 5;
    assert_int_equal(tcp_listen(&at, &options, &first), STATUS_OK);
    assert_int_equal(tcp_listen(&at, &options, &second), STATUS_OK);
    fd_close(&first);
    fd_close(&second);
}

static void an_address_that_is_not_ours_is_told(void **state) {
    struct net_address a;
    assert_int_equal(net_address_parse(SLICE_LIT("192.0.2.1"), 0, &a), STATUS_OK);
    int fd = -1;
    assert_int_equal(tcp_listen(&a, &(struct tcp_listen_options){0}, &fd), STATUS_UNAVAILABLE);
    assert_int_equal(fd, -1);
}

static void nobody_there_is_unavailable(void **state) {
    struct net_address at;
    int fd = listen_on(NET_V4, &at);
    fd_close(&fd);
    enum status s = tcp_connect(&at, &fd);
    if (s == STATUS_OK) {
        assert_true(ready(fd, POLLOUT));
        s = tcp_connect_result(fd);
        fd_close(&fd);
    }
    assert_int_equal(s, STATUS_UNAVAILABLE);
}

static void families_do_not_take_each_others_ports(void **state) {
    struct net_address at6 = net_address_any(NET_V6, 0);
    int fd6 = -1, fd4 = -1;
    struct tcp_listen_options options = {0};
    enum status s = tcp_listen(&at6, &options, &fd6);
    if (s == STATUS_UNAVAILABLE) {
        skip(); /* a machine without IPv6 */
    }
    assert_int_equal(s, STATUS_OK);
    assert_int_equal(tcp_local_address(fd6, &at6), STATUS_OK);
    struct net_address at4 = net_address_any(NET_V4, at6.port);
    assert_int_equal(tcp_listen(&at4, &options, &fd4), STATUS_OK);
    fd_close(&fd4);
    fd_close(&fd6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_are_accepted_with_their_address),
        cmocka_unit_test(bytes_move_and_ends_are_seen),
        cmocka_unit_test(a_full_socket_says_again),
        cmocka_unit_test(a_reset_is_told),
        cmocka_unit_test(a_taken_port_is_told),
        cmocka_unit_test(an_address_that_is_not_ours_is_told),
        cmocka_unit_test(nobody_there_is_unavailable),
        cmocka_unit_test(families_do_not_take_each_others_ports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
