#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "interfaces.h"
#include "net_address.h"

static struct net_address parsed(const char *text) {
    struct net_address a = {0};
    assert_int_equal(net_address_parse(slice_from_cstr(text), 7, &a), STATUS_OK);
    return a;
}

static void addresses_become_text_and_back(void **state) {
    static const char *const texts[] = {
        "0.0.0.0", "127.0.0.1", "255.255.255.255", "::", "2001:db8::1", "::1", "fe80::1%3"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct net_address a = parsed(texts[i]), b;
        char out[NET_ADDRESS_TEXT_MAX];
        assert_int_equal(net_address_ip_text(&a, out), strlen(texts[i]));
        assert_string_equal(out, texts[i]);
        size_t len = net_address_text(&a, out);
        assert_int_equal(len, strlen(out));
        assert_int_equal(net_address_parse_with_port(slice_from_cstr(out), &b), STATUS_OK);
        assert_true(net_address_equal(&a, &b));
    }
    char out[NET_ADDRESS_TEXT_MAX];
    struct net_address longest = parsed("fe80:1111:2222:3333:4444:5555:6666:7777%4294967295");
    longest.port = 65535;
    net_address_text(&longest, out);
    assert_string_equal(out, "[fe80:1111:2222:3333:4444:5555:6666:7777%4294967295]:65535");
}

static void what_is_no_address_is_refused(void **state) {
    static const char *const texts[] = {"",         "1.2.3",      "1.2.3.4.5", "256.1.1.1",
                                        "::g",      "1.2.3.4%1",  "[::1]",     "::1%x",
                                        "fe80::1%", "1.2.3.4:80", "localhost", "01.2.3.4 "};
    struct net_address a = {.port = 99}, before = a;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_int_equal(net_address_parse(slice_from_cstr(texts[i]), 1, &a), STATUS_MALFORMED);
    }
    assert_int_equal(net_address_parse(SLICE_LIT("1.2.3.4\0x"), 1, &a), STATUS_MALFORMED);
    static const char *const with_port[] = {"1.2.3.4",    "1.2.3.4:", "1.2.3.4:65536", "[::1]80",
                                            "[::1]",      "[::1]:",   "::1:80",        "[::1",
                                            "1.2.3.4:+1", ":80",      "[]:80"};
    for (size_t i = 0; i < ARRAY_LEN(with_port); i++) {
        assert_int_equal(net_address_parse_with_port(slice_from_cstr(with_port[i]), &a),
                         STATUS_MALFORMED);
    }
    assert_true(net_address_equal(&a, &before));
}

static void mapped_addresses_are_the_plain_ones(void **state) {
    struct net_address mapped = parsed("::ffff:10.1.2.3"), plain = parsed("10.1.2.3");
    assert_true(net_address_equal(&mapped, &plain));
    struct sockaddr_in6 sa = {.sin6_family = AF_INET6, .sin6_port = htons(7)};
    static const uint8_t ip[16] = {[10] = 0xff, [11] = 0xff, 10, 1, 2, 3};
    memcpy(&sa.sin6_addr, ip, sizeof ip);
    struct net_address a = net_address_from_sockaddr((const struct sockaddr *)&sa);
    assert_true(net_address_equal(&a, &plain));
}

static void the_kernels_form_and_back(void **state) {
    static const char *const texts[] = {"192.0.2.1", "2001:db8::2", "fe80::9%2"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct net_address a = parsed(texts[i]);
        struct sockaddr_storage sa;
        uint32_t len = net_address_to_sockaddr(&a, &sa);
        assert_true(len == sizeof(struct sockaddr_in) || len == sizeof(struct sockaddr_in6));
        struct net_address b = net_address_from_sockaddr((const struct sockaddr *)&sa);
        assert_true(net_address_equal(&a, &b));
    }
    struct sockaddr unix_socket = {.sa_family = AF_UNIX};
    assert_int_equal(net_address_from_sockaddr(&unix_socket).family, NET_NONE);
}

static void equality_and_hash_see_every_part(void **state) {
    struct hash_key key = {1, 2};
    struct net_address a = parsed("192.0.2.1"), b = a;
    assert_true(net_address_hash(&key, &a) == net_address_hash(&key, &b));
    b.port++;
    assert_false(net_address_equal(&a, &b));
    assert_true(net_address_same_ip(&a, &b));
    assert_true(net_address_hash(&key, &a) != net_address_hash(&key, &b));
    b = parsed("192.0.2.2");
    assert_false(net_address_same_ip(&a, &b));
}

