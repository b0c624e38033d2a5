#include "caps.h"
#include "cursor.h"
#include "dir.h"
#include "dir_facts.h"

/* A record as bytes, all numbers big-endian:
 *   identity: version 8, name length 16, name, stone 64,
 *             rows 16, each: boot 64, deleted 64
 *             lives 16, each: flags 8, birth 128, used 128, home 128 if flagged
 *   body, empty when no life has a value: for each life: flags 8,
 *             metadata: clock 128, length 32, bytes; settings: the same
 * There is one way only to write a record, and the decoder takes no other. */
enum {
    RECORD_VERSION = 1,
    LIFE_ENDED = BIT(0),
    LIFE_HOME = BIT(1),
    LIFE_FLAGS = LIFE_ENDED | LIFE_HOME,
    BODY_METADATA = BIT(0),
    BODY_SETTINGS = BIT(1),
    BODY_FLAGS = BODY_METADATA | BODY_SETTINGS,
    STAMP_BYTES = 16,
    ROW_BYTES = 16,
    IDENTITY_FIXED_BYTES = 1 + 2 + 8 + 2 + 2,
    IDENTITY_BYTES_MAX_ONE_LIFE = 128, /* beside the name: see docs/SCALE.md */
    SETTINGS_BYTES_MAX = 7 * 4 + 1 + 4 + DIR_EXTRA_BYTES_MAX,
};
static_assert(IDENTITY_FIXED_BYTES + ROW_BYTES + 1 + 3 * STAMP_BYTES <= IDENTITY_BYTES_MAX_ONE_LIFE,
              "the identity part of a simple room stays small");
static_assert(ROOM_NAME_BYTES_MAX <= UINT16_MAX, "a name's length is 16 bits");

static bool has_body(const struct dir_facts *f) {
    for (size_t i = 0; i < f->lives_count; i++) {
        const struct dir_life *l = &dir_facts_lives(f)[i];
        if (dir_stamp_set(l->metadata.clock) || dir_stamp_set(l->settings.clock)) {
            return true;
        }
    }
    return false;
}

size_t dir_facts_identity_size(const struct dir_facts *f) {
    size_t size = IDENTITY_FIXED_BYTES + (size_t)f->rows_count * ROW_BYTES;
    for (size_t i = 0; i < f->lives_count; i++) {
        bool home = dir_stamp_set(dir_facts_lives(f)[i].home);
        size += 1 + 2 * STAMP_BYTES + (home ? (size_t)STAMP_BYTES : 0);
    }
    return size;
}

static size_t value_size(const struct dir_value *v) {
    return dir_stamp_set(v->clock) ? STAMP_BYTES + 4 + dir_blob_slice(v->blob).len : 0;
}

size_t dir_facts_encoded_size(const struct dir_facts *f, struct slice name) {
    size_t size = dir_facts_identity_size(f) + name.len;
    if (has_body(f)) {
        for (size_t i = 0; i < f->lives_count; i++) {
            const struct dir_life *l = &dir_facts_lives(f)[i];
            size += 1 + value_size(&l->metadata) + value_size(&l->settings);
        }
    }
    return size;
}

/* ---- writing ---- */

static void put_stamp(struct buf *out, struct dir_stamp s) {
    buf_put_be64(out, s.time);
    buf_put_be64(out, s.boot);
}

void dir_facts_encode_identity(const struct dir_facts *f, struct slice name, struct buf *out) {
    assert(name.len > 0 && name.len <= ROOM_NAME_BYTES_MAX);
    buf_put_u8(out, RECORD_VERSION);
    buf_put_be16(out, (uint16_t)name.len);
    buf_put(out, name);
    buf_put_be64(out, f->stone);
    buf_put_be16(out, f->rows_count);
    for (size_t i = 0; i < f->rows_count; i++) {
        buf_put_be64(out, dir_facts_rows(f)[i].boot);
        buf_put_be64(out, dir_facts_rows(f)[i].deleted);
    }
    buf_put_be16(out, f->lives_count);
    for (size_t i = 0; i < f->lives_count; i++) {
        const struct dir_life *l = &dir_facts_lives(f)[i];
        bool home = dir_stamp_set(l->home);
        buf_put_u8(out, (uint8_t)((l->ended ? LIFE_ENDED : 0u) | (home ? LIFE_HOME : 0u)));
        put_stamp(out, l->birth);
        put_stamp(out, l->used);
        if (home) {
            put_stamp(out, l->home);
        }
    }
}

