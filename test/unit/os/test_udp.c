#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "fault.h"
#include "mem.h"
#include "udp.h"

/* Two sockets; what is sent from `a` is collected from `b` with its length and first byte. */
enum { GOT_MAX = 2048 };
struct fixture {
    struct udp_socket *a, *b;
    struct udp_inbox *inbox;
    size_t count, lens[GOT_MAX];
    uint8_t firsts[GOT_MAX];
    struct udp_path path; /* of the last */
};

static struct udp_socket *open_at(const char *ip, bool no_segmentation) {
    struct udp_options o = {.receive_bytes = 4 << 20, .no_segmentation = no_segmentation};
    assert_int_equal(net_address_parse(slice_from_cstr(ip), 0, &o.bind), STATUS_OK);
    struct udp_socket *s = NULL;
    assert_int_equal(udp_open(&o, &s), STATUS_OK);
    return s;
}

static void fixture_open(struct fixture *f, bool sender_joins, bool receiver_joins) {
    *f = (struct fixture){.a = open_at("127.0.0.1", !sender_joins),
                          .b = open_at("127.0.0.1", !receiver_joins),
                          .inbox = udp_inbox_create()};
    assert_non_null(f->inbox);
}

static void fixture_close(struct fixture *f) {
    udp_close(f->a);
    udp_close(f->b);
    udp_inbox_destroy(f->inbox);
}

static void collect(struct fixture *f, struct udp_socket *from, size_t expected) {
    f->count = 0;
    while (f->count < expected) {
        struct pollfd p = {.fd = udp_fd(from), .events = POLLIN};
        assert_int_equal(poll(&p, 1, 5000), 1);
        const struct udp_datagram *list;
        size_t n = udp_receive(from, f->inbox, &list);
        for (size_t i = 0; i < n; i++, f->count++) {
            assert_true(f->count < GOT_MAX);
            f->lens[f->count] = list[i].len;
            f->firsts[f->count] = list[i].len > 0 ? list[i].data[0] : 0;
            f->path = *list[i].path;
            for (uint32_t k = 1; k < list[i].len; k++) { /* each is of one byte value throughout */
                assert_int_equal(list[i].data[k], list[i].data[0]);
            }
        }
    }
    const struct udp_datagram *list;
    assert_int_equal(udp_receive(from, f->inbox, &list), 0);
}

enum { OUT_MAX = 300, BYTES_MAX = 1400 };
static uint8_t payloads[OUT_MAX][BYTES_MAX];

static struct udp_outgoing outgoing(struct fixture *f, size_t index, size_t len) {
    memset(payloads[index], (int)(index & 0xff), len);
    return (struct udp_outgoing){.path = {.remote = udp_local(f->b)},
                                 .data = slice_of(payloads[index], len)};
}

/* Lengths as they come from a mixed room: equal runs, shorter ends, singles, an empty one. */
static size_t mixed_len(size_t i) {
    static const size_t lens[] = {1200, 1200, 1200, 700, 1200, 90, 90, 91, 0, 1, 1300, 1300};
    return lens[i % ARRAY_LEN(lens)];
}

static void send_and_compare(struct fixture *f, size_t count) {
    struct udp_outgoing list[OUT_MAX];
    for (size_t i = 0; i < count; i++) {
        list[i] = outgoing(f, i, mixed_len(i));
    }
    assert_int_equal(udp_send(f->a, list, count), count);
    collect(f, f->b, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(f->lens[i], mixed_len(i));
        assert_int_equal(f->firsts[i], mixed_len(i) > 0 ? (i & 0xff) : 0);
    }
}

static void borders_and_order_are_kept(void **state) {
    for (int mode = 0; mode < 4; mode++) {
        struct fixture f;
        fixture_open(&f, mode & 1, mode & 2);
        send_and_compare(&f, 250);
        struct udp_stats out = udp_stats(f.a), in = udp_stats(f.b);
        assert_int_equal(out.datagrams_out, 250);
        assert_int_equal(in.datagrams_in, 250);
        assert_true(in.bytes_in == out.bytes_out);
        assert_int_equal(out.refused, 0);
        assert_int_equal(in.overflowed, 0);
        if (!(mode & 1)) {
            assert_int_equal(out.joined, 0);
        }
        fixture_close(&f);
    }
}

