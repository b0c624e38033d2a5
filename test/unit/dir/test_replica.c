/* Digests, pages, deltas, the journal's set, and random worlds that must converge. */
#include <stdio.h>
#include <stdlib.h>

#include "dir_world.h"
#include "rng.h"

static struct slice numbered(char name[16], size_t i) {
    return slice_of(name, (size_t)snprintf(name, 16, "room-%zu", i));
}

static void create_many(struct world *w, size_t node, size_t from, size_t to) {
    char name[16];
    for (size_t i = from; i < to; i++) {
        (void)numbered(name, i);
        world_create(w, node, name);
    }
}

/* Merges all records of a batch; returns how many. */
static size_t take_batch(struct world *w, size_t node, struct slice batch) {
    struct slice record;
    struct dir_merged merged;
    bool bad = false;
    size_t count = 0;
    while (dir_batch_next(&batch, &record, &bad)) {
        assert_ok(dir_merge(w->nodes[node], world_time(w, node), record, &merged));
        count++;
    }
    assert_false(bad);
    return count;
}

static int compare_u64(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* `to` lists what it holds of the bucket, `from` answers with what is not among it. */
static size_t pull_bucket(struct world *w, size_t from, size_t to, uint32_t bucket, size_t budget) {
    enum { HASHES_MAX = 4096, LISTED_AT_ONCE = 5 };
    static uint64_t have[HASHES_MAX];
    size_t count = 0, part;
    uint32_t cursor = 0;
    bool more = true;
    while (more) {
        assert_true(count + LISTED_AT_ONCE <= HASHES_MAX);
        more =
            dir_bucket_hashes(w->nodes[to], bucket, &cursor, have + count, LISTED_AT_ONCE, &part);
        count += part;
    }
    qsort(have, count, sizeof(*have), compare_u64);
    struct buf page;
    buf_init(&page, WORLD_BYTES_MAX);
    size_t taken = 0;
    cursor = 0;
    more = true;
    while (more) {
        buf_clear(&page);
        more = dir_bucket_page(w->nodes[from], bucket, &cursor, have, count, budget, &page);
        assert_true(page.len <= MAX(budget, 1024));
        taken += take_batch(w, to, buf_slice(&page));
    }
    buf_deinit(&page);
    return taken;
}

/* One round both ways over all buckets that differ. */
static size_t anti_entropy(struct world *w, size_t a, size_t b) {
    size_t taken = 0;
    for (uint32_t bucket = 0; bucket < DIR_BUCKETS; bucket++) {
        if (dir_digest(w->nodes[a], bucket) != dir_digest(w->nodes[b], bucket)) {
            taken += pull_bucket(w, a, b, bucket, 1000);
            taken += pull_bucket(w, b, a, bucket, 1000);
        }
    }
    return taken;
}

static bool digests_equal(const struct world *w, size_t a, size_t b) {
    for (uint32_t bucket = 0; bucket < DIR_BUCKETS; bucket++) {
        if (dir_digest(w->nodes[a], bucket) != dir_digest(w->nodes[b], bucket)) {
            return false;
        }
    }
    return true;
}

static void anti_entropy_moves_only_what_differs(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    create_many(&w, A, 0, 5000);
    assert_int_equal(anti_entropy(&w, A, B), 5000);
    assert_true(digests_equal(&w, A, B));
    assert_int_equal(anti_entropy(&w, A, B), 0);
    world_use(&w, A, "room-17");
    world_delete(&w, B, "room-18");
    world_create(&w, B, "new");
    /* The used and the new one go one way, the deleted one both: its old copy says nothing new. */
    assert_int_equal(anti_entropy(&w, A, B), 4);
    assert_true(digests_equal(&w, A, B));
    assert_false(world_alive(&w, A, "room-18"));
    world_deinit(&w);
}

/* A walk through a bucket stands at a record that goes, and whose slot another bucket takes. */
static void a_page_walk_survives_changes(void **state) {
    enum { IN_BUCKET = 6 };
    struct world w;
    uint64_t hashes[IN_BUCKET * 2];
    char names[IN_BUCKET][16];
    size_t found = 0, count, seen = 0;
    (void)state;
    world_init(&w, 1, NULL);
    struct dir *d = w.nodes[A];
    uint32_t bucket = dir_bucket_of(d, SLICE_LIT("elsewhere")) ^ 1;
    for (size_t i = 0; found < IN_BUCKET; i++) {
        char name[16];
        if (dir_bucket_of(d, numbered(name, i)) == bucket) {
            memcpy(names[found++], name, sizeof(name));
            world_create(&w, A, name);
        }
    }
    uint32_t cursor = 0;
    assert_true(dir_bucket_hashes(d, bucket, &cursor, hashes, 2, &count));
    world_delete(&w, A, names[2]); /* the walk stands here */
    world_create(&w, A, "elsewhere");
    while (dir_bucket_hashes(d, bucket, &cursor, hashes, 2, &count)) {
        seen += count;
    }
    assert_int_equal(seen + count, IN_BUCKET - 1); /* from the start again, without the gone one */
    world_deinit(&w);
}

static void digests_do_not_depend_on_order(void **state) {
    struct world w;
    char name[16];
    (void)state;
    world_init(&w, 3, NULL);
    create_many(&w, A, 0, 200);
    for (size_t i = 0; i < 200; i++) {
        (void)numbered(name, i);
        world_send(&w, A, B, name);
        (void)numbered(name, 199 - i);
        world_send(&w, A, C, name);
    }
    assert_true(digests_equal(&w, A, B) && digests_equal(&w, A, C));
    /* Presence is no part of it, home is. */
    assert_ok(dir_presence_set(w.nodes[A], world_time(&w, A), SLICE_LIT("room-1"),
                               &(struct dir_presence){.participants = 1}));
    assert_true(digests_equal(&w, A, B));
    assert_ok(dir_room_set_home(w.nodes[A], world_time(&w, A), SLICE_LIT("room-1")));
    assert_false(digests_equal(&w, A, B));
    world_deinit(&w);
}

static void deltas_coalesce_and_come_in_batches(void **state) {
    struct world w;
    struct buf out;
    (void)state;
    world_init(&w, 2, NULL);
    buf_init(&out, 1 << 16);
    create_many(&w, A, 0, 100);
    create_many(&w, A, 0, 100); /* uses: the same rooms */
    struct dir_counts counts;
    dir_counts_get(w.nodes[A], world_time(&w, A), &counts);
    assert_int_equal(counts.delta_dirty, 100);
    size_t taken = 0, part;
    while ((part = dir_delta_next(w.nodes[A], 500, &out)) > 0) {
        assert_true(out.len <= 500);
        assert_int_equal(take_batch(&w, B, buf_slice(&out)), part);
        taken += part;
        buf_clear(&out);
    }
    assert_int_equal(taken, 100);
    assert_true(digests_equal(&w, A, B));
    assert_int_equal(dir_delta_next(w.nodes[B], 500, &out), 0); /* merges are not passed on */
    buf_deinit(&out);
    world_deinit(&w);
}

static void a_record_that_does_not_fit_stays_owed(void **state) {
    struct world w;
    struct buf small, large;
    static char text[5000];
    (void)state;
    memset(text, 'm', sizeof(text) - 1);
    world_init(&w, 2, NULL);
    buf_init(&small, 1000);
    buf_init(&large, 10000);
    world_create_with(&w, A, "large", text);
    world_create(&w, A, "small");
    assert_int_equal(dir_delta_next(w.nodes[A], 1000, &small), 0); /* goes behind the other */
    assert_int_equal(dir_delta_next(w.nodes[A], 1000, &small), 1);
    assert_false(small.failed);
    assert_int_equal(dir_record_encode(w.nodes[A], SLICE_LIT("large"), &small), STATUS_TOO_LARGE);
    assert_int_equal(dir_delta_next(w.nodes[A], 1, &large), 1); /* one always goes */
    assert_int_equal(take_batch(&w, B, buf_slice(&large)), 1);
    assert_text(world_find(&w, B, "large").metadata, text);
    buf_deinit(&small);
    buf_deinit(&large);
    world_deinit(&w);
}

static void nobody_is_owed_anything_without_members(void **state) {
    struct world w;
    struct dir_counts counts;
    (void)state;
    world_init(&w, 1, NULL);
    create_many(&w, A, 0, 10);
    dir_counts_get(w.nodes[A], world_time(&w, A), &counts);
    assert_int_equal(counts.delta_dirty, 0);
    assert_int_equal(counts.journal_dirty, 0);
    world_deinit(&w);
}

static void journal_and_snapshot_bring_everything_back(void **state) {
    struct dir_config cfg;
    struct world w;
    struct buf log;
    (void)state;
    dir_config_init(&cfg);
    cfg.journal = true;
    world_init(&w, 2, &cfg);
    buf_init(&log, WORLD_BYTES_MAX);
    create_many(&w, A, 0, 300);
    world_delete(&w, A, "room-7");
    while (dir_journal_next(w.nodes[A], 1000, &log) > 0) {
    }
    dir_journal_mark(w.nodes[A], SLICE_LIT("room-8"));
    assert_int_equal(dir_journal_next(w.nodes[A], 1000, &log), 1);

    struct slice batch = buf_slice(&log), record;
    bool bad = false;
    while (dir_batch_next(&batch, &record, &bad)) {
        dir_load_ahead(w.nodes[B], record); /* changes nothing, whatever it is told */
        dir_load_ahead(w.nodes[B], SLICE_LIT("\1"));
        assert_ok(dir_load(w.nodes[B], world_time(&w, B), record));
    }
    assert_true(digests_equal(&w, A, B));
    struct dir_counts counts;
    dir_counts_get(w.nodes[B], world_time(&w, B), &counts);
    assert_int_equal(counts.journal_dirty, 0); /* what was loaded is owed to nobody */
    assert_int_equal(counts.delta_dirty, 0);

    world_restart(&w, B);
    uint32_t cursor = 0;
    bool more = true;
    while (more) {
        buf_clear(&log);
        more = dir_snapshot_next(w.nodes[A], &cursor, 2000, &log);
        take_batch(&w, B, buf_slice(&log));
    }
    assert_true(digests_equal(&w, A, B));
    buf_deinit(&log);
    world_deinit(&w);
}

static void a_loaded_clock_stands_above_what_it_found(void **state) {
    struct world w;
    struct buf bytes;
    (void)state;
    world_init(&w, 2, NULL);
    w.skew_ms[A] = 3600 * 1000;
    world_create(&w, A, "r");
    buf_init(&bytes, 4096);
    world_encode(&w, A, "r", &bytes);
    assert_ok(dir_load(w.nodes[B], world_time(&w, B), buf_slice(&bytes))); /* no skew check */
    struct dir_stamp found = world_find(&w, B, "r").birth;
    struct dir_stamp next = dir_clock_now(w.nodes[B], world_time(&w, B));
    assert_true(dir_stamp_compare(next, found) > 0);
    uint64_t later = (world_time(&w, A).wall_ms + 7200 * 1000) << DIR_STAMP_COUNTER_BITS;
    dir_clock_load(w.nodes[B], later); /* of a record that a snapshot left out */
    assert_true(dir_clock_now(w.nodes[B], world_time(&w, B)).time > later);
    dir_clock_load(w.nodes[B], UINT64_MAX); /* no clock says so: the last year that one has */
    assert_true(dir_clock_now(w.nodes[B], world_time(&w, B)).time > later);
    buf_deinit(&bytes);
    world_deinit(&w);
}

static void clocks_of_beats_are_observed_within_the_skew(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 1, NULL);
    struct dir_time t = world_time(&w, A);
    uint64_t near = (t.wall_ms + 60000) << DIR_STAMP_COUNTER_BITS;
    assert_true(dir_clock_observe(w.nodes[A], t, near));
    assert_true(dir_clock_now(w.nodes[A], t).time > near);
    assert_false(dir_clock_observe(w.nodes[A], t, (t.wall_ms + 60001) << 16));
    world_deinit(&w);
}

