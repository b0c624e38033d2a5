/* Sharing a link: who gets what, when it goes down, and when up again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "budget.h"

enum { S = 1000000, QUEUE = 500000 };

static struct budget_stream camera(uint64_t id, uint8_t priority) {
    return (struct budget_stream){.id = id,
                                  .priority = priority,
                                  .layer_want = 2,
                                  .bitrate_bps = {160000, 450000, 1700000},
                                  .layer_given = BUDGET_LAYER_NONE,
                                  .is_new = true};
}

static uint64_t sum(const struct budget_stream *s, size_t count) {
    uint64_t bps = 0;
    for (size_t i = 0; i < count; i++) {
        bps += s[i].layer_given < 3 ? s[i].bitrate_bps[s[i].layer_given] : 0;
    }
    return bps;
}

/* The estimate falls, and half a second later it is still as low. */
static void congest(struct budget *b, uint64_t now, uint64_t remb, uint64_t sent) {
    budget_take_remb(b, now - 1000000, MAX(sent, 2 * remb), sent);
    budget_take_remb(b, now - 500000, remb, sent);
    budget_take_remb(b, now, remb, sent);
}

static void without_congestion_all_get_their_wish(void **state) {
    struct budget b;
    budget_init(&b);
    struct budget_stream s[2] = {camera(1, 1), camera(2, 1)};
    s[1].layer_want = 1;
    assert_true(budget_share(&b, S, 0, false, s, 2));
    assert_int_equal(s[0].layer_given, 2);
    assert_int_equal(s[1].layer_given, 1);
    assert_false(s[0].hard);
    assert_false(budget_share(&b, 2 * S, 0, false, s, 2));
    assert_true(budget_capacity(&b) == BUDGET_UNKNOWN);
    /* An estimate near what is sent, or a single low one, says nothing. */
    budget_take_remb(&b, 3 * S, 2100000, 2150000);
    budget_take_remb(&b, 4 * S, 500000, 2150000);
    budget_take_remb(&b, 5 * S, 2150000, 2150000);
    budget_take_remb(&b, 6 * S, 500000, 2150000);
    assert_false(budget_share(&b, 6 * S, 0, false, s, 2));
}

/* A receiver's estimate begins low and follows what is sent by 8 % a second: a link that suddenly
 * carries a large layer is well all the same. */
static void an_estimate_that_rises_is_no_congestion(void **state) {
    struct budget b;
    budget_init(&b);
    struct budget_stream s[1] = {camera(1, 1)};
    (void)budget_share(&b, S, 0, false, s, 1);
    uint64_t remb = 300000;
    for (uint64_t at = S; at < 20 * S; at += S / 2) {
        budget_take_remb(&b, at, remb, 1700000);
        assert_false(budget_share(&b, at, 0, false, s, 1));
        remb += remb / 25;
    }
    assert_int_equal(s[0].layer_given, 2);
}

static void congestion_lowers_at_once_and_fits(void **state) {
    for (uint64_t remb = 100000; remb < 6000000; remb += 50000) {
        struct budget b;
        budget_init(&b);
        struct budget_stream s[4] = {camera(1, 1), camera(2, 1), camera(3, 255), camera(4, 1)};
        (void)budget_share(&b, S, 0, false, s, 4);
        congest(&b, 10 * S, remb, sum(s, 4) + 64000);
        bool changed = budget_share(&b, 10 * S, 64000, false, s, 4);
        assert_true(changed == (sum(s, 4) < 4 * 1700000));
        uint64_t usable = remb / 100 * 95;
        uint64_t left = usable > 64000 ? usable - 64000 : 0;
        assert_true(sum(s, 4) <= left || sum(s, 4) == 4 * 160000);
        for (size_t i = 0; i < 4; i++) {
            assert_true(s[2].layer_given >= s[i].layer_given);
            assert_int_equal(s[i].hard, s[i].layer_given < 2);
        }
        /* Equal ones differ by a layer at most. */
        assert_true(s[0].layer_given - s[3].layer_given <= 1 &&
                    s[3].layer_given <= s[0].layer_given);
    }
}

