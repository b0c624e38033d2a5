#include "broken.h"
#include "caps.h"
#include "dir_priv.h"
#include "mem.h"

/* What peers would refuse as a record must not become one. */
static enum status check_name(struct slice name) {
    bool good = name.len > 0 && name.len <= ROOM_NAME_BYTES_MAX && slice_is_text(name);
    return good ? STATUS_OK : STATUS_INVALID;
}

static enum status check_metadata(struct slice metadata) {
    if (metadata.len > METADATA_BYTES_MAX) {
        return STATUS_TOO_LARGE;
    }
    return slice_is_text(metadata) ? STATUS_OK : STATUS_INVALID;
}

static enum status check_settings(const struct dir_settings *settings) {
    return settings->extra.len > DIR_EXTRA_BYTES_MAX ? STATUS_TOO_LARGE : STATUS_OK;
}

/* ---- create ---- */

static void life_drop(struct dir_life *l) {
    mem_free(l->metadata.blob);
    mem_free(l->settings.blob);
}

/* A life with the given values, whose clocks are set with its birth. */
static enum status life_prepare(const struct dir *d, const struct dir_create *given,
                                struct dir_life *ret_life) {
    _cleanup_(life_drop) struct dir_life l = {0};
    if (given->has_metadata && given->metadata.len > 0) {
        l.metadata.blob = dir_blob_make(given->metadata, &d->digest_key);
        if (!l.metadata.blob) {
            return STATUS_NO_MEMORY;
        }
    }
    if (given->settings) {
        l.settings.blob = dir_blob_of_settings(given->settings, &d->digest_key);
        if (!l.settings.blob) {
            return STATUS_NO_MEMORY;
        }
    }
    *ret_life = l;
    l = (struct dir_life){0};
    return STATUS_OK;
}

static enum status create_check(const struct dir *d, struct slice name,
                                const struct dir_create *given) {
    enum status s = check_name(name);
    if (s == STATUS_OK && given->has_metadata) {
        s = check_metadata(given->metadata);
    }
    if (s == STATUS_OK && given->settings) {
        s = check_settings(given->settings);
    }
    if (s == STATUS_OK && d->alive >= d->cfg.rooms_max) {
        s = STATUS_EXHAUSTED;
    }
    return s;
}

/* A new life of a name that is not alive; its dead record may still be here. */
static enum status create_life(struct dir *d, struct dir_time t, struct slice name,
                               const struct dir_create *given, struct dir_record **ret_record) {
    _cleanup_(life_drop) struct dir_life life = {0};
    enum status s = life_prepare(d, given, &life);
    if (s != STATUS_OK) {
        return s;
    }
    struct dir_record *r = dir_record_find(d, name);
    bool made = !r;
    if (made) {
        s = dir_record_make(d, name, &r);
        if (s != STATUS_OK) {
            return s;
        }
    }
    s = dir_facts_reserve(&r->facts, (struct dir_stamp){.boot = d->clock.boot});
    if (s != STATUS_OK) {
        if (made) {
            dir_record_drop(d, r);
        }
        return s;
    }
    struct dir_stamp now = dir_clock_tick(&d->clock, t.wall_ms);
    life.birth = life.used = now;
    life.metadata.clock = given->has_metadata ? now : (struct dir_stamp){0};
    life.settings.clock = given->settings ? now : (struct dir_stamp){0};
    if (BROKEN(LEAK) && !life.metadata.blob && r->facts.lives_count > 0) {
        const struct dir_life *old = &dir_facts_lives(&r->facts)[0];
        life.metadata.blob = dir_blob_make(dir_blob_slice(old->metadata.blob), &d->digest_key);
        life.metadata.clock = now;
    }
    dir_facts_add(&r->facts, life);
    life = (struct dir_life){0};
    /* Before the change counts: what all members hold ended, they hold until now. */
    (void)dir_record_close_acked(d, r);
    dir_deadline_begin(r, t);
    dir_record_changed(d, r, t, DIR_FROM_HERE);
    d->counts.created++;
    *ret_record = r;
    return STATUS_OK;
}

/* used := now, for creates, joins, leaves and moves. */
static void use_record(struct dir *d, struct dir_record *r, struct dir_time t) {
    dir_facts_use(&r->facts, dir_clock_tick(&d->clock, t.wall_ms));
    dir_deadline_restart(r, t);
    dir_record_changed(d, r, t, DIR_FROM_HERE);
}

