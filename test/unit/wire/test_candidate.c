/* Candidate text as RFC 8839 writes it. */
#include "candidate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void expect_text(const struct candidate *c, const char *expected) {
    struct buf out;
    buf_init(&out, 256);
    candidate_put(&out, c);
    assert_true(slice_eq_cstr(buf_slice(&out), expected));
    buf_deinit(&out);
}

static void writes_udp_over_both_families(void **state) {
    (void)state;
    struct candidate c = {CANDIDATE_UDP, {STUN_IPV4, 50000, {203, 0, 113, 5}}, 65535};
    /* 126 * 2^24 + 65535 * 2^8 + 255 */
    assert_true(candidate_priority(&c) == 2130706431u);
    expect_text(&c, "candidate:262140 1 udp 2130706431 203.0.113.5 50000 typ host");
    c.address = (struct stun_address){STUN_IPV6, 1, {0x20, 0x01, 0x0d, 0xb8, [15] = 9}};
    c.preference = 1;
    expect_text(&c, "candidate:5 1 udp 2113929727 2001:db8:0:0:0:0:0:9 1 typ host");
}

static void tcp_comes_after_udp(void **state) {
    (void)state;
    struct candidate udp = {CANDIDATE_UDP, {STUN_IPV4, 7881, {192, 0, 2, 1}}, 0};
    struct candidate tcp = {CANDIDATE_TCP_PASSIVE, {STUN_IPV4, 7881, {192, 0, 2, 1}}, 65535};
    assert_true(candidate_priority(&tcp) < candidate_priority(&udp));
    tcp.preference = 0;
    /* 90 * 2^24 + (4 * 2^13) * 2^8 + 255 */
    expect_text(&tcp, "candidate:2 1 tcp 1518338303 192.0.2.1 7881 typ host tcptype passive");
}

static void a_line_is_ready_for_a_description(void **state) {
    (void)state;
    struct candidate c = {CANDIDATE_UDP, {STUN_IPV4, 9, {10, 0, 0, 1}}, 0};
    struct buf out;
    buf_init(&out, 256);
    candidate_put_line(&out, &c);
    assert_true(
        slice_eq_cstr(buf_slice(&out), "a=candidate:0 1 udp 2113929471 10.0.0.1 9 typ host\r\n"));
    buf_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_udp_over_both_families),
        cmocka_unit_test(tcp_comes_after_udp),
        cmocka_unit_test(a_line_is_ready_for_a_description),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