static void streams_pause_only_where_allowed(void **state) {
    struct budget b;
    budget_init(&b);
    struct budget_stream s[3] = {camera(1, 1), camera(2, 9), camera(3, 1)};
    (void)budget_share(&b, S, 0, true, s, 3);
    congest(&b, 10 * S, 200000, 5000000);
    assert_true(budget_share(&b, 10 * S, 0, true, s, 3));
    assert_int_equal(s[1].layer_given, 0);
    assert_int_equal(s[0].layer_given, BUDGET_LAYER_NONE);
    assert_int_equal(s[2].layer_given, BUDGET_LAYER_NONE);
    assert_true(s[0].hard);
    assert_true(budget_share(&b, 16 * S, 0, true, s, 3)); /* paused ones come back first */
    assert_int_equal(s[0].layer_given, 0);
    assert_int_equal(s[1].layer_given, 0);
}

static void after_calm_one_layer_is_tried(void **state) {
    struct budget b;
    budget_init(&b);
    struct budget_stream s[2] = {camera(1, 1), camera(2, 2)};
    (void)budget_share(&b, S, 0, false, s, 2);
    congest(&b, 10 * S, 400000, 3400000);
    assert_true(budget_share(&b, 10 * S, 0, false, s, 2));
    assert_int_equal(s[0].layer_given + s[1].layer_given, 0);
    assert_false(budget_share(&b, 12 * S, 0, false, s, 2));
    assert_true(budget_share(&b, 13 * S, 0, false, s, 2));
    assert_int_equal(s[1].layer_given, 1);
    assert_int_equal(s[0].layer_given, 0);
    int steps = 1;
    for (uint64_t at = 14; at < 60; at++) {
        steps += budget_share(&b, at * S, 0, false, s, 2);
    }
    assert_int_equal(steps, 4);
    assert_int_equal(s[0].layer_given + s[1].layer_given, 4);
    assert_true(budget_capacity(&b) == BUDGET_UNKNOWN);
}

/* A receiver on a link that carries `link`: it sees queues grow, or follows what it gets. */
static uint64_t estimate(uint64_t before, uint64_t link, uint64_t sent) {
    return sent > link ? link * 85 / 100 : MIN(before + before / 60, sent * 3 / 2 + 10000);
}

struct probing {
    struct budget b;
    struct budget_stream s[1];
    uint64_t remb, at, padding_most;
    uint64_t queue; /* before the link, of intervals' bits */
};

static void live_once(struct probing *p, uint64_t link) {
    uint64_t padding = budget_probe(&p->b, p->at);
    uint64_t sent = sum(p->s, 1) + padding;
    p->padding_most = MAX(p->padding_most, padding);
    p->remb = estimate(p->remb, link, sent);
    budget_take_remb(&p->b, p->at, p->remb, sent);
    p->queue = MIN(p->queue + sent - MIN(link, p->queue + sent), (uint64_t)QUEUE);
    if (p->queue == QUEUE) {
        budget_take_loss(&p->b, p->at, (uint8_t)((sent - link) * 255 / sent), sent);
    }
    (void)budget_share(&p->b, p->at, 0, false, p->s, 1);
    p->at += BUDGET_INTERVAL_US;
}

/* So long on such a link, with padding as the budget wants it. */
static void live(struct probing *p, uint64_t seconds, uint64_t link) {
    p->padding_most = 0;
    for (uint64_t end = p->at + seconds * S; p->at < end;) {
        live_once(p, link);
    }
}

static void begin_probing(struct probing *p) {
    *p = (struct probing){.remb = 2000000, .at = S, .s = {camera(1, 1)}};
    budget_init(&p->b);
    p->b.can_probe = true;
    (void)budget_share(&p->b, 0, 0, false, p->s, 1);
    live(p, 5, 5000000);
    assert_int_equal(p->s[0].layer_given, 2);
    assert_int_equal(p->padding_most, 0);
}

