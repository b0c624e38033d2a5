/* Records as bytes: one form each, and nothing else is taken. */
#include "caps.h"
#include "dir_facts.h"
#include "dir_world.h"
#include "mem.h"
#include "rng.h"

static const struct hash_key codec_key = {.k0 = 1, .k1 = 2};

/* One row, an ended and a current life, all registers: every part of the format. */
static struct dir_facts full_facts(void) {
    struct dir_facts f = {.stone = 90};
    struct dir_stamp b1 = {.time = 10, .boot = 1}, b2 = {.time = 20, .boot = 2};
    struct dir_settings settings = {.max_participants = 5, .extra = SLICE_LIT("xx")};
    assert_true(dir_facts_reserve_rows(&f, 3));
    dir_facts_raise_row(&f, 1, 9);
    assert_ok(dir_facts_reserve(&f, b1));
    dir_facts_add(&f, (struct dir_life){.birth = b1, .used = b1, .ended = true});
    assert_ok(dir_facts_reserve(&f, b2));
    dir_facts_add(&f, (struct dir_life){
                          .birth = b2,
                          .used = {.time = 30, .boot = 1},
                          .home = {.time = 25, .boot = 2},
                          .metadata = {b2, dir_blob_make(SLICE_LIT("metadata"), &codec_key)},
                          .settings = {b2, dir_blob_of_settings(&settings, &codec_key)},
                      });
    return f;
}

enum { /* offsets in the encoding of full_facts() under the name "n" */
       AT_VERSION = 0,
       AT_NAME_LEN = 1,
       AT_NAME = 3,
       AT_STONE = 4,
       AT_ROWS = 12,
       AT_ROW_BOOT = 14,
       AT_ROW_DELETED = 22,
       AT_LIVES = 30,
       AT_LIFE1 = 32, /* flags, birth, used */
       AT_LIFE1_BIRTH = 33,
       AT_LIFE1_USED = 49,
       AT_LIFE2 = 65, /* flags, birth, used, home */
       AT_LIFE2_HOME = 98,
       AT_BODY1 = 114, /* flags */
       AT_BODY2 = 115, /* flags, clock, length, 8 bytes, clock, length, settings */
       AT_METADATA = 136,
       AT_SETTINGS = 164,
       AT_SYNC_STREAMS = AT_SETTINGS + 28,
       FULL_BYTES = AT_SETTINGS + 33 + 2,
};

static void encode_full(struct buf *out) {
    struct dir_facts f = full_facts();
    buf_init(out, 1 << 16);
    dir_facts_encode(&f, SLICE_LIT("n"), out);
    assert_int_equal(out->len, FULL_BYTES);
    assert_int_equal(dir_facts_encoded_size(&f, SLICE_LIT("n")), FULL_BYTES);
    dir_facts_deinit(&f);
}

static enum status decode(struct slice bytes) {
    struct dir_facts f = {.stone = 77};
    struct slice name = {0};
    enum status s = dir_facts_decode(bytes, &codec_key, &name, &f);
    if (s != STATUS_OK) {
        assert_int_equal(f.stone, 77); /* untouched */
        return s;
    }
    /* What is taken is canonical: it is written again as it was. */
    struct buf again;
    buf_init(&again, bytes.len + 1);
    dir_facts_encode(&f, name, &again);
    assert_true(slice_eq(buf_slice(&again), bytes));
    buf_deinit(&again);
    dir_facts_deinit(&f);
    return STATUS_OK;
}

static void a_record_comes_back_as_it_was(void **state) {
    struct buf bytes;
    (void)state;
    encode_full(&bytes);
    assert_ok(decode(buf_slice(&bytes)));
    struct dir_facts f, g = full_facts();
    struct slice name;
    assert_ok(dir_facts_decode(buf_slice(&bytes), &codec_key, &name, &f));
    assert_text(name, "n");
    assert_int_equal(dir_facts_hash(&f, name, &codec_key), dir_facts_hash(&g, name, &codec_key));
    assert_text(dir_blob_slice(dir_facts_metadata(&f).blob), "metadata");
    dir_facts_deinit(&f);
    dir_facts_deinit(&g);
    buf_deinit(&bytes);
}

