/* Answers to writes wait for the journal: until it has them, until the wait is over, or not at all;
 * and what the journal was given makes the same directory again. */
#include <stdio.h>
#include <string.h>

#include "kit.h"
#include "mem.h"

enum { WAIT_MS = 20, CALLER = 7 };

static void with_journal(struct node_config *config) {
    config->journal = true;
    config->journal_wait_ms = WAIT_MS;
}

static void without_wait(struct node_config *config) {
    config->journal = true;
}

static void tell_state(struct kit *k, bool well) {
    struct node_event ev = {.kind = EV_JOURNAL_STATE, .journal.well = well};
    assert_int_equal(kit_step(k, &ev), STATUS_OK);
}

static void tell_written(struct kit *k, uint64_t sequence) {
    struct node_event ev = {.kind = EV_JOURNAL_WRITTEN, .journal.sequence = sequence};
    assert_int_equal(kit_step(k, &ev), STATUS_OK);
}

static void open_well(struct kit *k) {
    kit_open(k, with_journal);
    tell_state(k, true);
}

/* Takes up to so many bytes of what is owed; the sequence, 0: nothing was. */
static uint64_t take(struct kit *k, size_t budget, size_t *ret_count) {
    struct buf out;
    uint64_t sequence = 0;
    buf_init(&out, 8 << 20);
    *ret_count = node_journal_next(k->n, budget, &out, &sequence);
    buf_deinit(&out);
    return sequence;
}

static uint64_t take_all(struct kit *k) {
    size_t count;
    uint64_t sequence = take(k, 8 << 20, &count);
    assert_int_equal(node_journal(k->n).owed, 0);
    return sequence;
}

static unsigned create(struct kit *k, const char *json) {
    return kit_call(k, API_CREATE_ROOM, kit_create_claims(), json).status;
}

static size_t held(const struct kit *k) {
    return (size_t)node_journal(k->n).held;
}

static void test_an_answer_waits_until_it_is_written(void **state) {
    (void)state;
    struct kit k;
    open_well(&k);
    assert_int_equal(create(&k, "{\"name\":\"r\",\"metadata\":\"m\"}"), 0);
    assert_int_equal(kit_notes(&k, NOTE_ROOM_STARTED), 1); /* nothing else waits */
    assert_int_equal(held(&k), 1);
    assert_int_equal(take_all(&k), 1);
    kit_pass(&k, WAIT_MS - 1);
    assert_int_equal(k.fx.count, 0);
    tell_written(&k, 1);
    struct answer a = kit_answer(&k, FX_API_REPLY, CALLER);
    assert_int_equal(kit_count(&k, FX_API_REPLY), 1);
    const Livekit__Room *room = kit_read(&k, API_CREATE_ROOM, a);
    assert_string_equal(room->name, "r");
    assert_string_equal(room->metadata, "m");
    assert_int_equal(k.metrics.journal_waits_written, 1);
    assert_int_equal(held(&k), 0);
    kit_pass(&k, 1000); /* and it is answered once */
    assert_int_equal(kit_count(&k, FX_API_REPLY), 0);
    kit_close(&k);
}

static void test_all_calls_that_write_wait(void **state) {
    static const struct {
        enum api_op op;
        const char *json;
    } calls[] = {
        {API_CREATE_ROOM, "{\"name\":\"r\"}"},
        {API_CREATE_ROOM, "{\"name\":\"r\"}"}, /* it is there: its use is written */
        {API_UPDATE_ROOM_METADATA, "{\"room\":\"r\",\"metadata\":\"m\"}"},
        {API_CREATE_DISPATCH, "{\"room\":\"r\",\"agentName\":\"a\"}"},
        {API_DELETE_ROOM, "{\"room\":\"r\"}"},
    };
    (void)state;
    struct kit k;
    open_well(&k);
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        struct claims claims = *kit_admin_claims("r");
        claims.video.room_create = true;
        assert_int_equal(kit_call(&k, calls[i].op, &claims, calls[i].json).status, 0);
        tell_written(&k, take_all(&k));
        assert_int_equal(kit_answer(&k, FX_API_REPLY, CALLER).status, 200);
    }
    assert_int_equal(k.metrics.journal_waits_written, ARRAY_LEN(calls));
    kit_close(&k);
}

