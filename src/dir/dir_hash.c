#include "dir_facts.h"

/* Folds words into a keyed hash by chaining: each full block is hashed with the result so far in
 * front. Bytes are laid out big-endian, so that all machines agree. */
enum { FOLD_WORDS = 24 };
struct fold {
    const struct hash_key *key;
    uint8_t block[FOLD_WORDS * 8];
    size_t len;
};

static void fold_put(struct fold *f, uint64_t word) {
    uint8_t *at = f->block + f->len; /* written out: compilers see one store in it */
    at[0] = (uint8_t)(word >> 56);
    at[1] = (uint8_t)(word >> 48);
    at[2] = (uint8_t)(word >> 40);
    at[3] = (uint8_t)(word >> 32);
    at[4] = (uint8_t)(word >> 24);
    at[5] = (uint8_t)(word >> 16);
    at[6] = (uint8_t)(word >> 8);
    at[7] = (uint8_t)word;
    f->len += 8;
}

static uint64_t fold_result(const struct fold *f) {
    return hash64(f->key, slice_of(f->block, f->len));
}

static void fold_word(struct fold *f, uint64_t word) {
    if (f->len == sizeof(f->block)) {
        uint64_t so_far = fold_result(f);
        f->len = 0;
        fold_put(f, so_far);
    }
    fold_put(f, word);
}

static void fold_stamp(struct fold *f, struct dir_stamp s) {
    fold_word(f, s.time);
    fold_word(f, s.boot);
}

static void fold_value(struct fold *f, const struct dir_value *v) {
    fold_stamp(f, v->clock);
    if (dir_stamp_set(v->clock)) {
        /* An empty value may have no blob. */
        bool empty = dir_blob_slice(v->blob).len == 0;
        fold_word(f, empty ? 0 : v->blob->len);
        fold_word(f, empty ? 0 : v->blob->hash);
    }
}

uint64_t dir_facts_hash(const struct dir_facts *facts, struct slice name,
                        const struct hash_key *key) {
    struct fold f = {.key = key};
    fold_word(&f, hash64(key, name));
    fold_word(&f, facts->stone);
    fold_word(&f, (uint64_t)facts->rows_count << 16 | facts->lives_count);
    for (size_t i = 0; i < facts->rows_count; i++) {
        fold_word(&f, dir_facts_rows(facts)[i].boot);
        fold_word(&f, dir_facts_rows(facts)[i].deleted);
    }
    for (size_t i = 0; i < facts->lives_count; i++) {
        const struct dir_life *l = &dir_facts_lives(facts)[i];
        fold_word(&f, l->ended);
        fold_stamp(&f, l->birth);
        fold_stamp(&f, l->used);
        fold_stamp(&f, l->home);
        fold_value(&f, &l->metadata);
        fold_value(&f, &l->settings);
    }
    return fold_result(&f);
}
