#include "journal_dump.h"

#include <inttypes.h>

#include "cursor.h"
#include "dir.h"
#include "dir_facts.h"
#include "json.h"

/* Hashes are not shown: any key will do. */
static const struct hash_key no_key;

/* Milliseconds, count within the millisecond, and who wrote it. */
static void put_stamp(struct buf *out, const char *name, struct dir_stamp stamp) {
    uint64_t within = stamp.time & (BIT(DIR_STAMP_COUNTER_BITS) - 1);
    buf_printf(out, "\"%s\":\"%" PRIu64 ".%" PRIu64 "@%016" PRIx64 "\",", name,
               dir_time_to_ms(stamp.time), within, stamp.boot);
}

static void put_settings(struct buf *out, const struct dir_life *life) {
    struct dir_settings s;
    if (!life->settings.blob || !dir_settings_read(dir_blob_slice(life->settings.blob), &s)) {
        return;
    }
    buf_printf(out,
               ",\"settings\":{\"empty_timeout_s\":%u,\"departure_timeout_s\":%u,"
               "\"max_participants\":%u,\"min_playout_delay_ms\":%u,\"max_playout_delay_ms\":%u,"
               "\"solo_timeout_s\":%u,\"max_duration_s\":%u,\"sync_streams\":%s,"
               "\"extra_bytes\":%zu}",
               s.empty_timeout_s, s.departure_timeout_s, s.max_participants, s.min_playout_delay_ms,
               s.max_playout_delay_ms, s.solo_timeout_s, s.max_duration_s,
               s.sync_streams ? "true" : "false", s.extra.len);
}

static void put_life(struct buf *out, const struct dir_life *life) {
    buf_put_cstr(out, "{");
    put_stamp(out, "birth", life->birth);
    put_stamp(out, "used", life->used);
    if (dir_stamp_set(life->home)) {
        put_stamp(out, "home", life->home);
    }
    buf_printf(out, "\"ended\":%s,\"metadata\":", life->ended ? "true" : "false");
    json_put_string(out, dir_blob_slice(life->metadata.blob));
    put_settings(out, life);
    buf_put_u8(out, '}');
}

static void put_facts(struct buf *out, struct slice name, const struct dir_facts *f) {
    buf_put_cstr(out, ",\"name\":");
    json_put_string(out, name);
    buf_printf(out, ",\"alive\":%s,\"stone_ms\":%" PRIu64 ",\"deleted\":[",
               dir_facts_alive(f) ? "true" : "false", dir_time_to_ms(f->stone));
    const char *comma = "";
    for (size_t i = 0; i < f->rows_count; i++) {
        const struct dir_row *row = &dir_facts_rows(f)[i];
        buf_printf(out, "%s{\"boot\":\"%016" PRIx64 "\",\"up_to_ms\":%" PRIu64 "}", comma,
                   row->boot, dir_time_to_ms(row->deleted));
        comma = ",";
    }
    buf_put_cstr(out, "],\"lives\":[");
    for (size_t i = 0; i < f->lives_count; i++) {
        buf_put_cstr(out, i > 0 ? "," : "");
        put_life(out, &dir_facts_lives(f)[i]);
    }
    buf_put_u8(out, ']');
}

static void put_room(struct buf *out, struct slice payload) {
    _cleanup_(dir_facts_deinit) struct dir_facts facts = {0};
    struct slice name;
    if (dir_facts_decode(payload, &no_key, &name, &facts) == STATUS_OK) {
        put_facts(out, name, &facts);
    } else {
        buf_put_cstr(out, ",\"malformed\":true");
    }
}

bool journal_dump_is_record(struct slice payload) {
    _cleanup_(dir_facts_deinit) struct dir_facts facts = {0};
    struct slice name;
    return dir_facts_decode(payload, &no_key, &name, &facts) != STATUS_MALFORMED;
}

static const char *name_of(enum journal_type type) {
    switch (type) {
    case JOURNAL_ROOM: return "room";
    case JOURNAL_CLOCK: return "clock";
    case JOURNAL_SNAPSHOT_BEGIN: return "snapshot_begin";
    case JOURNAL_SNAPSHOT_END: return "snapshot_end";
    }
    return "unknown";
}

void journal_dump_put(struct buf *out, const struct journal_entry *e) {
    struct cursor c = cursor_over(e->payload);
    buf_printf(out, "{\"file\":%" PRIu64 ",\"offset\":%" PRIu64 ",\"type\":\"%s\",\"bytes\":%zu",
               e->segment, e->offset, name_of(e->type), e->payload.len);
    switch (e->type) {
    case JOURNAL_ROOM: put_room(out, e->payload); break;
    case JOURNAL_CLOCK:
        buf_printf(out, ",\"time_ms\":%" PRIu64, dir_time_to_ms(cursor_be64(&c)));
        break;
    case JOURNAL_SNAPSHOT_BEGIN:
    case JOURNAL_SNAPSHOT_END: buf_printf(out, ",\"from_file\":%" PRIu64, cursor_be64(&c)); break;
    }
    buf_put_cstr(out, "}\n");
}