static void put_value(struct buf *out, const struct dir_value *v) {
    if (dir_stamp_set(v->clock)) {
        struct slice bytes = dir_blob_slice(v->blob);
        put_stamp(out, v->clock);
        buf_put_be32(out, (uint32_t)bytes.len);
        buf_put(out, bytes);
    }
}

void dir_facts_encode_body(const struct dir_facts *f, struct buf *out) {
    if (!has_body(f)) {
        return;
    }
    for (size_t i = 0; i < f->lives_count; i++) {
        const struct dir_life *l = &dir_facts_lives(f)[i];
        uint32_t flags = (dir_stamp_set(l->metadata.clock) ? BODY_METADATA : 0u) |
                         (dir_stamp_set(l->settings.clock) ? BODY_SETTINGS : 0u);
        buf_put_u8(out, (uint8_t)flags);
        put_value(out, &l->metadata);
        put_value(out, &l->settings);
    }
}

void dir_facts_encode(const struct dir_facts *f, struct slice name, struct buf *out) {
    dir_facts_encode_identity(f, name, out);
    dir_facts_encode_body(f, out);
}

/* ---- reading ---- */

static bool time_fits(uint64_t time) {
    return dir_time_to_ms(time) <= DIR_TIME_MAX_MS;
}

/* A stamp that must be there. */
static bool read_stamp(struct cursor *c, struct dir_stamp *ret_stamp) {
    struct dir_stamp s = {0};
    s.time = cursor_be64(c);
    s.boot = cursor_be64(c);
    if (c->failed || s.time == 0 || s.boot == 0 || !time_fits(s.time)) {
        return false;
    }
    *ret_stamp = s;
    return true;
}

static enum status read_rows(struct cursor *c, struct dir_facts *f) {
    size_t count = cursor_be16(c);
    if (c->failed || count > DIR_ROWS_MAX || cursor_left(c) < count * ROW_BYTES) {
        return STATUS_MALFORMED;
    }
    if (!dir_facts_reserve_rows(f, count)) {
        return STATUS_NO_MEMORY;
    }
    uint64_t before = 0;
    for (size_t i = 0; i < count; i++) {
        struct dir_row row = {0};
        row.boot = cursor_be64(c);
        row.deleted = cursor_be64(c);
        if (row.boot <= before || row.deleted == 0 || !time_fits(row.deleted)) {
            return STATUS_MALFORMED;
        }
        before = row.boot;
        dir_facts_rows(f)[i] = row;
        f->rows_count++;
    }
    return STATUS_OK;
}

static bool read_life(struct cursor *c, const struct dir_facts *f, struct dir_life *ret_life) {
    struct dir_life l = {0};
    uint8_t flags = cursor_u8(c);
    l.ended = (flags & LIFE_ENDED) != 0;
    bool good = (flags & ~LIFE_FLAGS) == 0 && read_stamp(c, &l.birth) && read_stamp(c, &l.used) &&
                (!(flags & LIFE_HOME) || read_stamp(c, &l.home)) &&
                dir_stamp_compare(l.used, l.birth) >= 0 && !dir_facts_deleted(f, l.birth) &&
                (!l.ended || f->stone != 0);
    if (good) {
        *ret_life = l;
    }
    return good;
}

static enum status read_lives(struct cursor *c, struct dir_facts *f) {
    size_t count = cursor_be16(c);
    if (c->failed || count > DIR_LIVES_MAX || cursor_left(c) < count * (1 + 2 * STAMP_BYTES)) {
        return STATUS_MALFORMED;
    }
    if (!dir_facts_reserve_lives(f, count)) {
        return STATUS_NO_MEMORY;
    }
    struct dir_stamp before = {0};
    for (size_t i = 0; i < count; i++) {
        struct dir_life life;
        if (!read_life(c, f, &life) || dir_stamp_compare(life.birth, before) <= 0) {
            return STATUS_MALFORMED;
        }
        before = life.birth;
        /* Also makes room for the row that a delete of this life would write. */
        enum status s = dir_facts_reserve(f, life.birth);
        if (s != STATUS_OK) {
            return s;
        }
        dir_facts_add(f, life);
    }
    return STATUS_OK;
}

