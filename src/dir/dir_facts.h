/* dir_facts.h: what nodes agree on about one name: the replicated part of a record, and its laws.
 * Owns: rows, lives and the values in them. Pure: no directory, no deadlines, no presence.
 * Never: compares with the present time; every question is answered by the facts alone.
 * Invariant (normal form): rows by boot and lives by birth, each once; no life whose birth its
 *   creator's row has deleted; used >= birth; whatever ended or was deleted left a stone. Equal
 *   facts are equal bytes. There is always room for the rows that a delete would write.
 * Callers: dir alone, its tests and its fuzzer. */
#pragma once

#include "buf.h"
#include "dir_stamp.h"
#include "hash.h"

struct dir_settings;

/* Up to the end of the year 9999: later stamps come from no clock. */
#define DIR_TIME_MAX_MS UINT64_C(253402300799999)

/* Births of this creator up to `deleted` are void. Its boot is that of the births. */
struct dir_row {
    uint64_t boot;
    uint64_t deleted; /* time of the newest birth deleted, never 0 */
};

struct dir_blob {
    uint64_t hash; /* keyed, of data: a use of the room does not read its metadata again */
    uint32_t len;
    uint8_t data[];
};

/* A register: the later clock wins, the greater bytes on a tie. */
struct dir_value {
    struct dir_stamp clock;            /* zero: never written */
    /* owned */ struct dir_blob *blob; /* NULL: empty */
};

/* `ended` says that the newest use is ended. It stands for a second stamp `ended`: an end writes
 * the newest use that it saw, so ended <= used holds always, the life is current exactly when they
 * differ, and a smaller `ended` tells nothing. (used, ended) then merges as one ordered pair. */
struct dir_life {
    struct dir_stamp birth, used;
    struct dir_stamp home; /* written by the home itself: its boot is the value */
    struct dir_value metadata, settings;
    bool ended;
};

/* One row and one life are inline; a cap says how many the array holds (0: inline). */
struct dir_facts {
    union {
        struct dir_row one;
        struct dir_row *many; /* owned */
    } rows;
    union {
        struct dir_life one;
        struct dir_life *many; /* owned */
    } lives;
    uint64_t stone; /* time of the newest end or delete, 0: none; ages tombstones, nothing else */
    uint16_t rows_count, rows_cap, lives_count, lives_cap;
};

/* What a merge did to the lives, for deadlines and hosts. */
struct dir_effect {
    bool rose;  /* a current life's use rose, or a life became current */
    bool ended; /* a life that was current is not */
};

void dir_facts_init(struct dir_facts *f);
void dir_facts_deinit(struct dir_facts *f); /* zeroed: fine */
must_check enum status dir_facts_copy(const struct dir_facts *from, struct dir_facts *ret_facts);

static inline struct dir_row *dir_facts_rows(const struct dir_facts *f) {
    return f->rows_cap ? f->rows.many : (struct dir_row *)&f->rows.one;
}
static inline struct dir_life *dir_facts_lives(const struct dir_facts *f) {
    return f->lives_cap ? f->lives.many : (struct dir_life *)&f->lives.one;
}

/* ---- questions ---- */
static inline bool dir_life_current(const struct dir_life *l) {
    return !l->ended;
}
bool dir_facts_alive(const struct dir_facts *f);
uint32_t dir_facts_current(const struct dir_facts *f); /* how many lives are */
uint32_t dir_facts_ended(const struct dir_facts *f);
/* The i-th current life by birth, NULL when there are fewer. 0 is the identity. */
const struct dir_life *dir_facts_current_at(const struct dir_facts *f, uint32_t i);
struct dir_life *dir_facts_find(const struct dir_facts *f, struct dir_stamp birth);
bool dir_facts_deleted(const struct dir_facts *f, struct dir_stamp birth);
/* Latest among current lives; zeroed when never written. */
struct dir_value dir_facts_metadata(const struct dir_facts *f);
struct dir_value dir_facts_settings(const struct dir_facts *f);
struct dir_stamp dir_facts_home(const struct dir_facts *f);
uint64_t dir_facts_newest(const struct dir_facts *f); /* greatest time of any stamp in it */
size_t dir_facts_bytes(const struct dir_facts *f);    /* heap memory held, about */

