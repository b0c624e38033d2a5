#include <stdio.h>
#include <string.h>

#include "kit.h"
#include "room.h"

enum { ROOMS = 5000 };

static struct kit k;

static int set_up(void **state) {
    kit_open(&k, NULL);
    return 0;
}

static int tear_down(void **state) {
    kit_close(&k);
    return 0;
}

static struct slice ask(const struct node_page *page) {
    struct node_event ev = {.kind = EV_PAGE, .conn = 9};
    ev.page = *page;
    assert_int_equal(kit_step(&k, &ev), STATUS_OK);
    struct answer a = kit_answer(&k, FX_API_REPLY, 9);
    assert_int_equal(a.status, 200);
    assert_true(a.is_json);
    return a.body;
}

static bool has(struct slice body, const char *text) {
    return memmem(body.data, body.len, text, strlen(text)) != NULL;
}

static void assert_has(struct slice body, const char *text) {
    if (!has(body, text)) {
        fail_msg("no %s in %.*s", text, SLICE_ARG(body));
    }
}

static size_t count(struct slice body, const char *text) {
    size_t found = 0;
    const uint8_t *at = body.data, *end = body.data + body.len;
    while ((at = memmem(at, (size_t)(end - at), text, strlen(text)))) {
        at += strlen(text);
        found++;
    }
    return found;
}

/* Of the answer to a list; UINT32_MAX: none. */
static uint32_t next_of(struct slice body) {
    static const char key[] = "\"next\":";
    const uint8_t *at = memmem(body.data, body.len, key, strlen(key));
    assert_non_null(at);
    struct slice rest = slice_after(body, (size_t)(at - body.data) + strlen(key));
    size_t digits = 0;
    while (digits < rest.len && rest.data[digits] >= '0' && rest.data[digits] <= '9') {
        digits++;
    }
    uint64_t value = UINT32_MAX;
    assert_true(digits == 0 || slice_to_u64(slice_sub(rest, 0, digits), &value));
    return (uint32_t)value;
}

static void fill(void) {
    char json[64];
    for (int i = 0; i < ROOMS; i++) {
        snprintf(json, sizeof(json), "{\"name\":\"r%d\"}", i);
        kit_create_room(&k, json);
    }
}

/* All pages; how many rows there were, and how many answers. */
static size_t walk(struct node_page page, size_t *ret_answers) {
    size_t rows = 0, answers = 0;
    do {
        struct slice body = ask(&page);
        size_t here = count(body, "\"sid\":");
        assert_true(here <= (page.limit ? MIN(page.limit, (uint32_t)PAGE_ROWS_MAX)
                                        : (uint32_t)PAGE_ROWS_MAX));
        rows += here;
        answers++;
        page.from = next_of(body);
        assert_true(answers <= ROOMS);
    } while (page.from != UINT32_MAX);
    *ret_answers = answers;
    return rows;
}

static void an_empty_node_has_empty_lists(void **state) {
    struct slice body = ask(&(struct node_page){0});
    assert_true(slice_eq_cstr(body, "{\"rooms\":[],\"next\":null,\"total\":0}"));
    body = ask(&(struct node_page){.of_room = true, .room = SLICE_LIT("none")});
    assert_true(
        slice_eq_cstr(body, "{\"room\":null,\"participants\":[],\"next\":null,\"here\":0}"));
}

static void a_row_says_what_a_room_is(void **state) {
    kit_create_room(&k, "{\"name\":\"a\\\"<b\",\"metadata\":\"four\",\"emptyTimeout\":60}");
    struct slice body = ask(&(struct node_page){0});
    char times[160];
    uint64_t now = k.now.wall_ms;
    snprintf(times, sizeof(times),
             "\"created_ms\":%llu,\"participants\":0,\"publishers\":0,\"last_active_ms\":%llu,"
             "\"expires_ms\":%llu,\"metadata_bytes\":4}],\"next\":null,\"total\":1}",
             (unsigned long long)now, (unsigned long long)now, (unsigned long long)now + 60000);
    assert_has(body, "{\"rooms\":[{\"name\":\"a\\\"\\u003cb\",\"sid\":\"RM_");
    assert_has(body, times);
    kit_enter(&k, 1, "busy", "ann");
    body = ask(&(struct node_page){.prefix = SLICE_LIT("busy")});
    assert_has(body, "\"participants\":1,");
    assert_has(body, "\"expires_ms\":null");
}

