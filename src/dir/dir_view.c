#include "dir_priv.h"

/* The birth as bytes that all machines lay out alike, with one more byte to tell uses apart. */
enum { BIRTH_BYTES = 17 };
static void birth_bytes(struct dir_stamp birth, uint8_t which, uint8_t out[BIRTH_BYTES]) {
    for (unsigned i = 0; i < 8; i++) {
        out[i] = (uint8_t)(birth.time >> (56 - 8 * i));
        out[8 + i] = (uint8_t)(birth.boot >> (56 - 8 * i));
    }
    out[BIRTH_BYTES - 1] = which;
}

static struct hash128 birth_hash(const struct hash_key *key, struct dir_stamp birth,
                                 uint8_t which) {
    uint8_t bytes[BIRTH_BYTES];
    birth_bytes(birth, which, bytes);
    return hash128(key, slice_of(bytes, sizeof(bytes)));
}

static struct ident sid_of(const struct dir *d, struct dir_stamp birth) {
    struct hash128 h = birth_hash(&d->sid_key, birth, 0);
    return ident_from_bits("RM_", h.lo, h.hi);
}

struct dir_settings dir_record_settings(const struct dir *d, const struct dir_record *r) {
    struct dir_value v = dir_facts_settings(&r->facts);
    if (!dir_stamp_set(v.clock)) {
        return d->cfg.defaults;
    }
    struct dir_settings s = {0};
    bool good = dir_settings_read(dir_blob_slice(v.blob), &s);
    assert(good); /* checked when they came in */
    (void)good;
    return s;
}

void dir_view(const struct dir *d, const struct dir_record *r, struct dir_room *ret_room) {
    const struct dir_life *identity = dir_facts_current_at(&r->facts, 0);
    assert(r->alive && identity);
    *ret_room = (struct dir_room){
        .name = dir_record_name(r),
        .sid = sid_of(d, identity->birth),
        .created_ms = dir_stamp_ms(identity->birth),
        .settings = dir_record_settings(d, r),
        .metadata = dir_blob_slice(dir_facts_metadata(&r->facts).blob),
        .home = dir_facts_home(&r->facts).boot,
        .lives = dir_facts_current(&r->facts),
        .participants = (uint32_t)MIN(dir_record_participants(r), (uint64_t)UINT32_MAX),
        .local = r->local,
        .birth = identity->birth,
        .record = r,
    };
}

struct dir_times dir_room_times(const struct dir *d, const struct dir_room *room) {
    enum dir_end_reason reason;
    return (struct dir_times){
        .since_ms = room->record->since_ms,
        .deadline_ms = dir_deadline_of(d, room->record, &reason),
    };
}

struct dir_stamp dir_room_birth(const struct dir_room *room, uint32_t i) {
    const struct dir_life *l = dir_facts_current_at(&room->record->facts, i);
    assert(l);
    return l->birth;
}

struct ident dir_room_sid(const struct dir *d, const struct dir_room *room, uint32_t i) {
    return sid_of(d, dir_room_birth(room, i));
}

/* 62^11 is above 2^64: so many letters keep all of a word. */
enum { LETTERS_OF_WORD = 11 };

void dir_room_turn_password(const struct dir *d, const struct dir_room *room,
                            char out[DIR_TURN_PASSWORD_LEN + 1]) {
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    static_assert(sizeof(letters) == 62 + 1, "base 62");
    size_t len = 0;
    for (uint8_t half = 0; half < 2; half++) {
        struct hash128 h = birth_hash(&d->turn_key, room->birth, half);
        uint64_t words[] = {h.hi, h.lo};
        for (size_t w = 0; w < ARRAY_LEN(words); w++) {
            size_t end = MIN(len + LETTERS_OF_WORD, (size_t)DIR_TURN_PASSWORD_LEN);
            for (; len < end; len++) {
                out[len] = letters[words[w] % 62];
                words[w] /= 62;
            }
        }
    }
    out[DIR_TURN_PASSWORD_LEN] = '\0';
}

enum status dir_room_find(const struct dir *d, struct slice name, struct dir_room *ret_room) {
    const struct dir_record *r = dir_record_find_const(d, name);
    if (!r || !r->alive) {
        return STATUS_NOT_FOUND;
    }
    dir_view(d, r, ret_room);
    return STATUS_OK;
}

bool dir_iterate(const struct dir *d, uint32_t *cursor, size_t budget,
                 bool (*visit)(void *arg, const struct dir_room *room), void *arg) {
    uint32_t extent = pool_extent(&d->pool);
    for (size_t looked = 0; looked < budget && *cursor < extent; looked++) {
        const struct dir_record *r = dir_record_at(d, (*cursor)++);
        if (!r || !r->alive) {
            continue;
        }
        struct dir_room room;
        dir_view(d, r, &room);
        if (!visit(arg, &room)) {
            break;
        }
    }
    return *cursor < extent;
}