static void test_nothing_else_waits(void **state) {
    (void)state;
    struct kit k;
    open_well(&k);
    assert_int_equal(create(&k, "{\"name\":\"r\"}"), 0);
    struct answer a = kit_call(&k, API_LIST_ROOMS, kit_list_claims(), "{}");
    assert_int_equal(a.status, 200);
    a = kit_call(&k, API_DELETE_ROOM, kit_create_claims(), "{\"room\":\"none\"}");
    assert_int_equal(a.status, 404);
    (void)kit_enter(&k, 1, "opened by a join", "alice"); /* was let in and told at once */
    a = kit_call(&k, API_LIST_PARTICIPANTS, kit_admin_claims("opened by a join"),
                 "{\"room\":\"opened by a join\"}");
    assert_int_equal(a.status, 200);
    assert_int_equal(held(&k), 1);
    kit_close(&k);
}

static void test_what_changes_nothing_waits_for_who_changed_it(void **state) {
    static const char update[] = "{\"room\":\"r\",\"metadata\":\"m\"}";
    (void)state;
    struct kit k;
    open_well(&k);
    assert_int_equal(create(&k, "{\"name\":\"r\",\"metadata\":\"m\"}"), 0);
    uint64_t sequence = take_all(&k);
    struct answer a = kit_call(&k, API_UPDATE_ROOM_METADATA, kit_admin_claims("r"), update);
    assert_int_equal(a.status, 0); /* the same text, which a crash would still take */
    assert_int_equal(take_all(&k), 0);
    tell_written(&k, sequence);
    assert_int_equal(kit_count(&k, FX_API_REPLY), 2);
    a = kit_call(&k, API_UPDATE_ROOM_METADATA, kit_admin_claims("r"), update);
    assert_int_equal(a.status, 200); /* now there is nothing to wait for */
    kit_close(&k);
}

static void test_the_wait_has_an_end(void **state) {
    (void)state;
    struct kit k;
    open_well(&k);
    assert_int_equal(create(&k, "{\"name\":\"taken\"}"), 0);
    assert_int_equal(take_all(&k), 1);
    kit_pass(&k, 5);
    assert_int_equal(create(&k, "{\"name\":\"owed\"}"), 0);
    assert_int_equal(node_next_deadline_ms(k.n), k.now.mono_ms + WAIT_MS - 5);
    kit_pass(&k, WAIT_MS - 5);
    assert_int_equal(kit_count(&k, FX_API_REPLY), 1);
    assert_int_equal(kit_answer(&k, FX_API_REPLY, CALLER).status, 200);
    kit_pass(&k, 5);
    assert_int_equal(kit_count(&k, FX_API_REPLY), 1);
    assert_int_equal(k.metrics.journal_waits_late, 2);
    tell_written(&k, 1);
    assert_int_equal(k.fx.count, 0);
    kit_close(&k);
}

static void test_it_waits_for_its_own_record_and_not_for_another(void **state) {
    (void)state;
    struct kit k;
    size_t count;
    open_well(&k);
    assert_int_equal(create(&k, "{\"name\":\"a\"}"), 0);
    assert_int_equal(create(&k, "{\"name\":\"b\"}"), 0);
    tell_written(&k, 9); /* nobody was given that */
    assert_int_equal(k.fx.count, 0);
    assert_int_equal(take(&k, 1, &count), 1);
    assert_int_equal(count, 1);
    assert_int_equal(node_journal(k.n).owed, 1);
    tell_written(&k, 1);
    assert_int_equal(k.fx.count, 0); /* the other one is not on its way yet */
    assert_int_equal(create(&k, "{\"name\":\"c\"}"), 0);
    assert_int_equal(take_all(&k), 2);
    assert_int_equal(create(&k, "{\"name\":\"d\"}"), 0);
    tell_written(&k, 2);
    assert_int_equal(kit_count(&k, FX_API_REPLY), 3);
    assert_int_equal(held(&k), 1);
    tell_written(&k, take_all(&k));
    assert_int_equal(kit_count(&k, FX_API_REPLY), 1);
    kit_close(&k);
}