static void the_wall_is_corrected_by_the_lower_median(void **state) {
    int64_t odd[] = {90000, -5, 40000}, even[] = {50000, 10, 31000, 20}, behind[] = {-31000};
    (void)state;
    assert_int_equal(dir_wall_correction(odd, 3, 0), 40000);
    assert_int_equal(dir_wall_correction(even, 4, 7), 0); /* 20 ms off: no correction */
    assert_int_equal(dir_wall_correction(behind, 1, 0), -31000);
    assert_int_equal(dir_wall_correction(NULL, 0, 4711), 4711); /* kept over silence */
}

static void a_bad_batch_ends(void **state) {
    struct slice batch = SLICE_LIT("\0\0\0\x05"
                                   "abc"),
                 record;
    bool bad = false;
    (void)state;
    assert_false(dir_batch_next(&batch, &record, &bad));
    assert_true(bad);
    batch = SLICE_LIT("\0\0\0\0");
    bad = false;
    assert_false(dir_batch_next(&batch, &record, &bad));
    assert_true(bad);
}

/* ---- random worlds ---- */

enum { WORLDS = 60, STEPS = 400, NAMES = 6 };

static void random_call(struct world *w, struct rng *r, size_t node, const char *name) {
    struct dir *d = w->nodes[node];
    struct dir_time t = world_time(w, node);
    struct slice s = slice_from_cstr(name);
    bool alive = world_alive(w, node, name);
    switch (rng_below(r, 10)) {
    case 0:
    case 1: world_create(w, node, name); break;
    case 2: world_create_with(w, node, name, "given"); break;
    case 3: assert_int_equal(dir_room_end(d, t, s), alive ? STATUS_OK : STATUS_NOT_FOUND); break;
    case 4: assert_int_equal(dir_room_delete(d, t, s), alive ? STATUS_OK : STATUS_NOT_FOUND); break;
    case 5: assert_int_equal(dir_room_use(d, t, s), alive ? STATUS_OK : STATUS_NOT_FOUND); break;
    case 6:
        assert_int_equal(dir_room_set_metadata(d, t, s, SLICE_LIT("set")),
                         alive ? STATUS_OK : STATUS_NOT_FOUND);
        break;
    case 7: (void)dir_room_close(d, t, s); break;
    case 8:
        if (alive) {
            assert_ok(dir_presence_set(
                d, t, s, &(struct dir_presence){.participants = (uint32_t)rng_below(r, 3)}));
        }
        break;
    default:
        if (alive) {
            struct dir_stamp birth = world_find(w, node, name).birth;
            assert_ok(dir_room_reassert(d, t, s, &birth, 1));
        }
        break;
    }
}