static void failing_tries_come_more_slowly(void **state) {
    struct probing p;
    begin_probing(&p);
    p.b.can_probe = false;
    uint64_t raised[64] = {0};
    size_t raises = 0;
    while (p.at < 1200 * (uint64_t)S) {
        uint8_t before = p.s[0].layer_given;
        live_once(&p, 300000);
        if (p.s[0].layer_given > before) {
            raised[raises++] = p.at;
        }
    }
    assert_true(raises > 5 && raises < 25);
    assert_true(raised[1] - raised[0] < 12 * S);
    assert_true(raised[raises - 1] - raised[raises - 2] > 110 * (uint64_t)S);
    assert_in_range(p.s[0].layer_given, 0, 1);
    assert_int_equal(p.padding_most, 0);
}

static void padding_comes_before_a_layer(void **state) {
    struct probing p;
    begin_probing(&p);
    live(&p, 2, 300000);
    assert_int_equal(p.s[0].layer_given, 0);
    for (int i = 0; i < 60; i++) { /* a minute on that link: nothing but padding goes up and down */
        live(&p, 1, 300000);
        assert_int_equal(p.s[0].layer_given, 0);
        assert_true(p.padding_most < 250000);
    }
    live(&p, 20, 5000000); /* at worst the longest pause, and twice a probe */
    assert_int_equal(p.s[0].layer_given, 2);
    assert_in_range(p.padding_most, 1250000, 1500000);
    live(&p, 5, 5000000);
    assert_true(budget_is_idle(&p.b));
    live(&p, 60, 5000000);
    assert_int_equal(p.padding_most, 0);
}

static void a_short_trouble_is_over_soon(void **state) {
    struct probing p;
    begin_probing(&p);
    live(&p, 1, 600000);
    assert_int_equal(p.s[0].layer_given, 1);
    live(&p, 8, 5000000);
    assert_int_equal(p.s[0].layer_given, 2);
}

/* A queue that grows before the padding ends it, and so do losses; a slow way alone does not. */
static void a_way_that_fills_ends_the_padding(void **state) {
    for (int how = 0; how < 3; how++) {
        struct probing p;
        begin_probing(&p);
        live(&p, 1, 600000);
        budget_take_rtt(&p.b, 180000);
        budget_take_rtt(&p.b, 80000);
        budget_take_rtt(&p.b, 150000);
        live(&p, 4, 5000000);
        assert_true(p.b.probe_us != 0);
        if (how == 0) {
            budget_take_rtt(&p.b, 200000);
        } else if (how == 1) {
            budget_take_loss(&p.b, p.at, 40, 1000000);
        } else {
            budget_take_rtt(&p.b, 150000);
            budget_take_loss(&p.b, p.at, 10, 1000000);
        }
        live_once(&p, 5000000);
        assert_true((p.b.probe_us != 0) == (how == 2));
        assert_int_equal(p.s[0].layer_given, 1);
        live(&p, 10, 5000000);
        assert_int_equal(p.s[0].layer_given, 2);
    }
}

/* Whoever lost most of what was sent asks for all of it. */
static void resends_have_a_share(void **state) {
    struct budget b;
    budget_init(&b);
    uint64_t burst = 0, more = 0;
    while (budget_may_resend(&b)) {
        budget_take_resent(&b, 1000);
        burst += 1000;
    }
    assert_in_range(burst, 100000, 140000);
    for (int i = 0; i < 1000; i++) {
        budget_take_sent(&b, 1000);
        while (budget_may_resend(&b)) {
            budget_take_resent(&b, 1000);
            more += 1000;
        }
    }
    assert_in_range(more, 400000, 1000000);
    budget_take_sent(&b, 100000000);
    for (burst = 0; budget_may_resend(&b); burst += 1000) {
        budget_take_resent(&b, 1000);
    }
    assert_in_range(burst, 100000, 140000);
}

static void a_lower_wish_ends_the_padding(void **state) {
    struct probing p;
    begin_probing(&p);
    live(&p, 1, 600000);
    live(&p, 4, 5000000);
    assert_true(budget_probe(&p.b, p.at) > 0);
    p.s[0].layer_want = 1;
    live(&p, 1, 5000000);
    assert_int_equal(budget_probe(&p.b, p.at), 0);
    assert_true(budget_is_idle(&p.b));
}

