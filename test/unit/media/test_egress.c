/* What leaves together, and in which order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "egress.h"

enum { QUEUES = 3, SENT_MAX = 64 };

struct world {
    struct egress e;
    struct egress_queue q[QUEUES];
    char sent[SENT_MAX]; /* of each packet that left: its first byte */
    size_t sent_count, chains;
};

static int set_up(void **state) {
    static struct world w;
    memset(&w, 0, sizeof w);
    assert_int_equal(egress_init(&w.e), STATUS_OK);
    for (int i = 0; i < QUEUES; i++) {
        egress_queue_init(&w.q[i]);
    }
    *state = &w;
    return 0;
}

static int tear_down(void **state) {
    struct world *w = *state;
    for (int i = 0; i < QUEUES; i++) {
        egress_drop(&w->e, &w->q[i]);
    }
    assert_int_equal(w->e.queued, 0);
    egress_deinit(&w->e);
    return 0;
}

static void put(struct world *w, int queue, char name, bool urgent, bool ends, uint64_t now_us) {
    struct egress_packet *p = egress_take(&w->e);
    assert_non_null(p);
    p->bytes[0] = (uint8_t)name;
    p->len = 1;
    egress_queue(&w->e, &w->q[queue], p, urgent, ends, now_us);
}

static void on_send(void *arg, struct egress_queue *q, struct egress_packet *first) {
    struct world *w = arg;
    w->chains++;
    for (struct egress_packet *p = first, *next; p; p = next) {
        next = p->next;
        w->sent[w->sent_count++] = (char)p->bytes[0];
        egress_done(&w->e, p);
    }
}

static void flush(struct world *w, const char *expected, size_t chains) {
    w->sent_count = w->chains = 0;
    egress_flush(&w->e, on_send, w);
    w->sent[w->sent_count] = 0;
    assert_string_equal(w->sent, expected);
    assert_int_equal(w->chains, chains);
}

static void a_frame_waits_for_its_end(void **state) {
    struct world *w = *state;
    put(w, 0, 'a', false, false, 0);
    put(w, 0, 'b', false, false, 0);
    flush(w, "", 0);
    put(w, 0, 'c', false, true, 0);
    flush(w, "abc", 1);
    assert_int_equal(w->e.queued, 0);
}

static void it_waits_a_moment_only(void **state) {
    struct world *w = *state;
    put(w, 0, 'a', false, false, 100);
    put(w, 1, 'b', false, false, 500);
    egress_expire(&w->e, 100 + EGRESS_HOLD_US - 1);
    flush(w, "", 0);
    egress_expire(&w->e, 100 + EGRESS_HOLD_US);
    flush(w, "a", 1);
    egress_expire(&w->e, 500 + EGRESS_HOLD_US);
    flush(w, "b", 1);
}

static void urgent_packets_go_before_all_frames(void **state) {
    struct world *w = *state;
    put(w, 0, 'a', false, true, 0);
    put(w, 1, 'b', false, true, 0);
    put(w, 1, 'U', true, false, 0);
    put(w, 2, 'V', true, false, 0);
    flush(w, "UVab", 4);
}

static void urgent_packets_do_not_tear_a_frame(void **state) {
    struct world *w = *state;
    put(w, 0, 'a', false, false, 0);
    put(w, 0, 'U', true, true, 0);
    flush(w, "U", 1);
    put(w, 0, 'b', false, true, 0);
    flush(w, "ab", 1);
}

static void what_is_ready_is_counted_by_destination(void **state) {
    struct world *w = *state;
    static struct egress_queue many[EGRESS_READY_MAX];
    for (int i = 0; i < EGRESS_READY_MAX; i++) {
        assert_false(egress_full(&w->e));
        egress_queue_init(&many[i]);
        for (int k = 0; k < 2; k++) {
            struct egress_packet *p = egress_take(&w->e);
            p->len = 1;
            egress_queue(&w->e, &many[i], p, true, true, 0);
        }
    }
    assert_true(egress_full(&w->e));
    for (int i = 0; i < EGRESS_READY_MAX; i++) {
        egress_drop(&w->e, &many[i]);
    }
}

static void a_destination_that_is_gone_gets_nothing(void **state) {
    struct world *w = *state;
    put(w, 0, 'a', false, false, 0);
    put(w, 0, 'U', true, false, 0);
    put(w, 1, 'b', false, true, 0);
    egress_drop(&w->e, &w->q[0]);
    egress_expire(&w->e, UINT64_MAX);
    flush(w, "b", 1);
}

static void buffers_come_back(void **state) {
    struct world *w = *state;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < EGRESS_PACKETS_MAX; i++) {
            struct egress_packet *p = egress_take(&w->e);
            assert_non_null(p);
            p->len = 1;
            egress_queue(&w->e, &w->q[0], p, false, false, 0);
        }
        assert_null(egress_take(&w->e));
        egress_drop(&w->e, &w->q[0]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_frame_waits_for_its_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_waits_a_moment_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(urgent_packets_go_before_all_frames, set_up, tear_down),
        cmocka_unit_test_setup_teardown(urgent_packets_do_not_tear_a_frame, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_ready_is_counted_by_destination, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_destination_that_is_gone_gets_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(buffers_come_back, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