static void kinds_are_told_apart(void **state) {
    struct net_address any6 = net_address_any(NET_V6, 0), none = {0};
    assert_true(net_address_is_any(&any6));
    assert_false(net_address_is_any(&none));
    struct {
        const char *text;
        bool loopback, link_local, private;
    } cases[] = {
        {"127.9.9.9", true, false, false},  {"::1", true, false, false},
        {"::2", false, false, false},       {"169.254.0.1", false, true, false},
        {"fe80::1", false, true, false},    {"fec0::1", false, false, false},
        {"10.0.0.1", false, false, true},   {"172.15.0.1", false, false, false},
        {"172.31.0.1", false, false, true}, {"192.168.1.1", false, false, true},
        {"100.64.0.1", false, false, true}, {"100.128.0.1", false, false, false},
        {"fd00::1", false, false, true},    {"8.8.8.8", false, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct net_address a = parsed(cases[i].text);
        assert_int_equal(net_address_is_loopback(&a), cases[i].loopback);
        assert_int_equal(net_address_is_link_local(&a), cases[i].link_local);
        assert_int_equal(net_address_is_private(&a), cases[i].private);
    }
    struct net_address l4 = net_address_loopback(NET_V4, 7), l6 = net_address_loopback(NET_V6, 7);
    struct net_address p4 = parsed("127.0.0.1"), p6 = parsed("::1");
    assert_true(net_address_equal(&l4, &p4) && net_address_equal(&l6, &p6));
}

static void limits_count_by_network(void **state) {
    struct net_address a = parsed("2001:db8:1:2:3:4:5:6"), b = parsed("2001:db8:1:2:ffff::1");
    b.port = 8;
    struct net_address ka = net_address_limit_key(&a), kb = net_address_limit_key(&b);
    assert_true(net_address_equal(&ka, &kb));
    a = parsed("192.0.2.1"), b = parsed("192.0.2.2");
    ka = net_address_limit_key(&a), kb = net_address_limit_key(&b);
    assert_false(net_address_equal(&ka, &kb));
}

static void prefixes_contain_what_they_should(void **state) {
    struct {
        const char *prefix, *address;
        bool contains;
    } cases[] = {
        {"10.0.0.0/8", "10.255.1.1", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.1.2.3/0", "200.1.1.1", true},
        {"10.1.2.3", "10.1.2.3", true},
        {"10.1.2.3", "10.1.2.4", false},
        {"192.168.128.0/17", "192.168.127.1", false},
        {"192.168.128.0/17", "192.168.200.1", true},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"::/0", "1.2.3.4", false},
        {"::1/128", "::1", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct net_prefix p;
        assert_int_equal(net_prefix_parse(slice_from_cstr(cases[i].prefix), &p), STATUS_OK);
        struct net_address a = parsed(cases[i].address);
        assert_int_equal(net_prefix_contains(&p, &a), cases[i].contains);
    }
    static const char *const bad[] = {"",       "/8",   "10.0.0.0/", "10.0.0.0/33",
                                      "::/129", "10/8", "x/1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct net_prefix p;
        assert_int_equal(net_prefix_parse(slice_from_cstr(bad[i]), &p), STATUS_MALFORMED);
    }
}

static void interfaces_are_filtered(void **state) {
    struct net_address list[32];
    size_t count = 99;
    struct interfaces_filter f = {.v4 = true, .v6 = true, .loopback = true};
    assert_int_equal(interfaces_list(&f, list, ARRAY_LEN(list), &count), STATUS_OK);
    bool loopback = false;
    for (size_t i = 0; i < count; i++) {
        loopback |= net_address_is_loopback(&list[i]);
        assert_false(net_address_is_link_local(&list[i]));
        assert_int_equal(list[i].port, 0);
    }
    assert_true(loopback);
    size_t first_only;
    assert_int_equal(interfaces_list(&f, list, 1, &first_only), STATUS_OK);
    assert_int_equal(first_only, 1);
    f.loopback = false;
    assert_int_equal(interfaces_list(&f, list, ARRAY_LEN(list), &count), STATUS_OK);
    for (size_t i = 0; i < count; i++) {
        assert_false(net_address_is_loopback(&list[i]));
    }
    f.v4 = f.v6 = false;
    assert_int_equal(interfaces_list(&f, list, ARRAY_LEN(list), &count), STATUS_OK);
    assert_int_equal(count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_become_text_and_back),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(mapped_addresses_are_the_plain_ones),
        cmocka_unit_test(the_kernels_form_and_back),
        cmocka_unit_test(equality_and_hash_see_every_part),
        cmocka_unit_test(kinds_are_told_apart),
        cmocka_unit_test(limits_count_by_network),
        cmocka_unit_test(prefixes_contain_what_they_should),
        cmocka_unit_test(interfaces_are_filtered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