static void test_nobody_waits_for_a_journal_that_is_not_well(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, with_journal);
    assert_int_equal(create(&k, "{\"name\":\"a\"}"), 200); /* nothing is known of it yet */
    tell_state(&k, true);
    assert_int_equal(create(&k, "{\"name\":\"b\"}"), 0);
    tell_state(&k, false); /* who waits need not any more */
    assert_int_equal(kit_answer(&k, FX_API_REPLY, CALLER).status, 200);
    assert_int_equal(create(&k, "{\"name\":\"c\"}"), 200);
    assert_int_equal(k.metrics.journal_waits_skipped, 2);
    assert_int_equal(k.metrics.journal_waits_late, 1);
    tell_state(&k, true);
    assert_int_equal(create(&k, "{\"name\":\"d\"}"), 0);
    size_t count;
    assert_int_equal(take(&k, 8 << 20, &count), 1);
    assert_int_equal(count, 4); /* all that was owed meanwhile */
    kit_close(&k);

    kit_open(&k, without_wait);
    tell_state(&k, true);
    assert_int_equal(create(&k, "{\"name\":\"a\"}"), 200);
    kit_close(&k);
}

static void test_a_reader_may_go(void **state) {
    (void)state;
    struct kit k;
    open_well(&k);
    assert_int_equal(create(&k, "{\"name\":\"a\"}"), 0);
    assert_int_equal(take_all(&k), 1);
    assert_int_equal(create(&k, "{\"name\":\"b\"}"), 0);
    struct node_event gone = {.kind = EV_REPLY_GONE, .conn = CALLER};
    assert_int_equal(kit_step(&k, &gone), STATUS_OK);
    assert_int_equal(held(&k), 0);
    kit_pass(&k, 1000);
    assert_int_equal(kit_count(&k, FX_API_REPLY), 0);
    kit_close(&k);
}

static void test_too_many_are_answered_at_once(void **state) {
    (void)state;
    struct kit k;
    open_well(&k);
    for (int i = 0; i < WRITES_HELD_MAX; i++) {
        assert_int_equal(create(&k, "{\"name\":\"r\"}"), 0);
    }
    assert_int_equal(create(&k, "{\"name\":\"r\"}"), 200);
    assert_int_equal(k.metrics.journal_waits_full, 1);
    tell_written(&k, take_all(&k));
    assert_int_equal(kit_count(&k, FX_API_REPLY), WRITES_PER_STEP_MAX); /* in slices */
    assert_int_equal(kit_settle(&k), WRITES_HELD_MAX / WRITES_PER_STEP_MAX - 1);
    assert_int_equal(held(&k), 0);
    kit_close(&k);
}

static void test_too_much_is_answered_at_once(void **state) {
    (void)state;
    enum { METADATA = 500 * 1024 };
    struct kit k;
    struct buf json;
    open_well(&k);
    buf_init(&json, METADATA + 100);
    buf_put_cstr(&json, "{\"name\":\"r\",\"metadata\":\"");
    for (int i = 0; i < METADATA; i++) {
        buf_put_u8(&json, 'x');
    }
    buf_put_cstr(&json, "\"}");
    buf_put_u8(&json, 0);
    size_t waiting = 0;
    while (create(&k, (const char *)json.data) == 0) {
        waiting++;
        assert_true(waiting < WRITES_HELD_MAX);
    }
    assert_true(waiting * METADATA <= WRITES_HELD_BYTES_MAX);
    assert_true((waiting + 2) * METADATA > WRITES_HELD_BYTES_MAX);
    assert_int_equal(k.metrics.journal_waits_full, 1);
    buf_deinit(&json);
    kit_close(&k);
}