static void pages_hold_all_rooms_once(void **state) {
    fill();
    size_t answers = 0;
    assert_int_equal(walk((struct node_page){.limit = 50}, &answers), ROOMS);
    assert_int_equal(answers, ROOMS / 50);
    assert_int_equal(walk((struct node_page){.limit = 1000000}, &answers), ROOMS);
    assert_true(answers >= ROOMS / PAGE_ROWS_MAX);
}

static void a_search_finds_the_exact_name_first(void **state) {
    fill();
    struct slice body = ask(&(struct node_page){.prefix = SLICE_LIT("r4999")});
    assert_has(body, "{\"rooms\":[{\"name\":\"r4999\"");
    assert_true(next_of(body) == PAGE_SLOTS_MAX); /* a slice, and no more */
    size_t answers = 0;
    assert_int_equal(walk((struct node_page){.prefix = SLICE_LIT("r49")}, &answers),
                     1 + 10 + 100); /* r49, r490 to r499, r4900 to r4999: each once */
    assert_int_equal(walk((struct node_page){.prefix = SLICE_LIT("R")}, &answers), 0);
    assert_int_equal(answers, (ROOMS + PAGE_SLOTS_MAX - 1) / PAGE_SLOTS_MAX);
    body = ask(&(struct node_page){.prefix = SLICE_LIT("r7"), .limit = 1});
    assert_int_equal(count(body, "\"sid\":"), 2); /* itself, and one row */
    assert_has(body, "{\"name\":\"r70\"");
    assert_true(next_of(body) > 70);
}

static void a_room_shows_who_is_in_it(void **state) {
    kit_create_room(&k, "{\"name\":\"r\",\"metadata\":\"about\"}");
    kit_enter(&k, 1, "r", "ann");
    kit_enter(&k, 2, "r", "bob");
    kit_enter(&k, 3, "r", "bea");
    struct slice body = ask(&(struct node_page){.of_room = true, .room = SLICE_LIT("r")});
    assert_has(body, "\"name\":\"r\"");
    assert_has(body, "\"metadata\":\"about\"");
    assert_has(body, "\"turn_password\":\"\"");
    assert_has(body, "\"stoa_last_active_ms\":");
    assert_has(body, "\"identity\":\"ann\"");
    assert_has(body, "\"identity\":\"bea\"");
    assert_has(body, "\"permission\":{");
    assert_has(body, "\"next\":null,\"here\":3}");
    body = ask(&(struct node_page){
        .of_room = true, .room = SLICE_LIT("r"), .prefix = SLICE_LIT("b"), .limit = 1});
    assert_has(body, "\"identity\":\"bob\"");
    assert_false(has(body, "\"identity\":\"ann\""));
    uint32_t next = next_of(body);
    assert_int_equal(next, 2);
    body = ask(&(struct node_page){.of_room = true,
                                   .room = SLICE_LIT("r"),
                                   .prefix = SLICE_LIT("b"),
                                   .limit = 1,
                                   .from = next});
    assert_has(body, "\"identity\":\"bea\"");
    assert_has(body, "\"next\":null,\"here\":3}");
}

#ifdef STOA_MEM_FAULTS
static void without_memory_it_says_so(void **state) {
    kit_create_room(&k, "{\"name\":\"r\"}");
    k.fail_from = 1;
    struct node_event ev = {.kind = EV_PAGE, .conn = 9};
    ev.page = (struct node_page){.of_room = true, .room = SLICE_LIT("r")};
    enum status s = kit_step(&k, &ev);
    struct answer a = kit_answer(&k, FX_API_REPLY, 9);
    assert_true(s == STATUS_OK ? a.status == 200 : s == STATUS_NO_MEMORY && a.status == 429);
    k.fail_from = 0;
    assert_has(ask(&ev.page), "\"name\":\"r\"");
}
#endif

int main(void) {
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_empty_node_has_empty_lists), TEST(a_row_says_what_a_room_is),
        TEST(pages_hold_all_rooms_once),     TEST(a_search_finds_the_exact_name_first),
        TEST(a_room_shows_who_is_in_it),
#ifdef STOA_MEM_FAULTS
        TEST(without_memory_it_says_so),
#endif
    };
    return cmocka_run_group_tests_name("node_page", tests, NULL, NULL);
}
