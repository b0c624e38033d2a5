/* The table of a worker: ids, ufrags, address pairs and their bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "mem.h"
#include "transports.h"

static struct transport *make(uint64_t id, const char *ufrag) {
    struct media_transport_open open = {.transport = id, .pwd = "0123456789012345678901"};
    (void)snprintf(open.ufrag, sizeof open.ufrag, "%s", ufrag);
    struct transport *t = transport_create(&open);
    assert_non_null(t);
    return t;
}

static struct udp_path path_of(uint16_t port) {
    return (struct udp_path){.remote = net_address_loopback(NET_V4, port),
                             .local = net_address_loopback(NET_V4, 7882)};
}

static struct transport *destroy(struct transports *s, struct transport *t) {
    transports_remove(s, t);
    return transport_destroy(t);
}

static void test_ids_and_ufrags(void **state) {
    (void)state;
    struct transports s;
    assert_int_equal(transports_init(&s, (struct hash_key){1, 2}), STATUS_OK);
    struct transport *a = make(1, "aaaa"), *same_id = make(1, "bbbb"),
                     *same_ufrag = make(2, "aaaa");
    assert_int_equal(transports_add(&s, a), STATUS_OK);
    assert_int_equal(transports_add(&s, same_id), STATUS_EXISTS);
    assert_int_equal(transports_add(&s, same_ufrag), STATUS_EXISTS);
    (void)transport_destroy(same_id);
    (void)transport_destroy(same_ufrag);
    assert_ptr_equal(transports_find(&s, 1), a);
    assert_null(transports_find(&s, 2));
    assert_ptr_equal(transports_find_ufrag(&s, SLICE_LIT("aaaa"))->transport, a);
    assert_null(transports_find_ufrag(&s, SLICE_LIT("aaa")));
    struct credentials *first = credentials_create("cccc", "pwd"), *second;
    assert_int_equal(transports_add_credentials(&s, a, first), STATUS_OK);
    second = credentials_create("cccc", "pwd");
    assert_int_equal(transports_add_credentials(&s, a, second), STATUS_EXISTS);
    (void)credentials_destroy(second);
    second = credentials_create("dddd", "pwd");
    assert_int_equal(transports_add_credentials(&s, a, second), STATUS_OK);
    assert_null(transports_find_ufrag(&s, SLICE_LIT("cccc"))); /* a later restart replaced it */
    assert_non_null(transports_find_ufrag(&s, SLICE_LIT("aaaa")));
    transports_use_next(&s, a);
    assert_null(transports_find_ufrag(&s, SLICE_LIT("aaaa")));
    assert_ptr_equal(transports_find_ufrag(&s, SLICE_LIT("dddd"))->transport, a);
    (void)destroy(&s, a);
    assert_null(transports_find_ufrag(&s, SLICE_LIT("dddd")));
    transports_deinit(&s);
}

static void test_pairs_are_bounded(void **state) {
    (void)state;
    struct transports s;
    assert_int_equal(transports_init(&s, (struct hash_key){1, 2}), STATUS_OK);
    struct transport *t = make(1, "aaaa");
    assert_int_equal(transports_add(&s, t), STATUS_OK);
    for (uint16_t port = 1; port <= 3 * TRANSPORT_PAIRS_MAX; port++) {
        struct udp_path path = path_of(port);
        struct pair *p = NULL, *again = NULL;
        assert_int_equal(transports_pair(&s, t, &path, port, &p), STATUS_OK);
        assert_int_equal(transports_pair(&s, t, &path, port, &again), STATUS_OK);
        assert_ptr_equal(p, again);
        p->valid_ms = port;
        t->selected = port == 1 ? p : t->selected;
    }
    assert_int_equal(t->pairs.count, TRANSPORT_PAIRS_MAX);
    struct udp_path first = path_of(1), second = path_of(2), last = path_of(48);
    assert_ptr_equal(transports_find_pair(&s, &first), t->selected); /* in use: it stays */
    assert_null(transports_find_pair(&s, &second));                  /* the oldest goes */
    assert_non_null(transports_find_pair(&s, &last));
    (void)destroy(&s, t);
    assert_null(transports_find_pair(&s, &first));
    transports_deinit(&s);
}

static void test_a_pair_in_use_is_not_taken_over(void **state) {
    (void)state;
    struct transports s;
    assert_int_equal(transports_init(&s, (struct hash_key){1, 2}), STATUS_OK);
    struct transport *a = make(1, "aaaa"), *b = make(2, "bbbb");
    assert_int_equal(transports_add(&s, a), STATUS_OK);
    assert_int_equal(transports_add(&s, b), STATUS_OK);
    struct udp_path path = path_of(1);
    struct pair *of_a = NULL, *of_b = NULL;
    assert_int_equal(transports_pair(&s, a, &path, 1000, &of_a), STATUS_OK);
    of_a->valid_ms = 1000;
    a->selected = a->nominated = of_a;
    assert_int_equal(transports_pair(&s, b, &path, 1000 + PAIR_IN_USE_MS - 1, &of_b),
                     STATUS_DENIED);
    assert_null(of_b);
    assert_int_equal(transports_pair(&s, b, &path, 1000 + PAIR_IN_USE_MS, &of_b), STATUS_OK);
    assert_ptr_equal(of_b->transport, b);
    assert_null(a->selected); /* nothing points to what is gone */
    assert_null(a->nominated);
    assert_int_equal(a->pairs.count, 0);
    (void)destroy(&s, a);
    (void)destroy(&s, b);
    transports_deinit(&s);
}

static void test_held_datagrams_are_bounded(void **state) {
    (void)state;
    static const uint8_t datagram[1000];
    struct transport *t = make(1, "aaaa");
    size_t count = 0;
    while (transport_hold(t, slice_of(datagram, sizeof datagram))) {
        count++;
    }
    assert_int_equal(count, HANDSHAKE_HELD_BYTES_MAX / sizeof datagram);
    struct held *h = transport_take_held(t);
    assert_int_equal(h->len, sizeof datagram);
    mem_free(h);
    assert_true(transport_hold(t, slice_of(datagram, sizeof datagram)));
    (void)transport_destroy(t); /* frees what is still held */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_and_ufrags),
        cmocka_unit_test(test_pairs_are_bounded),
        cmocka_unit_test(test_a_pair_in_use_is_not_taken_over),
        cmocka_unit_test(test_held_datagrams_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
