/* Cost that does not depend on how much is held: steps, memory, a hundred thousand rooms. */
#include <malloc.h>
#include <stdio.h>

#include "dir_world.h"

enum { ROOMS = 100000, METADATA_BYTES = 100 };

static struct slice numbered(char name[16], uint32_t i) {
    return slice_of(name, (size_t)snprintf(name, 16, "room-%06u", i));
}

static void create_rooms(struct world *w, uint32_t from, uint32_t to, size_t metadata_bytes) {
    uint8_t metadata[METADATA_BYTES];
    memset(metadata, 'm', sizeof(metadata));
    struct dir_create given = {.has_metadata = metadata_bytes > 0,
                               .metadata = slice_of(metadata, metadata_bytes)};
    for (uint32_t i = from; i < to; i++) {
        char name[16];
        struct dir_room room;
        bool created;
        assert_ok(dir_room_create(w->nodes[A], world_time(w, A), numbered(name, i), &given, &room,
                                  &created));
        assert_true(created);
    }
}

static uint64_t steps(const struct world *w) {
    struct dir_counts c;
    dir_counts_get(w->nodes[A], world_time(w, A), &c);
    return c.steps;
}

/* Records looked at by one call of each kind. */
static uint64_t steps_of_all_calls(struct world *w) {
    struct dir *d = w->nodes[A];
    struct dir_time t = world_time(w, A);
    struct slice name = SLICE_LIT("one more");
    struct dir_settings settings = {.empty_timeout_s = 9};
    struct dir_merged merged;
    struct buf bytes;
    buf_init(&bytes, 4096);
    uint64_t before = steps(w);
    world_create(w, A, "one more");
    world_create(w, A, "one more");
    assert_ok(dir_room_use(d, t, name));
    assert_ok(dir_room_set_home(d, t, name));
    assert_ok(dir_room_set_metadata(d, t, name, name));
    assert_ok(dir_room_set_settings(d, t, name, &settings));
    assert_ok(dir_presence_set(d, t, name, &(struct dir_presence){.participants = 1}));
    assert_ok(dir_record_encode(d, name, &bytes));
    assert_ok(dir_merge(d, t, buf_slice(&bytes), &merged));
    assert_ok(dir_presence_set(d, t, name, &(struct dir_presence){0}));
    assert_ok(dir_room_delete(d, t, name));
    buf_deinit(&bytes);
    return steps(w) - before;
}

static void calls_cost_the_same_at_any_size(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 1, NULL);
    uint64_t small = steps_of_all_calls(&w);
    create_rooms(&w, 0, ROOMS, 0);
    assert_int_equal(steps_of_all_calls(&w), small);
    assert_in_range(small, 1, 24);
    w.now_ms += 300000 - 1;
    uint64_t before = steps(&w);
    assert_int_equal(dir_sweep(w.nodes[A], world_time(&w, A), 1000, NULL, NULL), 0);
    assert_int_equal(steps(&w), before); /* what is not due is not looked at */
    w.now_ms += 1;
    assert_int_equal(dir_sweep(w.nodes[A], world_time(&w, A), 1000, NULL, NULL), 1000);
    assert_int_equal(steps(&w) - before, 1000);
    world_deinit(&w);
}

static size_t heap_in_use(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void measure(size_t metadata_bytes) {
    struct world w;
    struct dir_counts before, after;
    world_init(&w, 2, NULL);
    size_t heap_before = heap_in_use();
    dir_counts_get(w.nodes[A], world_time(&w, A), &before);
    create_rooms(&w, 0, ROOMS, metadata_bytes);
    size_t heap = heap_in_use() - heap_before;
    dir_counts_get(w.nodes[A], world_time(&w, A), &after);
    uint64_t estimate = (after.bytes - before.bytes) / ROOMS;
    print_message("# bytes a room with %zu of metadata: %zu of heap, %llu estimated\n",
                  metadata_bytes, heap / ROOMS, (unsigned long long)estimate);
    if (heap > 0) { /* sanitizers do not tell */
        assert_in_range(heap / ROOMS, 100, 400 + metadata_bytes);
        assert_in_range(estimate, heap / ROOMS * 8 / 10, heap / ROOMS * 12 / 10);
    }
    world_deinit(&w);
}

static void a_room_is_small(void **state) {
    (void)state;
    measure(0);
    measure(METADATA_BYTES);
}

static bool count_room(void *arg, const struct dir_room *room) {
    assert_int_equal(room->metadata.len, METADATA_BYTES);
    ++*(uint32_t *)arg;
    return true;
}

static void a_hundred_thousand_come_and_go(void **state) {
    struct world w;
    struct dir_counts counts;
    (void)state;
    world_init(&w, 1, NULL);
    create_rooms(&w, 0, ROOMS, METADATA_BYTES);
    uint32_t cursor = 0, seen = 0;
    size_t slices = 1;
    while (dir_iterate(w.nodes[A], &cursor, 500, count_room, &seen)) {
        slices++;
    }
    assert_int_equal(seen, ROOMS);
    assert_int_equal(slices, ROOMS / 500);
    dir_check(w.nodes[A]);
    for (uint32_t i = 0; i < ROOMS; i++) {
        char name[16];
        assert_ok(dir_room_delete(w.nodes[A], world_time(&w, A), numbered(name, i)));
    }
    dir_counts_get(w.nodes[A], world_time(&w, A), &counts);
    assert_int_equal(counts.records, 0);
    assert_int_equal(counts.deleted, ROOMS);
    assert_int_equal(dir_next_deadline_ms(w.nodes[A]), UINT64_MAX);
    for (uint32_t bucket = 0; bucket < DIR_BUCKETS; bucket++) {
        assert_int_equal(dir_digest(w.nodes[A], bucket), 0);
    }
    world_deinit(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test(calls_cost_the_same_at_any_size),
        test(a_room_is_small),
        test(a_hundred_thousand_come_and_go),
    };
    return cmocka_run_group_tests_name("dir_scale", tests, NULL, NULL);
}