static enum status read_value(struct cursor *c, bool settings, const struct hash_key *key,
                              struct dir_value *v) {
    struct dir_stamp clock;
    if (!read_stamp(c, &clock)) {
        return STATUS_MALFORMED;
    }
    size_t len = cursor_be32(c);
    size_t most = settings ? (size_t)SETTINGS_BYTES_MAX : (size_t)METADATA_BYTES_MAX;
    if (c->failed || len > most || len > cursor_left(c)) {
        return STATUS_MALFORMED;
    }
    struct slice bytes = cursor_take(c, len);
    struct dir_settings parsed;
    if (settings ? !dir_settings_read(bytes, &parsed) : !slice_is_text(bytes)) {
        return STATUS_MALFORMED;
    }
    struct dir_blob *blob = NULL;
    if (len > 0) {
        blob = dir_blob_make(bytes, key);
        if (!blob) {
            return STATUS_NO_MEMORY;
        }
    }
    *v = (struct dir_value){.clock = clock, .blob = blob};
    return STATUS_OK;
}

static enum status read_body(struct cursor *c, const struct hash_key *key, struct dir_facts *f) {
    if (cursor_left(c) == 0) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < f->lives_count; i++) {
        struct dir_life *l = &dir_facts_lives(f)[i];
        uint8_t flags = cursor_u8(c);
        if (c->failed || (flags & ~BODY_FLAGS) != 0) {
            return STATUS_MALFORMED;
        }
        enum status s = STATUS_OK;
        if (flags & BODY_METADATA) {
            s = read_value(c, false, key, &l->metadata);
        }
        if (s == STATUS_OK && (flags & BODY_SETTINGS)) {
            s = read_value(c, true, key, &l->settings);
        }
        if (s != STATUS_OK) {
            return s;
        }
    }
    /* Nothing behind, and no body of empty flags. */
    return cursor_left(c) == 0 && has_body(f) ? STATUS_OK : STATUS_MALFORMED;
}

enum status dir_encoded_name(struct slice encoded, struct slice *ret_name) {
    struct cursor c = cursor_over(encoded);
    uint8_t version = cursor_u8(&c);
    struct slice name = cursor_take(&c, cursor_be16(&c));
    if (c.failed || version != RECORD_VERSION || name.len == 0 || name.len > ROOM_NAME_BYTES_MAX) {
        return STATUS_MALFORMED;
    }
    *ret_name = name;
    return STATUS_OK;
}

enum status dir_facts_decode(struct slice bytes, const struct hash_key *key, struct slice *ret_name,
                             struct dir_facts *ret_facts) {
    _cleanup_(dir_facts_deinit) struct dir_facts f = {0};
    struct cursor c = cursor_over(bytes);
    uint8_t version = cursor_u8(&c);
    size_t name_len = cursor_be16(&c);
    if (c.failed || version != RECORD_VERSION || name_len == 0 || name_len > ROOM_NAME_BYTES_MAX) {
        return STATUS_MALFORMED;
    }
    struct slice name = cursor_take(&c, name_len);
    f.stone = cursor_be64(&c);
    if (c.failed || !time_fits(f.stone) || !slice_is_text(name)) {
        return STATUS_MALFORMED;
    }
    enum status s = read_rows(&c, &f);
    if (s == STATUS_OK) {
        s = read_lives(&c, &f);
    }
    if (s == STATUS_OK) {
        s = read_body(&c, key, &f);
    }
    if (s != STATUS_OK) {
        return s == STATUS_EXHAUSTED ? STATUS_MALFORMED : s;
    }
    bool empty = f.rows_count == 0 && f.lives_count == 0;
    if (empty || (f.rows_count > 0 && f.stone == 0)) {
        return STATUS_MALFORMED;
    }
    *ret_name = name;
    *ret_facts = f;
    dir_facts_init(&f);
    return STATUS_OK;
}