static void random_step(struct world *w, struct rng *r) {
    char name[16];
    (void)numbered(name, (size_t)rng_below(r, NAMES));
    size_t node = (size_t)rng_below(r, w->count), other = (size_t)rng_below(r, w->count);
    w->now_ms += rng_below(r, 3) == 0 ? rng_below(r, 40000) : rng_below(r, 5);
    switch (rng_below(r, 8)) {
    case 0: (void)world_sweep(w, node, NULL); break;
    case 1:
    case 2:
        if (node != other) {
            (void)world_send(w, node, other, name); /* and all else is lost */
        }
        break;
    case 3: assert_int_equal(dir_scan(w->nodes[node], world_time(w, node), 4), 0); break;
    default: random_call(w, r, node, name); break;
    }
    dir_check(w->nodes[node]);
}

static void random_worlds_converge(void **state) {
    static const uint8_t seed[32] = "random worlds";
    struct rng r;
    (void)state;
    rng_init(&r, seed);
    for (int i = 0; i < WORLDS; i++) {
        struct world w;
        world_init(&w, 2 + (size_t)rng_below(&r, 3), NULL);
        for (size_t node = 0; node < w.count; node++) {
            w.skew_ms[node] = (int64_t)rng_below(&r, 60000) - 30000;
        }
        for (int step = 0; step < STEPS; step++) {
            random_step(&w, &r);
        }
        for (size_t round = 0; round < 3; round++) {
            for (size_t a = 0; a < w.count; a++) {
                for (size_t b = a + 1; b < w.count; b++) {
                    (void)anti_entropy(&w, a, b);
                }
            }
        }
        for (size_t name = 0; name < NAMES; name++) {
            char text[16];
            (void)numbered(text, name);
            for (size_t node = 1; node < w.count; node++) {
                assert_int_equal(world_alive(&w, 0, text), world_alive(&w, node, text));
                if (world_alive(&w, 0, text)) {
                    assert_true(world_equal(&w, 0, node, text));
                }
            }
        }
        world_deinit(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test(anti_entropy_moves_only_what_differs),
        test(a_page_walk_survives_changes),
        test(digests_do_not_depend_on_order),
        test(deltas_coalesce_and_come_in_batches),
        test(a_record_that_does_not_fit_stays_owed),
        test(nobody_is_owed_anything_without_members),
        test(journal_and_snapshot_bring_everything_back),
        test(a_loaded_clock_stands_above_what_it_found),
        test(clocks_of_beats_are_observed_within_the_skew),
        test(the_wall_is_corrected_by_the_lower_median),
        test(a_bad_batch_ends),
        test(random_worlds_converge),
    };
    return cmocka_run_group_tests_name("dir_replica", tests, NULL, NULL);
}
