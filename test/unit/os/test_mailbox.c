#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "loop.h"
#include "mailbox.h"
#include "mem.h"
#include "thread.h"

struct item {
    uint32_t sender, number;
};

static void items_come_in_order_around_the_end(void **state) {
    struct mailbox *m = mailbox_create(sizeof(struct item), 3);
    assert_non_null(m);
    uint32_t pushed = 0, got = 0;
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 2; i++, pushed++) {
            assert_true(mailbox_push(m, &(struct item){.number = pushed}));
        }
        struct item items[3];
        assert_int_equal(mailbox_drain(m, items, 3), 2);
        for (int i = 0; i < 2; i++, got++) {
            assert_int_equal(items[i].number, got);
        }
    }
    assert_int_equal(mailbox_refused(m), 0);
    mailbox_destroy(m);
}

static void full_is_an_answer_and_counted(void **state) {
    struct mailbox *m = mailbox_create(sizeof(uint64_t), 2);
    uint64_t v = 7;
    assert_true(mailbox_push(m, &v));
    assert_true(mailbox_push(m, &v));
    v = 8;
    assert_false(mailbox_push(m, &v));
    assert_false(mailbox_push(m, &v));
    assert_int_equal(mailbox_refused(m), 2);
    assert_int_equal(mailbox_count(m), 2);
    uint64_t out[4];
    assert_int_equal(mailbox_drain(m, out, 4), 2);
    assert_int_equal(out[1], 7);
    assert_true(mailbox_push(m, &v));
    mailbox_destroy(m);
}

static void the_descriptor_tells_whether_items_are_in(void **state) {
    struct mailbox *m = mailbox_create(sizeof(uint64_t), 8);
    uint64_t v = 1, out[8];
    assert_false(mailbox_wait(m, 0));
    assert_true(mailbox_push(m, &v));
    assert_true(mailbox_push(m, &v));
    assert_true(mailbox_push(m, &v));
    assert_true(mailbox_wait(m, 0));
    assert_int_equal(mailbox_drain(m, out, 2), 2);
    assert_true(mailbox_wait(m, 0)); /* one is left */
    assert_int_equal(mailbox_drain(m, out, 2), 1);
    assert_false(mailbox_wait(m, 0));
    assert_int_equal(mailbox_drain(m, out, 2), 0);
    mailbox_destroy(m);
}

static void what_is_queued_wakes_nobody_until_it_is_flushed(void **state) {
    struct mailbox *m = mailbox_create(sizeof(uint64_t), 3);
    uint64_t v = 1, out[4];
    mailbox_flush(m); /* nothing is in: nobody is woken for it */
    assert_true(mailbox_queue(m, &v));
    v = 2;
    assert_true(mailbox_queue(m, &v));
    assert_false(mailbox_wait(m, 0));
    mailbox_flush(m);
    assert_true(mailbox_wait(m, 0));
    assert_int_equal(mailbox_drain(m, out, 4), 2);
    assert_int_equal(out[1], 2);
    mailbox_flush(m); /* they are gone */
    assert_false(mailbox_wait(m, 0));
    assert_true(mailbox_queue(m, &v));
    assert_true(mailbox_push(m, &v)); /* of another sender: wakes for both */
    assert_true(mailbox_wait(m, 0));
    assert_true(mailbox_queue(m, &v));
    assert_false(mailbox_queue(m, &v));
    assert_int_equal(mailbox_refused(m), 1);
    assert_int_equal(mailbox_drain(m, out, 4), 3);
    mailbox_destroy(m);
}

enum { SENDERS = 4, ITEMS = 20000 };

struct sender {
    struct mailbox *mailbox;
    uint32_t index;
};

static void send_all(void *arg) {
    struct sender *s = arg;
    for (uint32_t i = 0; i < ITEMS;) {
        struct item item = {.sender = s->index, .number = i};
        bool queues = s->index % 2 == 1; /* every other sender, some at once */
        i += queues ? mailbox_queue(s->mailbox, &item) : mailbox_push(s->mailbox, &item);
        if (queues && (i % 7 == 0 || i == ITEMS || mailbox_count(s->mailbox) > 50)) {
            mailbox_flush(s->mailbox);
        }
    }
}

struct receiver {
    struct mailbox *mailbox;
    struct loop *loop;
    uint32_t next[SENDERS];
    uint32_t count;
    bool out_of_order;
};

static void receive(void *arg, uint32_t events) {
    struct receiver *r = arg;
    struct item items[16];
    size_t n = mailbox_drain(r->mailbox, items, ARRAY_LEN(items)); /* once: the rest must wake us */
    for (size_t i = 0; i < n; i++) {
        r->out_of_order |= items[i].number != r->next[items[i].sender]++;
    }
    r->count += (uint32_t)n;
    if (r->count == SENDERS * ITEMS) {
        loop_stop(r->loop);
    }
}

/* A wake-up that is lost shows as a test that does not end. */
static void nothing_is_lost_between_threads(void **state) {
    struct mailbox *m = mailbox_create(sizeof(struct item), 64);
    struct loop *l = loop_create();
    struct receiver r = {.mailbox = m, .loop = l};
    struct loop_source source = {0};
    assert_int_equal(loop_add(l, &source, mailbox_fd(m), LOOP_READ, receive, &r), STATUS_OK);
    struct sender senders[SENDERS];
    struct thread *threads[SENDERS];
    for (uint32_t i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.mailbox = m, .index = i};
        assert_int_equal(thread_start("sender", send_all, &senders[i], &threads[i]), STATUS_OK);
    }
    loop_run(l);
    for (uint32_t i = 0; i < SENDERS; i++) {
        thread_join(threads[i]);
    }
    assert_false(r.out_of_order);
    assert_int_equal(r.count, SENDERS * ITEMS);
    assert_int_equal(mailbox_count(m), 0);
    loop_remove(&source);
    loop_destroy(l);
    mailbox_destroy(m);
}

#ifdef STOA_MEM_FAULTS
static void each_allocation_may_fail(void **state) {
    uint64_t before = mem_live_blocks();
    struct mailbox *m = NULL;
    for (uint64_t nth = 1; !m; nth++) {
        assert_true(nth < 10);
        assert_int_equal(mem_live_blocks(), before);
        mem_fail_from(nth);
        m = mailbox_create(8, 8);
        mem_fail_never();
    }
    mailbox_destroy(m);
    assert_int_equal(mem_live_blocks(), before);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_in_order_around_the_end),
        cmocka_unit_test(full_is_an_answer_and_counted),
        cmocka_unit_test(the_descriptor_tells_whether_items_are_in),
        cmocka_unit_test(what_is_queued_wakes_nobody_until_it_is_flushed),
        cmocka_unit_test(nothing_is_lost_between_threads),
#ifdef STOA_MEM_FAULTS
        cmocka_unit_test(each_allocation_may_fail),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