/* Little comes, and little is estimated: then much comes. */
static void a_low_estimate_that_never_fell_is_no_congestion(void **state) {
    struct budget b;
    budget_init(&b);
    struct budget_stream s[1] = {camera(1, 1)};
    (void)budget_share(&b, S, 0, false, s, 1);
    for (uint64_t at = S; at < 30 * S; at += S) {
        budget_take_remb(&b, at, 200000, at < 10 * S ? 0 : 1700000);
        assert_false(budget_share(&b, at, 0, false, s, 1));
        assert_true(budget_is_idle(&b));
    }
}

static void losses_count_as_congestion(void **state) {
    struct budget b;
    budget_init(&b);
    struct budget_stream s[1] = {camera(1, 1)};
    (void)budget_share(&b, S, 0, false, s, 1);
    budget_take_loss(&b, 2 * S, 20, 1700000);
    assert_false(budget_share(&b, 2 * S, 0, false, s, 1));
    budget_take_loss(&b, 3 * S, 64, 1700000); /* a quarter */
    assert_true(budget_share(&b, 3 * S, 0, false, s, 1));
    assert_int_equal(s[0].layer_given, 1);
    assert_in_range(budget_capacity(&b), 1270000, 1280000);
    budget_take_loss(&b, 3 * S + 500000, 64, 1700000); /* still of before */
    assert_false(budget_share(&b, 3 * S + 500000, 0, false, s, 1));
}

/* Whatever is reported, until it is let go; then layers come back after calm. */
static void a_fixed_link_carries_no_more(void **state) {
    struct budget b;
    budget_init(&b);
    struct budget_stream s[1] = {camera(1, 1)};
    (void)budget_share(&b, S, 0, false, s, 1);
    budget_fix(&b, 300000);
    for (uint64_t t = 2; t < 60; t++) {
        budget_take_remb(&b, t * S, 10000000, 160000);
        budget_take_loss(&b, t * S, 0, 160000);
        (void)budget_share(&b, t * S, 0, false, s, 1);
        assert_int_equal(s[0].layer_given, 0);
    }
    budget_fix(&b, 0);
    for (uint64_t t = 60; t < 80; t++) {
        (void)budget_share(&b, t * S, 0, false, s, 1);
    }
    assert_int_equal(s[0].layer_given, 2);
}

static void new_streams_begin_low_on_a_full_link(void **state) {
    struct budget b;
    budget_init(&b);
    struct budget_stream s[2] = {camera(1, 1), camera(2, 1)};
    (void)budget_share(&b, S, 0, false, s, 1);
    congest(&b, 10 * S, 600000, 1700000);
    (void)budget_share(&b, 10 * S, 0, false, s, 1);
    assert_true(budget_share(&b, 11 * S, 0, false, s, 2));
    assert_int_equal(s[1].layer_given, 0);
    assert_false(s[1].hard || s[1].is_new);
    s[0].layer_want = 0; /* a smaller wish is no congestion */
    assert_true(budget_share(&b, 12 * S, 0, false, s, 2));
    assert_int_equal(s[0].layer_given, 0);
    assert_false(s[0].hard);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_congestion_all_get_their_wish),
        cmocka_unit_test(an_estimate_that_rises_is_no_congestion),
        cmocka_unit_test(congestion_lowers_at_once_and_fits),
        cmocka_unit_test(streams_pause_only_where_allowed),
        cmocka_unit_test(after_calm_one_layer_is_tried),
        cmocka_unit_test(failing_tries_come_more_slowly),
        cmocka_unit_test(padding_comes_before_a_layer),
        cmocka_unit_test(a_short_trouble_is_over_soon),
        cmocka_unit_test(a_lower_wish_ends_the_padding),
        cmocka_unit_test(a_way_that_fills_ends_the_padding),
        cmocka_unit_test(resends_have_a_share),
        cmocka_unit_test(a_low_estimate_that_never_fell_is_no_congestion),
        cmocka_unit_test(losses_count_as_congestion),
        cmocka_unit_test(a_fixed_link_carries_no_more),
        cmocka_unit_test(new_streams_begin_low_on_a_full_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
