/* Records of the directory: what is decoded is canonical, merges obey their laws, and a directory
 * that takes the records keeps its invariants. Input: two records, each behind a 16-bit length.
 * Covers: src/dir/dir_codec.c src/dir/dir_merge.c */
#include "cursor.h"
#include "dir.h"
#include "dir_facts.h"
#include "fuzz.h"

enum { BYTES_MAX = 1 << 20 };
static const struct hash_key key = {.k0 = 1, .k1 = 2};

static void must(bool holds) {
    if (!holds) {
        __builtin_trap();
    }
}

static bool decode(struct slice bytes, struct slice *ret_name, struct dir_facts *ret_facts) {
    struct slice tight = tight_copy(bytes);
    struct slice name;
    bool good = dir_facts_decode(tight, &key, &name, ret_facts) == STATUS_OK;
    if (good) {
        struct buf again;
        must(inside(name, tight));
        must(dir_facts_encoded_size(ret_facts, name) == tight.len);
        buf_init(&again, BYTES_MAX);
        dir_facts_encode(ret_facts, name, &again);
        must(slice_eq(buf_slice(&again), tight));
        buf_deinit(&again);
        *ret_name = slice_sub(bytes, 3, name.len);
    }
    tight_free(tight);
    return good;
}

static uint64_t joined_hash(const struct dir_facts *a, const struct dir_facts *b) {
    struct dir_facts into, from;
    struct dir_effect effect;
    uint64_t hash = 0;
    must(dir_facts_copy(a, &into) == STATUS_OK && dir_facts_copy(b, &from) == STATUS_OK);
    if (dir_facts_merge(&into, &from, &effect) == STATUS_OK) {
        hash = dir_facts_hash(&into, SLICE_LIT("n"), &key);
    }
    dir_facts_deinit(&into);
    dir_facts_deinit(&from);
    return hash;
}

static void check_laws(const struct dir_facts *a, const struct dir_facts *b) {
    uint64_t ab = joined_hash(a, b), ba = joined_hash(b, a);
    must(ab == ba || ab == 0 || ba == 0); /* 0: refused at a limit */
    must(joined_hash(a, a) == dir_facts_hash(a, SLICE_LIT("n"), &key));
}

static void check_directory(const struct slice *records, const struct slice *names) {
    struct dir_config cfg;
    struct dir_time t = {.wall_ms = 1700000000000, .mono_ms = 1};
    dir_config_init(&cfg);
    cfg.boot = 42;
    struct dir *d = dir_create(&cfg, t);
    must(d && dir_member_set(d, 1, 1) == STATUS_OK);
    for (size_t i = 0; i < 2; i++) {
        struct dir_merged merged;
        (void)dir_merge(d, t, records[i], &merged);
        dir_check(d);
    }
    struct dir_room room;
    bool created;
    (void)dir_room_create(d, t, names[0], &(struct dir_create){0}, &room, &created);
    dir_check(d);
    t.mono_ms += 1000000;
    t.wall_ms += 1000000;
    (void)dir_sweep(d, t, 100, NULL, NULL);
    dir_check(d);
    (void)dir_room_delete(d, t, names[1]);
    dir_check(d);
    dir_destroy(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct cursor c = cursor_over(slice_of(data, size));
    struct slice records[2], names[2];
    struct dir_facts facts[2] = {{0}};
    bool good[2];
    for (size_t i = 0; i < 2; i++) {
        records[i] = cursor_take(&c, cursor_be16(&c));
        good[i] = decode(records[i], &names[i], &facts[i]);
    }
    if (good[0] && good[1]) {
        check_laws(&facts[0], &facts[1]);
        check_directory(records, names);
    }
    dir_facts_deinit(&facts[0]);
    dir_facts_deinit(&facts[1]);
    return 0;
}