/* ---- writes; those that return void cannot fail ---- */
/* Room for one more life and for the rows that a delete would then write. EXHAUSTED, NO_MEMORY. */
must_check enum status dir_facts_reserve(struct dir_facts *f, struct dir_stamp birth);
/* Reserved before, not in it, not deleted. Takes the values. */
void dir_facts_add(struct dir_facts *f, struct dir_life life);
void dir_facts_use(struct dir_facts *f, struct dir_stamp now);
void dir_facts_set_home(struct dir_facts *f, struct dir_stamp now);
void dir_facts_end(struct dir_facts *f, uint64_t stone);
void dir_facts_delete(struct dir_facts *f, uint64_t stone);
/* An ended life may be closed unless its creator has an older one that is current. */
bool dir_facts_closable(const struct dir_facts *f, const struct dir_life *life);
void dir_facts_close(struct dir_facts *f, struct dir_stamp birth);

/* ---- merge (dir_merge.c) ---- */
/* into := into joined with from. Takes what it needs out of `from`, which stays valid to deinit.
 * EXHAUSTED and NO_MEMORY leave both as they were. */
must_check enum status dir_facts_merge(struct dir_facts *into, struct dir_facts *from,
                                       struct dir_effect *ret_effect);
/* Later clock, then greater bytes: > 0 when a wins over b. */
int dir_value_compare(const struct dir_value *a, const struct dir_value *b);
/* Drops deleted lives; gives arrays of one back. */
void dir_facts_normalize(struct dir_facts *f);
/* Room for so many in all; keeps what is there. */
must_check bool dir_facts_reserve_rows(struct dir_facts *f, size_t count);
must_check bool dir_facts_reserve_lives(struct dir_facts *f, size_t count);
/* Raises the creator's threshold; a new row needs its place. */
void dir_facts_raise_row(struct dir_facts *f, uint64_t boot, uint64_t deleted);

/* ---- values (dir_value.c) ---- */
/* NULL without memory. Empty data makes a blob, too. */
must_check struct dir_blob *dir_blob_make(struct slice data, const struct hash_key *key);
must_check struct dir_blob *dir_blob_of_settings(const struct dir_settings *settings,
                                                 const struct hash_key *key);
static inline struct slice dir_blob_slice(const struct dir_blob *b) {
    return b ? (struct slice){b->data, b->len} : (struct slice){0};
}
/* False when the bytes are no canonical settings; extra points into them. */
must_check bool dir_settings_read(struct slice bytes, struct dir_settings *ret_settings);

/* ---- bytes (dir_codec.c) ---- */
size_t dir_facts_identity_size(const struct dir_facts *f);
size_t dir_facts_encoded_size(const struct dir_facts *f, struct slice name);
/* The identity part (rows, births, uses, homes) and the body (metadata, settings) of a record. */
void dir_facts_encode_identity(const struct dir_facts *f, struct slice name, struct buf *out);
void dir_facts_encode_body(const struct dir_facts *f, struct buf *out);
/* Identity, then body; check out->failed. */
void dir_facts_encode(const struct dir_facts *f, struct slice name, struct buf *out);
/* MALFORMED unless the bytes are exactly what dir_facts_encode writes for some facts in normal
 * form. ret_name points into them. `key` hashes the values. */
must_check enum status dir_facts_decode(struct slice bytes, const struct hash_key *key,
                                        struct slice *ret_name, struct dir_facts *ret_facts);
/* Keyed hash over name and facts, as over their bytes. Allocates nothing. */
uint64_t dir_facts_hash(const struct dir_facts *f, struct slice name, const struct hash_key *key);
