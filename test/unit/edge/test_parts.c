#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "kit.h"

/* Answers in parts: what leaves, when the next is asked for, and who is told when it ends early. */

#define LIST "POST /twirp/livekit.RoomService/ListRooms HTTP/1.1\r\nHost: a\r\n"
#define CALL LIST "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
#define REFUSED(reason) "stoa_edge_refused_total{reason=\"" reason "\"}"
#define FAILED_LISTS                                                                               \
    "livekit_node_twirp_request_status{service=\"RoomService\",method=\"ListRooms\",status="       \
    "\"5xx\",code=\"unavailable\"}"

enum { LARGE = 3 << 20 };

static struct kit kit;
static struct client c;
static char *large;

static int set_up(void **state) {
    kit_init(&kit, state);
    large = malloc(LARGE);
    memset(large, 'x', LARGE);
    return 0;
}

static int tear_down(void **state) {
    client_close(&c);
    kit_stop(&kit);
    free(large);
    return 0;
}

static void start(void) {
    kit_start(&kit);
    c = client_open(&kit);
}

static uint64_t take_call(void) {
    struct edge_msg *m = kit_next(&kit, EDGE_API);
    uint64_t handle = m->conn;
    edge_msg_free(m);
    return handle;
}

static void reply(uint64_t handle, enum edge_part part, const void *bytes, size_t len) {
    assert_true(edge_reply_part(kit.edge, handle, 200, EDGE_BODY_JSON, part, slice_of(bytes, len)));
}

static void expect(enum edge_msg_kind kind, uint64_t handle) {
    struct edge_msg *m = kit_next(&kit, kind);
    assert_true(m->conn == handle);
    edge_msg_free(m);
}

static void reset_client(void) {
    struct linger at_once = {.l_onoff = 1};
    setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    client_close(&c);
}

static void take(void *out, size_t len) {
    while (c.in_len < len) {
        assert_true(client_more(&c));
    }
    memcpy(out, c.in, len);
    c.in_len -= len;
    memmove(c.in, c.in + len, c.in_len + 1);
}

/* Up to and with the next end of a line, without that. */
static void take_line(char line[64]) {
    size_t len = 0;
    do {
        assert_true(len < 63);
        take(&line[len++], 1);
    } while (len < 2 || memcmp(line + len - 2, "\r\n", 2) != 0);
    line[len - 2] = 0;
}

/* A chunk's size and data; its end of line comes with the next one. */
static void expect_chunk(char with, size_t len) {
    char line[64], wanted[64];
    take_line(line);
    snprintf(wanted, sizeof(wanted), "%zx", len);
    assert_string_equal(line, wanted);
    char *data = malloc(len);
    take(data, len);
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(data[i], with);
    }
    free(data);
}

static void expect_text(const char *text) {
    char got[256] = {0};
    take(got, strlen(text));
    assert_string_equal(got, text);
}

static void parts_leave_as_chunks_one_at_a_time(void **state) {
    start();
    client_put(&c, CALL CALL);
    uint64_t handle = take_call();
    reply(handle, EDGE_PART_FIRST, large, LARGE);
    struct answer a = client_answer_head_only(&c);
    assert_int_equal(a.status, 200);
    assert_true(answer_has(&a, "Transfer-Encoding: chunked"));
    assert_true(answer_has(&a, "Content-Type: application/json"));
    assert_true(answer_has(&a, "Connection: keep-alive"));
    assert_null(strstr(a.head, "Content-Length"));
    answer_free(&a);
    kit_expect_no_message(&kit); /* nobody reads: the part cannot have left */
    expect_chunk('x', LARGE);
    expect(EDGE_REPLY_MORE, handle);
    reply(handle, EDGE_PART_NEXT, "yy", 2);
    expect_text("\r\n");
    expect_chunk('y', 2);
    expect(EDGE_REPLY_MORE, handle);
    reply(handle, EDGE_PART_LAST, "z", 1);
    expect_text("\r\n1\r\nz\r\n0\r\n\r\n");
    kit_answer_call(&kit, "{\"next\":1}"); /* the pipelined call: nothing came between */
    expect_answer(&c, 200, "{\"next\":1}");
    assert_int_equal(kit_metric(&kit, "stoa_http_answer_parts_total"), 3);
}

