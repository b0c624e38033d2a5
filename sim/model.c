#include "model.h"

#include "cursor.h"

static bool read_stamp(struct cursor *c, struct model_stamp *s) {
    s->time = cursor_be64(c);
    s->boot = cursor_be64(c);
    return !c->failed && s->time != 0 && s->boot != 0;
}

static bool read_rows(struct cursor *c, struct model_record *r) {
    r->rows_count = cursor_be16(c);
    if (c->failed || r->rows_count > MODEL_ROWS_MAX) {
        return false;
    }
    for (size_t i = 0; i < r->rows_count; i++) {
        r->rows[i].boot = cursor_be64(c);
        r->rows[i].deleted = cursor_be64(c);
        if (i > 0 && r->rows[i].boot <= r->rows[i - 1].boot) {
            return false;
        }
    }
    return !c->failed;
}

static bool read_lives(struct cursor *c, struct model_record *r) {
    r->lives_count = cursor_be16(c);
    if (c->failed || r->lives_count > MODEL_LIVES_MAX) {
        return false;
    }
    for (size_t i = 0; i < r->lives_count; i++) {
        struct model_life *l = &r->lives[i];
        uint8_t flags = cursor_u8(c);
        *l = (struct model_life){0};
        l->ended = (flags & 1) != 0;
        if (!read_stamp(c, &l->birth) || !read_stamp(c, &l->used) ||
            ((flags & 2) != 0 && !read_stamp(c, &l->home))) {
            return false;
        }
        bool in_order = i == 0 || model_stamp_compare(r->lives[i - 1].birth, l->birth) < 0;
        if (!in_order || model_stamp_compare(l->used, l->birth) < 0 || model_deleted(r, l->birth)) {
            return false;
        }
    }
    return true;
}

static bool read_body(struct cursor *c, struct model_record *r) {
    for (size_t i = 0; cursor_left(c) > 0 && i < r->lives_count; i++) {
        struct model_life *l = &r->lives[i];
        uint8_t flags = cursor_u8(c);
        if ((flags & 1) != 0) {
            if (!read_stamp(c, &l->metadata_clock)) {
                return false;
            }
            l->metadata = cursor_take(c, cursor_be32(c));
        }
        if ((flags & 2) != 0) {
            struct model_stamp clock;
            if (!read_stamp(c, &clock)) {
                return false;
            }
            cursor_skip(c, cursor_be32(c));
        }
    }
    return !c->failed && cursor_left(c) == 0;
}

bool model_read(struct slice bytes, struct model_record *ret_record) {
    struct model_record *r = ret_record;
    struct cursor c = cursor_over(bytes);
    uint8_t version = cursor_u8(&c);
    r->name = cursor_take(&c, cursor_be16(&c));
    r->stone = cursor_be64(&c);
    r->rows_count = r->lives_count = 0;
    if (c.failed || version != 1 || !read_rows(&c, r)) {
        return false;
    }
    return read_lives(&c, r) && read_body(&c, r);
}

bool model_stamp_equal(struct model_stamp a, struct model_stamp b) {
    return a.time == b.time && a.boot == b.boot;
}

int model_stamp_compare(struct model_stamp a, struct model_stamp b) {
    if (a.time == b.time && a.boot == b.boot) {
        return 0;
    }
    return a.time < b.time || (a.time == b.time && a.boot < b.boot) ? -1 : 1;
}

bool model_deleted(const struct model_record *r, struct model_stamp birth) {
    for (size_t i = 0; i < r->rows_count; i++) {
        if (r->rows[i].boot == birth.boot && birth.time <= r->rows[i].deleted) {
            return true;
        }
    }
    return false;
}

const struct model_life *model_life(const struct model_record *r, struct model_stamp birth) {
    for (size_t i = 0; i < r->lives_count; i++) {
        if (model_stamp_equal(r->lives[i].birth, birth)) {
            return &r->lives[i];
        }
    }
    return NULL;
}

bool model_current(const struct model_record *r, struct model_stamp birth) {
    const struct model_life *l = model_life(r, birth);
    return l && !l->ended && !model_deleted(r, birth);
}

const struct model_life *model_identity(const struct model_record *r) {
    const struct model_life *best = NULL;
    for (size_t i = 0; i < r->lives_count; i++) {
        const struct model_life *l = &r->lives[i];
        if (!l->ended && (!best || model_stamp_compare(l->birth, best->birth) < 0)) {
            best = l;
        }
    }
    return best;
}

bool model_alive(const struct model_record *r) {
    return model_identity(r) != NULL;
}

uint64_t model_home(const struct model_record *r) {
    struct model_stamp best = {0};
    for (size_t i = 0; i < r->lives_count; i++) {
        const struct model_life *l = &r->lives[i];
        if (!l->ended && model_stamp_compare(l->home, best) > 0) {
            best = l->home;
        }
    }
    return best.boot;
}

struct slice model_metadata(const struct model_record *r) {
    const struct model_life *best = NULL;
    for (size_t i = 0; i < r->lives_count; i++) {
        const struct model_life *l = &r->lives[i];
        if (l->ended || l->metadata_clock.time == 0) {
            continue;
        }
        int order = best ? model_stamp_compare(l->metadata_clock, best->metadata_clock) : 1;
        if (order > 0 || (order == 0 && slice_compare(l->metadata, best->metadata) > 0)) {
            best = l;
        }
    }
    return best ? best->metadata : (struct slice){0};
}
