#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"
#include "kit.h"
#include "mem.h"

/* Allocations fail one after another, in each place where one is made: whatever a connection was
 * doing then, it ends or is answered, control is told what it is owed, and nothing leaks. */

enum { FAILURES = 150 };

static struct kit kit;
static uint32_t joins_open; /* upgraded or not, whose close is owed */

static void take_messages(void) {
    struct edge_msg *m;
    while (mailbox_drain(kit.to_control, &m, 1) == 1) {
        switch (m->kind) {
        case EDGE_API:
        case EDGE_VALIDATE:
            (void)!edge_reply(kit.edge, m->conn, 200, EDGE_BODY_JSON, SLICE_LIT("{}"));
            break;
        case EDGE_JOIN:
            joins_open++;
            (void)!edge_upgrade(kit.edge, m->conn);
            (void)!edge_send(kit.edge, m->conn, SLICE_LIT("\x90\x01\x07"));
            (void)!edge_send_refresh_token(kit.edge, m->conn, SLICE_LIT(KIT_ADMIN));
            break;
        case EDGE_SIGNAL: (void)!edge_close(kit.edge, m->conn, 1000); break;
        case EDGE_CLOSED:
            assert_true(joins_open > 0);
            joins_open--;
            break;
        case EDGE_PAGE:
        case EDGE_REPLY_MORE:
        case EDGE_REPLY_GONE: break; /* nothing here asks for pages or long answers */
        }
        edge_msg_free(m);
    }
}

/* Plays control until the server ends the connection. */
static void serve_until_end(struct client *c) {
    uint64_t until = clock_mono_ms() + KIT_WAIT_MS;
    for (;;) {
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        take_messages();
        if (poll(&p, 1, 1) == 1 && !client_more(c)) {
            client_close(c);
            return;
        }
        assert_true(clock_mono_ms() < until);
    }
}

static void ask(const char *token) {
    struct client c = client_open_at(edge_port(kit.edge), false);
    client_put(&c,
               "POST /twirp/livekit.RoomService/ListRooms HTTP/1.1\r\nHost: a\r\nContent-Type: "
               "application/json\r\nAuthorization: Bearer %s\r\nConnection: close\r\n"
               "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
               token);
    serve_until_end(&c);
}

static void join(const char *token) {
    struct client c = client_open_at(edge_port(kit.edge), false);
    client_put(&c,
               "GET /rtc?sdk=js&attributes=eyJhIjoiYiJ9 HTTP/1.1\r\nHost: a\r\n"
               "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer %s\r\n\r\n",
               token);
    /* In text, so that answers are decoded and written again, and in parts. */
    static const char text[] = "\x01\x86\0\0\0\0{\"ping"
                               "\x80\x86\0\0\0\0\":\"1\"}";
    (void)client_try_send(&c, text, sizeof(text) - 1);
    serve_until_end(&c);
}

static void every_allocation_may_fail(void **state) {
    uint64_t blocks = mem_live_blocks();
    static bool tls = false;
    void *plain = &tls;
    kit_init(&kit, &plain);
    kit.config.limits.request_ms = kit.config.limits.answer_ms = 50;
    kit.config.limits.ping_ms = 10;
    kit.config.limits.silent_ms = 50;
    kit_start(&kit);
    char *token = kit_token(KIT_ADMIN);
    for (uint64_t nth = 1; nth <= FAILURES; nth++) {
        mem_fail_from(nth);
        ask(token);
        mem_fail_never();
        mem_fail_from(nth);
        join(token);
        mem_fail_never();
    }
    uint64_t until = clock_mono_ms() + KIT_WAIT_MS;
    while (joins_open > 0) {
        take_messages();
        assert_true(clock_mono_ms() < until);
    }
    struct client c = client_open_at(edge_port(kit.edge), false);
    uint64_t handle = client_join(&kit, &c); /* and all is as before */
    assert_true(edge_close(kit.edge, handle, 1000));
    expect_close_frame(&c, 1000);
    free(token);
    kit_stop(&kit);
    assert_int_equal(mem_live_blocks(), blocks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("edge_no_memory", tests, NULL, NULL);
}