#ifdef STOA_MEM_FAULTS
static void test_without_memory_it_does_not_wait(void **state) {
    (void)state;
    struct kit k;
    open_well(&k);
    assert_int_equal(create(&k, "{\"name\":\"r\"}"), 0);
    tell_written(&k, take_all(&k));
    unsigned status = 429;
    bool at_once = false;
    for (k.fail_from = 1; status != 0; k.fail_from++) {
        status = create(&k, "{\"name\":\"r\"}");
        assert_true(status == 0 || status == 200 || status == 429);
        at_once = at_once || status == 200;
    }
    assert_true(at_once); /* the call was carried out, so it is answered */
    assert_int_equal(k.metrics.journal_waits_full, 1);
    k.fail_from = 1;
    tell_written(&k, take_all(&k)); /* the first effects of a step need none */
    assert_int_equal(kit_answer(&k, FX_API_REPLY, CALLER).status, 200);
    k.fail_from = 0;
    kit_close(&k);
}
#endif

static void load_batch(struct kit *k, struct slice batch) {
    struct slice record;
    bool bad = false;
    while (dir_batch_next(&batch, &record, &bad)) {
        assert_int_equal(node_journal_load(k->n, k->now, record), STATUS_OK);
    }
    assert_false(bad);
}

static const char *list(struct kit *k) {
    static char text[4096];
    struct answer a = kit_call(k, API_LIST_ROOMS, kit_list_claims(), "{}");
    const Livekit__ListRoomsResponse *l = kit_read(k, API_LIST_ROOMS, a);
    size_t len = 0;
    text[0] = 0;
    for (size_t i = 0; i < l->n_rooms; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s=%s/%s ", l->rooms[i]->name,
                                l->rooms[i]->metadata, l->rooms[i]->sid);
    }
    return text;
}

/* What one node gave its journal, or its snapshot, makes the same rooms in the next process. */
static void test_a_start_brings_everything_back(void **state) {
    (void)state;
    for (int snapshot = 0; snapshot < 2; snapshot++) {
        struct kit k, next;
        struct buf out;
        char before[4096];
        uint64_t sequence = 0;
        uint32_t cursor = 0;
        open_well(&k);
        buf_init(&out, 1 << 20);
        (void)create(&k, "{\"name\":\"a\",\"metadata\":\"of a\"}");
        (void)create(&k, "{\"name\":\"b\"}");
        (void)create(&k, "{\"name\":\"gone\"}");
        (void)node_journal_next(k.n, 1 << 20, &out, &sequence);
        (void)kit_call(&k, API_DELETE_ROOM, kit_create_claims(), "{\"room\":\"gone\"}");
        (void)kit_call(&k, API_UPDATE_ROOM_METADATA, kit_admin_claims("b"),
                       "{\"room\":\"b\",\"metadata\":\"of b\"}");
        (void)node_journal_next(k.n, 1 << 20, &out, &sequence);
        if (snapshot) {
            buf_clear(&out);
            assert_false(node_journal_page(k.n, &cursor, 1 << 20, &out));
        }
        snprintf(before, sizeof(before), "%s", list(&k));
        kit_open(&next, with_journal);
        load_batch(&next, buf_slice(&out));
        uint64_t clock = node_journal_clock_next(k.n, &sequence);
        node_journal_clock(next.n, clock);
        assert_string_equal(list(&next), before); /* sids, too: their key is the cluster's */
        assert_int_equal(node_journal(next.n).owed, 0);
        assert_true(node_journal_clock_next(next.n, &sequence) > clock);
        kit_close(&k);
        kit_close(&next);
        buf_deinit(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_answer_waits_until_it_is_written),
        cmocka_unit_test(test_all_calls_that_write_wait),
        cmocka_unit_test(test_nothing_else_waits),
        cmocka_unit_test(test_what_changes_nothing_waits_for_who_changed_it),
        cmocka_unit_test(test_the_wait_has_an_end),
        cmocka_unit_test(test_it_waits_for_its_own_record_and_not_for_another),
        cmocka_unit_test(test_nobody_waits_for_a_journal_that_is_not_well),
        cmocka_unit_test(test_a_reader_may_go),
        cmocka_unit_test(test_too_many_are_answered_at_once),
        cmocka_unit_test(test_too_much_is_answered_at_once),
#ifdef STOA_MEM_FAULTS
        cmocka_unit_test(test_without_memory_it_does_not_wait),
#endif
        cmocka_unit_test(test_a_start_brings_everything_back),
    };
    return cmocka_run_group_tests_name("node_hold", tests, NULL, NULL);
}
