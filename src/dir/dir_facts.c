#include <string.h>

#include "dir.h"
#include "dir_facts.h"
#include "mem.h"

static_assert(DIR_LIVES_MAX <= UINT16_MAX && DIR_ROWS_MAX <= UINT16_MAX, "counts are 16 bits");

void dir_facts_init(struct dir_facts *f) {
    *f = (struct dir_facts){0};
}

static void life_deinit(struct dir_life *l) {
    mem_free(l->metadata.blob);
    mem_free(l->settings.blob);
}

void dir_facts_deinit(struct dir_facts *f) {
    struct dir_life *lives = dir_facts_lives(f);
    for (size_t i = 0; i < f->lives_count; i++) {
        life_deinit(&lives[i]);
    }
    if (f->lives_cap) {
        mem_free(f->lives.many);
    }
    if (f->rows_cap) {
        mem_free(f->rows.many);
    }
    dir_facts_init(f);
}

static bool value_copy(struct dir_value *v) {
    if (!v->blob) {
        return true;
    }
    size_t size = sizeof(*v->blob) + v->blob->len;
    struct dir_blob *copy = mem_alloc(size);
    if (copy) {
        memcpy(copy, v->blob, size);
    }
    v->blob = copy;
    return copy != NULL;
}

enum status dir_facts_copy(const struct dir_facts *from, struct dir_facts *ret_facts) {
    _cleanup_(dir_facts_deinit) struct dir_facts made = {.stone = from->stone};
    /* The capacity is copied, too: it holds the rows that a delete will write. */
    if (!dir_facts_reserve_rows(&made, MAX(from->rows_count, from->rows_cap)) ||
        !dir_facts_reserve_lives(&made, from->lives_count)) {
        return STATUS_NO_MEMORY;
    }
    memcpy(dir_facts_rows(&made), dir_facts_rows(from), from->rows_count * sizeof(struct dir_row));
    made.rows_count = from->rows_count;
    for (uint16_t i = 0; i < from->lives_count; i++) {
        struct dir_life life = dir_facts_lives(from)[i];
        bool copied = value_copy(&life.metadata);
        copied = value_copy(&life.settings) && copied;
        dir_facts_lives(&made)[i] = life;
        made.lives_count++;
        if (!copied) {
            return STATUS_NO_MEMORY;
        }
    }
    *ret_facts = made;
    dir_facts_init(&made);
    return STATUS_OK;
}

/* ---- questions ---- */

bool dir_facts_alive(const struct dir_facts *f) {
    return dir_facts_current_at(f, 0) != NULL;
}

uint32_t dir_facts_current(const struct dir_facts *f) {
    uint32_t count = 0;
    for (size_t i = 0; i < f->lives_count; i++) {
        count += dir_life_current(&dir_facts_lives(f)[i]);
    }
    return count;
}

uint32_t dir_facts_ended(const struct dir_facts *f) {
    return f->lives_count - dir_facts_current(f);
}

const struct dir_life *dir_facts_current_at(const struct dir_facts *f, uint32_t i) {
    const struct dir_life *lives = dir_facts_lives(f);
    for (size_t at = 0; at < f->lives_count; at++) {
        if (dir_life_current(&lives[at]) && i-- == 0) {
            return &lives[at];
        }
    }
    return NULL;
}

struct dir_life *dir_facts_find(const struct dir_facts *f, struct dir_stamp birth) {
    struct dir_life *lives = dir_facts_lives(f);
    for (size_t i = 0; i < f->lives_count; i++) {
        if (dir_stamp_equal(lives[i].birth, birth)) {
            return &lives[i];
        }
    }
    return NULL;
}

static struct dir_row *row_find(const struct dir_facts *f, uint64_t boot) {
    struct dir_row *rows = dir_facts_rows(f);
    size_t low = 0, high = f->rows_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (rows[mid].boot < boot) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < f->rows_count && rows[low].boot == boot ? &rows[low] : NULL;
}

bool dir_facts_deleted(const struct dir_facts *f, struct dir_stamp birth) {
    const struct dir_row *row = row_find(f, birth.boot);
    return row && birth.time <= row->deleted;
}

struct dir_value dir_facts_metadata(const struct dir_facts *f) {
    struct dir_value best = {0};
    for (size_t i = 0; i < f->lives_count; i++) {
        const struct dir_life *l = &dir_facts_lives(f)[i];
        if (dir_life_current(l) && dir_value_compare(&l->metadata, &best) > 0) {
            best = l->metadata;
        }
    }
    return best;
}

