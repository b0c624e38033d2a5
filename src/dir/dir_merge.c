#include "broken.h"
#include "dir.h"
#include "dir_facts.h"

int dir_value_compare(const struct dir_value *a, const struct dir_value *b) {
    int clocks = dir_stamp_compare(a->clock, b->clock);
    return clocks != 0 ? clocks : slice_compare(dir_blob_slice(a->blob), dir_blob_slice(b->blob));
}

/* The loser's bytes stay in `from`, which its owner frees. */
static void merge_value(struct dir_value *into, struct dir_value *from) {
    if (dir_value_compare(from, into) > 0) {
        struct dir_value lost = *into;
        *into = *from;
        *from = lost;
    }
}

static void merge_life(struct dir_life *into, struct dir_life *from, struct dir_effect *effect) {
    bool was_current = dir_life_current(into);
    int uses = dir_stamp_compare(from->used, into->used);
    if (uses > 0) {
        into->used = from->used;
        into->ended = from->ended;
    } else if (uses == 0) {
        into->ended = into->ended || from->ended;
    }
    bool is_current = dir_life_current(into);
    effect->rose = effect->rose || (is_current && (uses > 0 || !was_current));
    effect->ended = effect->ended || (was_current && !is_current);
    if (dir_stamp_compare(from->home, into->home) > 0) {
        into->home = from->home;
    }
    merge_value(&into->metadata, &from->metadata);
    merge_value(&into->settings, &from->settings);
}

static bool has_row(const struct dir_facts *f, uint64_t boot) {
    const struct dir_row *rows = dir_facts_rows(f);
    for (size_t i = 0; i < f->rows_count; i++) {
        if (rows[i].boot == boot) {
            return true;
        }
    }
    return false;
}

/* Rows of the union, and those that a delete of the union's lives would add. Creators of two lives
 * count twice, except where all lives have one creator: that is the rule, and stays inline. */
static size_t rows_needed(const struct dir_facts *a, const struct dir_facts *b) {
    size_t rows = a->rows_count, creators = 0;
    uint64_t first = 0;
    for (size_t i = 0; i < b->rows_count; i++) {
        rows += has_row(a, dir_facts_rows(b)[i].boot) ? 0 : 1;
    }
    const struct dir_facts *sides[] = {a, b};
    for (size_t s = 0; s < ARRAY_LEN(sides); s++) {
        for (size_t i = 0; i < sides[s]->lives_count; i++) {
            uint64_t boot = dir_facts_lives(sides[s])[i].birth.boot;
            if (boot != first && !has_row(a, boot) && !has_row(b, boot)) {
                creators++;
                first = first ? first : boot;
            }
        }
    }
    return rows + creators;
}

static size_t lives_needed(const struct dir_facts *a, const struct dir_facts *b) {
    size_t lives = a->lives_count;
    for (size_t i = 0; i < b->lives_count; i++) {
        struct dir_stamp birth = dir_facts_lives(b)[i].birth;
        bool taken = !dir_facts_deleted(a, birth) && !dir_facts_find(a, birth);
        lives += taken ? 1 : 0;
    }
    return lives;
}

/* The union's rows; lives of `into` that they delete go. */
static void merge_rows(struct dir_facts *into, const struct dir_facts *from,
                       struct dir_effect *effect) {
    for (size_t i = 0; i < from->rows_count; i++) {
        struct dir_row row = dir_facts_rows(from)[i];
        dir_facts_raise_row(into, row.boot, row.deleted);
    }
    for (size_t i = 0; i < into->lives_count; i++) {
        const struct dir_life *l = &dir_facts_lives(into)[i];
        bool ends = dir_life_current(l) && dir_facts_deleted(into, l->birth);
        effect->ended = effect->ended || ends;
    }
}

/* As if there was one threshold for all creators: see broken.h. */
static void break_creators(struct dir_facts *into, const struct dir_facts *from) {
    for (size_t i = 0; i < from->rows_count; i++) {
        for (size_t k = 0; k < into->lives_count; k++) {
            struct dir_stamp birth = dir_facts_lives(into)[k].birth;
            if (birth.time <= dir_facts_rows(from)[i].deleted) {
                dir_facts_raise_row(into, birth.boot, birth.time);
            }
        }
    }
}

enum status dir_facts_merge(struct dir_facts *into, struct dir_facts *from,
                            struct dir_effect *ret_effect) {
    size_t rows = rows_needed(into, from), lives = lives_needed(into, from);
    if (rows > DIR_ROWS_MAX || lives > DIR_LIVES_MAX) {
        return STATUS_EXHAUSTED;
    }
    if (!dir_facts_reserve_rows(into, rows) || !dir_facts_reserve_lives(into, lives)) {
        return STATUS_NO_MEMORY;
    }
    struct dir_effect effect = {0};
    merge_rows(into, from, &effect);
    for (size_t i = 0; i < from->lives_count; i++) {
        struct dir_life *l = &dir_facts_lives(from)[i];
        if (dir_facts_deleted(into, l->birth)) {
            continue;
        }
        struct dir_life *mine = dir_facts_find(into, l->birth);
        if (mine) {
            merge_life(mine, l, &effect);
            continue;
        }
        effect.rose = effect.rose || dir_life_current(l);
        dir_facts_add(into, *l);
        l->metadata.blob = NULL; /* taken */
        l->settings.blob = NULL;
    }
    into->stone = MAX(into->stone, from->stone);
    if (BROKEN(CREATORS)) {
        break_creators(into, from);
    }
    dir_facts_normalize(into);
    *ret_effect = effect;
    return STATUS_OK;
}