static void the_identity_of_a_simple_room_is_small(void **state) {
    struct world w;
    struct buf bytes;
    (void)state;
    world_init(&w, 2, NULL);
    buf_init(&bytes, 4096);
    world_create(&w, A, "r");
    world_delete(&w, A, "r");
    world_join(&w, A, "r"); /* one row, one life, a home, no body */
    world_encode(&w, A, "r", &bytes);
    assert_in_range(bytes.len, 1, 128 + 1);
    print_message("# identity part: %zu bytes beside the name\n", bytes.len - 1);
    buf_deinit(&bytes);
    world_deinit(&w);
}

static void identity_alone_is_a_record(void **state) {
    struct dir_facts f = full_facts(), back;
    struct buf bytes;
    struct slice name;
    struct dir_effect effect;
    (void)state;
    buf_init(&bytes, 4096);
    dir_facts_encode_identity(&f, SLICE_LIT("n"), &bytes);
    assert_int_equal(bytes.len, dir_facts_identity_size(&f) + 1);
    assert_ok(decode(buf_slice(&bytes)));
    assert_ok(dir_facts_decode(buf_slice(&bytes), &codec_key, &name, &back));
    uint64_t hash = dir_facts_hash(&f, name, &codec_key);
    assert_ok(dir_facts_merge(&f, &back, &effect)); /* bodies here stay as they are */
    assert_int_equal(dir_facts_hash(&f, name, &codec_key), hash);
    dir_facts_deinit(&back);
    dir_facts_deinit(&f);
    buf_deinit(&bytes);
}

static void no_prefix_is_a_record(void **state) {
    struct buf bytes;
    (void)state;
    encode_full(&bytes);
    for (size_t len = 0; len < bytes.len; len++) {
        /* An exact copy on the heap, so that sanitizers see reads behind it. */
        struct bytes part;
        assert_ok(bytes_copy(slice_of(bytes.data, len), &part));
        enum status s = decode(bytes_slice(&part));
        assert_int_equal(s, len == AT_BODY1 ? STATUS_OK : STATUS_MALFORMED);
        bytes_deinit(&part);
    }
    buf_put_u8(&bytes, 0);
    assert_int_equal(decode(buf_slice(&bytes)), STATUS_MALFORMED); /* nor is anything longer */
    buf_deinit(&bytes);
}

/* One byte set to a value that must be refused. */
struct wrong {
    const char *what;
    size_t at;
    uint8_t value;
};

static void other_forms_are_refused(void **state) {
    static const struct wrong all[] = {
        {"version", AT_VERSION, 2},
        {"empty name", AT_NAME_LEN + 1, 0},
        {"long name", AT_NAME_LEN, 2},
        {"NUL in the name", AT_NAME, 0},
        {"bad UTF-8 in the name", AT_NAME, 0xff},
        {"stone beyond the year 9999", AT_STONE, 0xff},
        {"no stone beside a row", AT_STONE + 7, 0},
        {"more rows than bytes", AT_ROWS, 3},
        {"row without boot", AT_ROW_BOOT + 7, 0},
        {"row that deletes nothing", AT_ROW_DELETED + 7, 0},
        {"row beyond the year 9999", AT_ROW_DELETED, 0xff},
        {"row that deletes a life held", AT_ROW_DELETED + 7, 10},
        {"more lives than bytes", AT_LIVES, 1},
        {"fewer lives", AT_LIVES + 1, 1},
        {"unknown life flag", AT_LIFE1, 4 | 1},
        {"birth of no time", AT_LIFE1_BIRTH + 7, 0},
        {"birth of no boot", AT_LIFE1_BIRTH + 15, 0},
        {"birth behind the next", AT_LIFE1_BIRTH + 7, 21},
        {"use before birth", AT_LIFE1_USED + 7, 9},
        {"home of no boot", AT_LIFE2_HOME + 15, 0},
        {"unknown body flag", AT_BODY2, 7},
        {"metadata longer than all", AT_METADATA - 4, 1},
        {"NUL in metadata", AT_METADATA, 0},
        {"settings too short", AT_SETTINGS - 1, 34},
        {"flag that is no truth value", AT_SYNC_STREAMS, 2},
        {"length of extra", AT_SYNC_STREAMS + 4, 1},
    };
    struct buf bytes;
    (void)state;
    encode_full(&bytes);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        uint8_t right = bytes.data[all[i].at];
        assert_int_not_equal(right, all[i].value);
        bytes.data[all[i].at] = all[i].value;
        if (decode(buf_slice(&bytes)) != STATUS_MALFORMED) {
            fail_msg("taken: %s", all[i].what);
        }
        bytes.data[all[i].at] = right;
    }
    assert_ok(decode(buf_slice(&bytes)));
    buf_deinit(&bytes);
}