struct dir_value dir_facts_settings(const struct dir_facts *f) {
    struct dir_value best = {0};
    for (size_t i = 0; i < f->lives_count; i++) {
        const struct dir_life *l = &dir_facts_lives(f)[i];
        if (dir_life_current(l) && dir_value_compare(&l->settings, &best) > 0) {
            best = l->settings;
        }
    }
    return best;
}

struct dir_stamp dir_facts_home(const struct dir_facts *f) {
    struct dir_stamp best = {0};
    for (size_t i = 0; i < f->lives_count; i++) {
        const struct dir_life *l = &dir_facts_lives(f)[i];
        if (dir_life_current(l) && dir_stamp_compare(l->home, best) > 0) {
            best = l->home;
        }
    }
    return best;
}

uint64_t dir_facts_newest(const struct dir_facts *f) {
    uint64_t newest = f->stone;
    for (size_t i = 0; i < f->rows_count; i++) {
        newest = MAX(newest, dir_facts_rows(f)[i].deleted);
    }
    for (size_t i = 0; i < f->lives_count; i++) {
        const struct dir_life *l = &dir_facts_lives(f)[i];
        uint64_t registers = MAX(l->metadata.clock.time, l->settings.clock.time);
        newest = MAX(newest, MAX(MAX(l->used.time, l->home.time), registers));
    }
    return newest;
}

size_t dir_facts_bytes(const struct dir_facts *f) {
    size_t bytes = f->rows_cap * sizeof(struct dir_row) + f->lives_cap * sizeof(struct dir_life);
    for (size_t i = 0; i < f->lives_count; i++) {
        const struct dir_life *l = &dir_facts_lives(f)[i];
        const struct dir_blob *blobs[] = {l->metadata.blob, l->settings.blob};
        for (size_t b = 0; b < ARRAY_LEN(blobs); b++) {
            bytes += blobs[b] ? sizeof(*blobs[b]) + blobs[b]->len + sizeof(max_align_t) : 0;
        }
    }
    return bytes;
}

/* ---- writes ---- */

enum status dir_facts_reserve(struct dir_facts *f, struct dir_stamp birth) {
    if (f->lives_count >= DIR_LIVES_MAX) {
        return STATUS_EXHAUSTED;
    }
    /* A delete writes a row for each creator here. One place a life is more than enough, and
     * nothing at all where the one creator has its row or the inline one is free. */
    size_t rows = f->rows_count;
    rows += row_find(f, birth.boot) ? 0 : 1;
    for (size_t i = 0; i < f->lives_count; i++) {
        uint64_t boot = dir_facts_lives(f)[i].birth.boot;
        rows += boot == birth.boot || row_find(f, boot) ? 0 : 1;
    }
    if (rows > DIR_ROWS_MAX) {
        return STATUS_EXHAUSTED;
    }
    bool made =
        dir_facts_reserve_rows(f, rows) && dir_facts_reserve_lives(f, (size_t)f->lives_count + 1);
    return made ? STATUS_OK : STATUS_NO_MEMORY;
}

void dir_facts_add(struct dir_facts *f, struct dir_life life) {
    assert(f->lives_count < MAX(f->lives_cap, 1));
    assert(!dir_facts_deleted(f, life.birth) && dir_stamp_compare(life.used, life.birth) >= 0);
    struct dir_life *lives = dir_facts_lives(f);
    size_t at = f->lives_count;
    for (; at > 0 && dir_stamp_compare(lives[at - 1].birth, life.birth) > 0; at--) {
        lives[at] = lives[at - 1];
    }
    assert(at == 0 || !dir_stamp_equal(lives[at - 1].birth, life.birth));
    lives[at] = life;
    f->lives_count++;
}

void dir_facts_use(struct dir_facts *f, struct dir_stamp now) {
    for (size_t i = 0; i < f->lives_count; i++) {
        struct dir_life *l = &dir_facts_lives(f)[i];
        if (dir_life_current(l)) {
            assert(dir_stamp_compare(now, l->used) > 0);
            l->used = now;
        }
    }
}

void dir_facts_set_home(struct dir_facts *f, struct dir_stamp now) {
    for (size_t i = 0; i < f->lives_count; i++) {
        struct dir_life *l = &dir_facts_lives(f)[i];
        if (dir_life_current(l)) {
            l->home = now;
        }
    }
}

