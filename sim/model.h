/* model.h: a record of the directory as its rules describe it, read apart from the code under test.
 * Owns: nothing; texts point into the bytes.
 * Never: calls dir's own reading or deriving: what both got wrong in the same way would pass.
 * Source: docs/DIRECTORY.md.
 * Callers: the checkers. */
#pragma once

#include "slice.h"

enum { MODEL_LIVES_MAX = 256, MODEL_ROWS_MAX = 256 };

struct model_stamp {
    uint64_t time, boot;
};
struct model_row {
    uint64_t boot, deleted;
};
struct model_life {
    struct model_stamp birth, used, home;
    struct model_stamp metadata_clock;
    struct slice metadata;
    bool ended;
};
struct model_record {
    struct slice name;
    uint64_t stone;
    size_t rows_count, lives_count;
    struct model_row rows[MODEL_ROWS_MAX];
    struct model_life lives[MODEL_LIVES_MAX];
};

/* False: not a record, or not in normal form. */
must_check bool model_read(struct slice bytes, struct model_record *ret_record);
bool model_stamp_equal(struct model_stamp a, struct model_stamp b);
int model_stamp_compare(struct model_stamp a, struct model_stamp b);
bool model_deleted(const struct model_record *r, struct model_stamp birth);
/* NULL: not in it. */
const struct model_life *model_life(const struct model_record *r, struct model_stamp birth);
bool model_current(const struct model_record *r, struct model_stamp birth);
bool model_alive(const struct model_record *r);
/* Of the current lives: the smallest birth. NULL: not alive. */
const struct model_life *model_identity(const struct model_record *r);
/* The boot of the home that shows; 0: none. */
uint64_t model_home(const struct model_record *r);
/* The metadata that shows; empty: none was written. */
struct slice model_metadata(const struct model_record *r);