static void an_empty_last_part_ends_the_answer(void **state) {
    start();
    client_put(&c, CALL);
    uint64_t handle = take_call();
    reply(handle, EDGE_PART_FIRST, "ab", 2);
    expect(EDGE_REPLY_MORE, handle);
    reply(handle, EDGE_PART_LAST, NULL, 0);
    struct answer a = client_answer_head_only(&c);
    answer_free(&a);
    expect_text("2\r\nab\r\n0\r\n\r\n");
}

static void old_clients_get_bytes_until_the_end(void **state) {
    start();
    client_put(&c, "POST /twirp/livekit.RoomService/ListRooms HTTP/1.0\r\n"
                   "Connection: keep-alive\r\nContent-Type: application/protobuf\r\n"
                   "Content-Length: 0\r\n\r\n");
    uint64_t handle = take_call();
    assert_true(edge_reply_part(kit.edge, handle, 200, EDGE_BODY_PROTOBUF, EDGE_PART_FIRST,
                                SLICE_LIT("one")));
    expect(EDGE_REPLY_MORE, handle);
    reply(handle, EDGE_PART_LAST, "two", 3);
    struct answer a = client_answer_head_only(&c);
    assert_true(answer_has(&a, "Connection: close"));
    assert_true(answer_has(&a, "Content-Type: application/protobuf"));
    assert_null(strstr(a.head, "Transfer-Encoding"));
    answer_free(&a);
    expect_text("onetwo");
    assert_false(client_more(&c));
}

static void an_abort_is_seen_as_one(void **state) {
    start();
    client_put(&c, CALL);
    uint64_t handle = take_call();
    reply(handle, EDGE_PART_FIRST, "ab", 2);
    expect(EDGE_REPLY_MORE, handle);
    reply(handle, EDGE_PART_ABORT, NULL, 0);
    struct answer a = client_answer_head_only(&c);
    answer_free(&a);
    expect_text("2\r\nab");
    assert_false(client_more(&c)); /* and no last chunk */
    assert_int_equal(c.in_len, 0);
    expect(EDGE_REPLY_GONE, handle);
    assert_int_equal(kit_metric(&kit, REFUSED("answer_broken_off")), 1);
    assert_int_equal(kit_metric(&kit, FAILED_LISTS), 1);
}

static void an_abort_instead_of_the_first_part_ends_the_connection(void **state) {
    start();
    client_put(&c, CALL);
    reply(take_call(), EDGE_PART_ABORT, NULL, 0);
    assert_false(client_more(&c));
    kit_expect_no_message(&kit);
}

static void a_reader_that_leaves_is_told_of_once(void **state) {
    start();
    client_put(&c, CALL);
    uint64_t handle = take_call();
    reply(handle, EDGE_PART_FIRST, large, LARGE); /* more than fits sockets */
    assert_true(client_more(&c));
    reset_client();
    expect(EDGE_REPLY_GONE, handle);
    /* Control may have been making the next one: it learns it again, except of the last. */
    reply(handle, EDGE_PART_NEXT, "x", 1);
    expect(EDGE_REPLY_GONE, handle);
    reply(handle, EDGE_PART_LAST, "x", 1);
    reply(handle, EDGE_PART_ABORT, NULL, 0);
    c = client_open(&kit);
    client_put(&c, CALL);
    kit_answer_call(&kit, "{}");
    expect_answer(&c, 200, "{}");
    kit_expect_no_message(&kit);
}