enum status dir_room_create(struct dir *d, struct dir_time t, struct slice name,
                            const struct dir_create *given, struct dir_room *ret_room,
                            bool *ret_created) {
    struct dir_record *r = dir_record_find_alive(d, name);
    bool created = !r;
    if (r) {
        use_record(d, r, t);
    } else {
        enum status s = create_check(d, name, given);
        if (s == STATUS_OK) {
            s = create_life(d, t, name, given, &r);
        }
        if (s != STATUS_OK) {
            return s;
        }
    }
    dir_after(d);
    dir_view(d, r, ret_room);
    *ret_created = created;
    return STATUS_OK;
}

/* ---- changes of a living room ---- */

enum status dir_room_use(struct dir *d, struct dir_time t, struct slice name) {
    struct dir_record *r = dir_record_find_alive(d, name);
    if (!r) {
        return STATUS_NOT_FOUND;
    }
    use_record(d, r, t);
    dir_after(d);
    return STATUS_OK;
}

enum status dir_room_set_home(struct dir *d, struct dir_time t, struct slice name) {
    struct dir_record *r = dir_record_find_alive(d, name);
    if (!r) {
        return STATUS_NOT_FOUND;
    }
    dir_facts_set_home(&r->facts, dir_clock_tick(&d->clock, t.wall_ms));
    dir_record_changed(d, r, t, DIR_FROM_HERE);
    dir_after(d);
    return STATUS_OK;
}

enum status dir_room_end(struct dir *d, struct dir_time t, struct slice name) {
    struct dir_record *r = dir_record_find_alive(d, name);
    if (!r) {
        return STATUS_NOT_FOUND;
    }
    dir_record_end(d, r, t);
    dir_record_settle(d, r);
    dir_after(d);
    return STATUS_OK;
}

enum status dir_room_delete(struct dir *d, struct dir_time t, struct slice name) {
    struct dir_record *r = dir_record_find_alive(d, name);
    if (!r) {
        return STATUS_NOT_FOUND;
    }
    dir_record_delete(d, r, t);
    dir_record_settle(d, r);
    dir_after(d);
    return STATUS_OK;
}

/* Writes one register into all current lives; each life owns a copy, and all copies are made
 * before the first is put in. */
static enum status write_all(struct dir *d, struct dir_record *r, struct dir_time t,
                             struct slice bytes, size_t value_offset) {
    struct dir_blob *blobs[DIR_LIVES_MAX];
    uint32_t current = dir_facts_current(&r->facts);
    for (uint32_t i = 0; i < current; i++) {
        blobs[i] = bytes.len ? dir_blob_make(bytes, &d->digest_key) : NULL;
        if (bytes.len && !blobs[i]) {
            while (i-- > 0) {
                mem_free(blobs[i]);
            }
            return STATUS_NO_MEMORY;
        }
    }
    struct dir_stamp now = dir_clock_tick(&d->clock, t.wall_ms);
    for (uint32_t i = 0, put = 0; i < r->facts.lives_count; i++) {
        struct dir_life *l = &dir_facts_lives(&r->facts)[i];
        if (dir_life_current(l)) {
            struct dir_value *v = (struct dir_value *)(void *)((char *)l + value_offset);
            mem_free(v->blob);
            *v = (struct dir_value){.clock = now, .blob = blobs[put++]};
        }
    }
    dir_record_changed(d, r, t, DIR_FROM_HERE);
    return STATUS_OK;
}

enum status dir_room_set_metadata(struct dir *d, struct dir_time t, struct slice name,
                                  struct slice metadata) {
    struct dir_record *r = dir_record_find_alive(d, name);
    if (!r) {
        return STATUS_NOT_FOUND;
    }
    enum status s = check_metadata(metadata);
    if (s == STATUS_OK) {
        s = write_all(d, r, t, metadata, offsetof(struct dir_life, metadata));
    }
    dir_after(d);
    return s;
}

static void blob_free(struct dir_blob **b) {
    mem_free(*b);
}

enum status dir_room_set_settings(struct dir *d, struct dir_time t, struct slice name,
                                  const struct dir_settings *settings) {
    struct dir_record *r = dir_record_find_alive(d, name);
    if (!r) {
        return STATUS_NOT_FOUND;
    }
    enum status s = check_settings(settings);
    if (s != STATUS_OK) {
        return s;
    }
    _cleanup_(blob_free) struct dir_blob *bytes = dir_blob_of_settings(settings, &d->digest_key);
    if (!bytes) {
        return STATUS_NO_MEMORY;
    }
    s = write_all(d, r, t, dir_blob_slice(bytes), offsetof(struct dir_life, settings));
    dir_after(d);
    return s;
}