static void equal_runs_leave_joined(void **state) {
    struct fixture f;
    fixture_open(&f, true, true);
    if (!udp_stats(f.a).segmentation_on) {
        fixture_close(&f);
        skip(); /* a kernel without UDP_SEGMENT */
    }
    struct udp_outgoing list[40];
    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        list[i] = outgoing(&f, i, 1200);
    }
    assert_int_equal(udp_send(f.a, list, ARRAY_LEN(list)), ARRAY_LEN(list));
    struct udp_stats stats = udp_stats(f.a);
    assert_int_equal(stats.joined, 40); /* 16, 16 and 8 */
    assert_int_equal(stats.calls_out, 1);
    assert_true(stats.segmentation_on);
    collect(&f, f.b, ARRAY_LEN(list));
    fixture_close(&f);
}

static void a_run_larger_than_one_send_is_split(void **state) {
    static uint8_t big[9000];
    struct fixture f;
    fixture_open(&f, true, true);
    struct udp_outgoing list[16];
    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        list[i] = (struct udp_outgoing){.path = {.remote = udp_local(f.b)},
                                        .data = slice_of(big, sizeof big)};
    }
    assert_int_equal(udp_send(f.a, list, ARRAY_LEN(list)), ARRAY_LEN(list));
    collect(&f, f.b, ARRAY_LEN(list));
    assert_int_equal(f.lens[15], sizeof big);
    assert_int_equal(udp_stats(f.a).refused, 0);
    fixture_close(&f);
}

/* Bound to all addresses, asked at one of them: the reply must come from that one. */
static void replies_leave_from_the_address_asked(void **state) {
    static const char *const any[] = {"0.0.0.0", "::"};
    static const char *const asked[] = {"127.0.0.77", "::1"};
    static const char *const asker[] = {"127.0.0.1", "::1"};
    for (size_t i = 0; i < ARRAY_LEN(any); i++) {
        struct fixture f = {.a = open_at(asker[i], false),
                            .b = open_at(any[i], false),
                            .inbox = udp_inbox_create()};
        struct net_address to;
        assert_int_equal(net_address_parse(slice_from_cstr(asked[i]), udp_local(f.b).port, &to),
                         STATUS_OK);
        struct udp_outgoing ask = {.path = {.remote = to}, .data = SLICE_LIT("aaa")};
        assert_int_equal(udp_send(f.a, &ask, 1), 1);
        collect(&f, f.b, 1);
        struct net_address asker_at = udp_local(f.a);
        assert_true(net_address_equal(&f.path.remote, &asker_at));
        assert_true(net_address_equal(&f.path.local, &to));
        struct udp_outgoing reply[2] = {{.path = f.path, .data = SLICE_LIT("bbb")},
                                        {.path = f.path, .data = SLICE_LIT("bbb")}};
        assert_int_equal(udp_send(f.b, reply, 2), 2); /* with a segment size beside it */
        collect(&f, f.a, 2);
        assert_true(net_address_equal(&f.path.remote, &to));
        fixture_close(&f);
    }
}