static void an_empty_body_is_not_written(void **state) {
    struct dir_facts f = {0};
    struct dir_stamp birth = {.time = 1, .boot = 1};
    struct buf bytes;
    (void)state;
    buf_init(&bytes, 4096);
    assert_ok(dir_facts_reserve(&f, birth));
    dir_facts_add(&f, (struct dir_life){.birth = birth, .used = birth});
    dir_facts_encode(&f, SLICE_LIT("n"), &bytes);
    assert_ok(decode(buf_slice(&bytes)));
    buf_put_u8(&bytes, 0); /* flags of a body with nothing in it */
    assert_int_equal(decode(buf_slice(&bytes)), STATUS_MALFORMED);
    buf_deinit(&bytes);
    dir_facts_deinit(&f);
}

static void a_record_of_nothing_is_refused(void **state) {
    struct dir_facts f = {.stone = 5};
    struct buf bytes;
    (void)state;
    buf_init(&bytes, 4096);
    dir_facts_encode(&f, SLICE_LIT("n"), &bytes);
    assert_int_equal(decode(buf_slice(&bytes)), STATUS_MALFORMED);
    buf_deinit(&bytes);
}

/* Whatever is flipped, what is taken is canonical (decode() writes it again and compares). */
static void mutations_are_refused_or_canonical(void **state) {
    static const uint8_t seed[32] = "mutations";
    struct rng r;
    struct buf bytes;
    size_t taken = 0;
    (void)state;
    rng_init(&r, seed);
    encode_full(&bytes);
    for (int i = 0; i < 200000; i++) {
        uint8_t copy[FULL_BYTES];
        memcpy(copy, bytes.data, sizeof(copy));
        for (uint64_t flips = 1 + rng_below(&r, 3); flips > 0; flips--) {
            copy[rng_below(&r, sizeof(copy))] = (uint8_t)rng_below(&r, 256);
        }
        taken += decode(slice_of(copy, sizeof(copy))) == STATUS_OK;
    }
    assert_true(taken > 1000); /* stamps and texts may have other values */
    buf_deinit(&bytes);
}

static void the_directory_counts_what_it_refuses(void **state) {
    struct world w;
    struct dir_merged merged;
    struct dir_counts counts;
    (void)state;
    world_init(&w, 1, NULL);
    assert_int_equal(dir_merge(w.nodes[A], world_time(&w, A), SLICE_LIT("no record"), &merged),
                     STATUS_MALFORMED);
    assert_int_equal(dir_load(w.nodes[A], world_time(&w, A), (struct slice){0}), STATUS_MALFORMED);
    dir_counts_get(w.nodes[A], world_time(&w, A), &counts);
    assert_int_equal(counts.refused_malformed, 2);
    assert_int_equal(counts.records, 0);
    world_deinit(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test(a_record_comes_back_as_it_was),
        test(the_identity_of_a_simple_room_is_small),
        test(identity_alone_is_a_record),
        test(no_prefix_is_a_record),
        test(other_forms_are_refused),
        test(an_empty_body_is_not_written),
        test(a_record_of_nothing_is_refused),
        test(mutations_are_refused_or_canonical),
        test(the_directory_counts_what_it_refuses),
    };
    return cmocka_run_group_tests_name("dir_codec", tests, NULL, NULL);
}