static void a_caller_that_left_before_the_first_part_is_told_of(void **state) {
    start();
    client_put(&c, CALL);
    uint64_t handle = take_call();
    reset_client();
    uint64_t left = kit_metric(&kit, "stoa_http_requests_total"); /* a turn of the edge, at least */
    assert_true(left > 0);
    c = client_open(&kit);
    client_put(&c, CALL);
    uint64_t other = take_call();
    reply(handle, EDGE_PART_FIRST, "x", 1);
    expect(EDGE_REPLY_GONE, handle);
    reply(other, EDGE_PART_LAST, "x", 1); /* never begun: nothing to end, and nobody to be told */
    assert_true(edge_reply(kit.edge, other, 200, EDGE_BODY_JSON, SLICE_LIT("{}")));
    expect_answer(&c, 200, "{}");
}

static void a_reader_that_stops_is_dropped_and_counted(void **state) {
    kit.config.limits.write_ms = 60;
    start();
    client_put(&c, CALL);
    uint64_t handle = take_call();
    reply(handle, EDGE_PART_FIRST, large, LARGE);
    expect(EDGE_REPLY_GONE, handle);
    assert_int_equal(kit_metric(&kit, REFUSED("slow_reader")), 1);
}

static void control_without_a_next_part_is_not_waited_for(void **state) {
    kit.config.limits.answer_ms = 50;
    start();
    client_put(&c, CALL);
    uint64_t handle = take_call();
    reply(handle, EDGE_PART_FIRST, "x", 1);
    expect(EDGE_REPLY_MORE, handle);
    expect(EDGE_REPLY_GONE, handle);
    assert_int_equal(kit_metric(&kit, REFUSED("answer_timeout")), 1);
    client_expect_end(&c);
}

static void a_full_mailbox_is_asked_again(void **state) {
    start();
    client_put(&c, CALL);
    uint64_t handle = take_call();
    struct edge_msg *none = NULL;
    while (mailbox_push(kit.to_control, &none)) {
    }
    reply(handle, EDGE_PART_FIRST, "ab", 2);
    struct answer a = client_answer_head_only(&c);
    answer_free(&a);
    expect_text("2\r\nab");
    client_expect_silence(&c, 20);
    struct edge_msg *all[KIT_MESSAGES];
    assert_int_equal(mailbox_drain(kit.to_control, all, KIT_MESSAGES), KIT_MESSAGES);
    expect(EDGE_REPLY_MORE, handle);
    reply(handle, EDGE_PART_LAST, NULL, 0);
    expect_text("\r\n0\r\n\r\n");
}

static void control_can_end_it(void **state) {
    start();
    client_put(&c, CALL);
    uint64_t handle = take_call();
    reply(handle, EDGE_PART_FIRST, "ab", 2);
    expect(EDGE_REPLY_MORE, handle);
    assert_true(edge_close(kit.edge, handle, 1013));
    expect(EDGE_REPLY_GONE, handle);
    client_expect_end(&c);
}

int main(void) {
    static bool plain = false, tls = true;
#define BOTH(test)                                                                                 \
    {#test, test, set_up, tear_down, &plain}, {                                                    \
#test "_over_tls", test, set_up, tear_down, &tls                                           \
    }
    const struct CMUnitTest tests[] = {
        BOTH(parts_leave_as_chunks_one_at_a_time),
        BOTH(an_empty_last_part_ends_the_answer),
        BOTH(old_clients_get_bytes_until_the_end),
        BOTH(an_abort_is_seen_as_one),
        BOTH(an_abort_instead_of_the_first_part_ends_the_connection),
        BOTH(a_reader_that_leaves_is_told_of_once),
        BOTH(a_caller_that_left_before_the_first_part_is_told_of),
        BOTH(a_reader_that_stops_is_dropped_and_counted),
        BOTH(control_without_a_next_part_is_not_waited_for),
        BOTH(a_full_mailbox_is_asked_again),
        BOTH(control_can_end_it),
    };
    return cmocka_run_group_tests_name("edge_parts", tests, NULL, NULL);
}