static void what_cannot_be_sent_does_not_stop_the_rest(void **state) {
    static uint8_t huge[70000];
    struct fixture f;
    fixture_open(&f, true, true);
    struct udp_outgoing list[4] = {outgoing(&f, 0, 10), outgoing(&f, 1, 10), outgoing(&f, 2, 10),
                                   outgoing(&f, 3, 10)};
    list[1].path.remote.port = 0; /* EINVAL */
    list[2].data = slice_of(huge, sizeof huge);
    assert_int_equal(udp_send(f.a, list, 4), 4);
    collect(&f, f.b, 2);
    assert_int_equal(f.firsts[0], 0);
    assert_int_equal(f.firsts[1], 3);
    assert_int_equal(udp_stats(f.a).refused, 2);
    assert_int_equal(udp_stats(f.a).datagrams_out, 2);
    /* A joined run that cannot be sent is refused as a whole and leaves segmentation on. */
    struct udp_outgoing bad[3] = {outgoing(&f, 0, 10), outgoing(&f, 1, 10), outgoing(&f, 2, 10)};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        bad[i].path.remote.port = 0;
    }
    bool before = udp_stats(f.a).segmentation_on;
    assert_int_equal(udp_send(f.a, bad, 3), 3);
    assert_int_equal(udp_stats(f.a).refused, 5);
    assert_int_equal(udp_stats(f.a).segmentation_on, before);
    fixture_close(&f);
}

static void ports_are_chosen_from_a_range(void **state) {
    struct udp_socket *first = open_at("127.0.0.1", false), *second = NULL;
    uint16_t port = udp_local(first).port;
    struct udp_options o = {.bind = net_address_loopback(NET_V4, 0)};
    assert_int_equal(udp_open_range(&o, port, port, &second), STATUS_EXISTS);
    assert_null(second);
    uint16_t last = port > 65000 ? port : (uint16_t)(port + 500);
    if (last > port) {
        assert_int_equal(udp_open_range(&o, port, last, &second), STATUS_OK);
        assert_true(udp_local(second).port > port && udp_local(second).port <= last);
        second = udp_close(second);
    }
    o.bind.port = port;
    assert_int_equal(udp_open(&o, &second), STATUS_EXISTS);
    assert_int_equal(net_address_parse(SLICE_LIT("192.0.2.1"), 0, &o.bind), STATUS_OK);
    assert_int_equal(udp_open(&o, &second), STATUS_UNAVAILABLE);
    udp_close(first);
}

#ifdef STOA_FAULTS
/* On a device without segmentation everything still arrives, one by one. */
static void without_segmentation_all_is_sent_alone(void **state) {
    struct fixture f;
    fixture_open(&f, true, true);
    assert_int_equal(fault_set(SLICE_LIT("segment_fail=1")), STATUS_OK);
    send_and_compare(&f, 250);
    assert_int_equal(fault_set(SLICE_LIT("segment_fail=0")), STATUS_OK);
    assert_false(udp_stats(f.a).segmentation_on);
    assert_int_equal(udp_stats(f.a).joined, 0);
    send_and_compare(&f, 20);
    fixture_close(&f);
}

static void each_allocation_may_fail(void **state) {
    struct udp_options o = {.bind = net_address_loopback(NET_V4, 0)};
    uint64_t before = mem_live_blocks();
    struct udp_socket *s = NULL;
    struct udp_inbox *in = NULL;
    for (uint64_t nth = 1; !s || !in; nth++) {
        assert_true(nth < 10);
        s = udp_close(s);
        in = udp_inbox_destroy(in);
        assert_int_equal(mem_live_blocks(), before);
        mem_fail_from(nth);
        enum status status = udp_open(&o, &s);
        assert_true(status == STATUS_OK || status == STATUS_NO_MEMORY);
        in = udp_inbox_create();
        mem_fail_never();
    }
    udp_close(s);
    udp_inbox_destroy(in);
    assert_int_equal(mem_live_blocks(), before);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(borders_and_order_are_kept),
        cmocka_unit_test(equal_runs_leave_joined),
        cmocka_unit_test(a_run_larger_than_one_send_is_split),
        cmocka_unit_test(replies_leave_from_the_address_asked),
        cmocka_unit_test(what_cannot_be_sent_does_not_stop_the_rest),
        cmocka_unit_test(ports_are_chosen_from_a_range),
#ifdef STOA_FAULTS
        cmocka_unit_test(without_segmentation_all_is_sent_alone),
        cmocka_unit_test(each_allocation_may_fail),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