void dir_facts_end(struct dir_facts *f, uint64_t stone) {
    for (size_t i = 0; i < f->lives_count; i++) {
        dir_facts_lives(f)[i].ended = true;
    }
    f->stone = MAX(f->stone, stone);
}

void dir_facts_delete(struct dir_facts *f, uint64_t stone) {
    for (size_t i = 0; i < f->lives_count; i++) {
        struct dir_stamp birth = dir_facts_lives(f)[i].birth;
        dir_facts_raise_row(f, birth.boot, birth.time);
    }
    f->stone = MAX(f->stone, stone);
    dir_facts_normalize(f);
    assert(f->lives_count == 0);
}

bool dir_facts_closable(const struct dir_facts *f, const struct dir_life *life) {
    if (dir_life_current(life)) {
        return false;
    }
    for (size_t i = 0; i < f->lives_count; i++) {
        const struct dir_life *l = &dir_facts_lives(f)[i];
        if (dir_stamp_compare(l->birth, life->birth) >= 0) {
            break; /* by birth: the rest is younger */
        }
        if (dir_life_current(l) && l->birth.boot == life->birth.boot) {
            return false;
        }
    }
    return true;
}

void dir_facts_close(struct dir_facts *f, struct dir_stamp birth) {
    dir_facts_raise_row(f, birth.boot, birth.time);
    dir_facts_normalize(f);
}

/* ---- arrays ---- */

/* Doubles, so that n additions copy O(n) in all. */
static uint16_t grown_cap(size_t cap, size_t count, size_t most) {
    size_t next = MAX(count, MIN(cap * 2, most));
    assert(next <= UINT16_MAX);
    return (uint16_t)next;
}

bool dir_facts_reserve_rows(struct dir_facts *f, size_t count) {
    if (count <= MAX(f->rows_cap, 1)) {
        return true;
    }
    uint16_t cap = grown_cap(f->rows_cap, count, DIR_ROWS_MAX);
    struct dir_row *many = mem_calloc(cap, sizeof(*many));
    if (!many) {
        return false;
    }
    memcpy(many, dir_facts_rows(f), f->rows_count * sizeof(*many));
    if (f->rows_cap) {
        mem_free(f->rows.many);
    }
    f->rows.many = many;
    f->rows_cap = cap;
    return true;
}

bool dir_facts_reserve_lives(struct dir_facts *f, size_t count) {
    if (count <= MAX(f->lives_cap, 1)) {
        return true;
    }
    uint16_t cap = grown_cap(f->lives_cap, count, DIR_LIVES_MAX);
    struct dir_life *many = mem_calloc(cap, sizeof(*many));
    if (!many) {
        return false;
    }
    memcpy(many, dir_facts_lives(f), f->lives_count * sizeof(*many));
    if (f->lives_cap) {
        mem_free(f->lives.many);
    }
    f->lives.many = many;
    f->lives_cap = cap;
    return true;
}

void dir_facts_raise_row(struct dir_facts *f, uint64_t boot, uint64_t deleted) {
    assert(boot != 0 && deleted != 0);
    struct dir_row *row = row_find(f, boot);
    if (row) {
        row->deleted = MAX(row->deleted, deleted);
        return;
    }
    assert(f->rows_count < MAX(f->rows_cap, 1));
    struct dir_row *rows = dir_facts_rows(f);
    size_t at = f->rows_count;
    for (; at > 0 && rows[at - 1].boot > boot; at--) {
        rows[at] = rows[at - 1];
    }
    rows[at] = (struct dir_row){.boot = boot, .deleted = deleted};
    f->rows_count++;
}

void dir_facts_normalize(struct dir_facts *f) {
    struct dir_life *lives = dir_facts_lives(f);
    uint16_t kept = 0;
    for (size_t i = 0; i < f->lives_count; i++) {
        if (dir_facts_deleted(f, lives[i].birth)) {
            life_deinit(&lives[i]);
        } else {
            lives[kept++] = lives[i];
        }
    }
    f->lives_count = kept;
    if (f->lives_cap && kept <= 1) {
        struct dir_life *many = f->lives.many;
        f->lives.one = kept ? many[0] : (struct dir_life){0};
        f->lives_cap = 0;
        mem_free(many);
    }
}
