#include "json.h"
#include "node_priv.h"

/* What the operators' pages show of rooms: a bounded number of rows for a bounded amount of work,
 * and where to go on. Pages ask again and again, so nothing is held between two answers. */

/* ---- rooms ------------------------------------------------------------------------------------
 */

struct rooms_page {
    struct node *n;
    struct buf *out;
    struct slice prefix;
    uint32_t rows, rows_max;
    bool begun;
};

static void put_optional_ms(struct buf *out, const char *name, bool given, int64_t value) {
    buf_printf(out, ",\"%s\":", name);
    if (given) {
        buf_put_i64_dec(out, value);
    } else {
        buf_put_cstr(out, "null");
    }
}

static void put_room_row(struct rooms_page *p, const struct dir_room *room) {
    struct buf *out = p->out;
    const struct host *host = node_host_find(p->n, room->name);
    Livekit__Room times = LIVEKIT__ROOM__INIT;
    times.num_participants = room->participants;
    node_fill_times(p->n, room, &times);
    buf_put_cstr(out, p->begun ? ",{\"name\":" : "{\"name\":");
    p->begun = true;
    json_put_string(out, room->name);
    buf_put_cstr(out, ",\"sid\":");
    json_put_string(out, ident_slice(&room->sid));
    buf_printf(out, ",\"created_ms\":%llu,\"participants\":%u,\"publishers\":%u",
               (unsigned long long)room->created_ms, room->participants,
               host ? host->room.counts.publishers : 0);
    put_optional_ms(out, "last_active_ms", true, times.stoa_last_active_ms);
    put_optional_ms(out, "expires_ms", times.opt_stoa_expires_ms_case != 0, times.stoa_expires_ms);
    buf_printf(out, ",\"metadata_bytes\":%llu}", (unsigned long long)room->metadata.len);
}

/* The one of exactly this name came first, beside the rows. */
static bool visit_room(void *arg, const struct dir_room *room) {
    struct rooms_page *p = arg;
    bool exact = p->prefix.len > 0 && room->name.len == p->prefix.len;
    if (slice_starts_with(room->name, p->prefix) && !exact) {
        put_room_row(p, room);
        p->rows++;
    }
    return p->rows < p->rows_max;
}

static void put_next(struct buf *out, bool more, uint32_t next) {
    put_optional_ms(out, "next", more, (int64_t)next);
}

static void put_rooms(struct node *n, const struct node_page *ask, struct buf *out) {
    struct rooms_page p = {.n = n, .out = out, .prefix = ask->prefix, .rows_max = ask->limit};
    uint32_t cursor = ask->from;
    struct dir_room room;
    buf_put_cstr(out, "{\"rooms\":[");
    if (cursor == 0 && ask->prefix.len > 0 &&
        dir_room_find(n->dir, ask->prefix, &room) == STATUS_OK) {
        put_room_row(&p, &room);
    }
    bool more = dir_iterate(n->dir, &cursor, PAGE_SLOTS_MAX, visit_room, &p);
    struct dir_counts counts;
    dir_counts_get(n->dir, n->now, &counts);
    buf_put_u8(out, ']');
    put_next(out, more, cursor);
    buf_printf(out, ",\"total\":%llu}", (unsigned long long)counts.rooms);
}

/* ---- one room ---------------------------------------------------------------------------------
 */

/* As the API tells it, but for what nobody needs to see. */
static void put_room(struct node *n, const struct dir_room *room, const struct host *host,
                     struct buf *out) {
    Livekit__Room message;
    node_fill_room(n, room, host ? &host->room.counts : NULL, &message);
    node_fill_times(n, room, &message);
    message.turn_password = node_cstr(n, (struct slice){0});
    proto_encode_json(&message.base, JSON_TWIRP, out);
}

/* Those from the from-th on, in the order in which they joined. Walking over who is left out is
 * bounded by what a room holds. */
static void put_participants(struct node *n, const struct node_page *ask, const struct host *host,
                             struct buf *out) {
    uint32_t at = 0, rows = 0;
    bool more = false;
    size_t bytes_end = out->len + PAGE_BYTES;
    list_each (node, &host->room.participants) {
        const struct participant *p = container_of(node, struct participant, in_room);
        if (rows == ask->limit || out->len >= bytes_end) {
            more = true;
            break;
        }
        if (at++ < ask->from || !slice_starts_with(participant_identity(p), ask->prefix)) {
            continue;
        }
        Livekit__ParticipantInfo info;
        participant_fill(p, &p->profile, &n->work, &info);
        if (rows++ > 0) {
            buf_put_u8(out, ',');
        }
        proto_encode_json(&info.base, JSON_TWIRP, out);
        out->failed = out->failed || n->work.failed;
        arena_reset(&n->work);
    }
    buf_put_u8(out, ']');
    put_next(out, more, at);
}

static void put_one_room(struct node *n, const struct node_page *ask, struct buf *out) {
    const struct host *host = node_host_find(n, ask->room);
    struct dir_room room;
    buf_put_cstr(out, "{\"room\":");
    if (dir_room_find(n->dir, ask->room, &room) == STATUS_OK) {
        put_room(n, &room, host, out);
    } else {
        buf_put_cstr(out, "null");
    }
    buf_put_cstr(out, ",\"participants\":[");
    if (host) {
        put_participants(n, ask, host, out);
    } else {
        buf_put_u8(out, ']');
        put_next(out, false, 0);
    }
    buf_printf(out, ",\"here\":%llu}",
               (unsigned long long)(host ? host->room.participants.count : 0));
}

enum status node_page(struct node *n, const struct node_event *ev, struct effects *fx) {
    struct node_page ask = ev->page;
    if (ask.limit == 0 || ask.limit > PAGE_ROWS_MAX) {
        ask.limit = PAGE_ROWS_MAX;
    }
    buf_clear(&n->text);
    if (ask.of_room) {
        put_one_room(n, &ask, &n->text);
    } else {
        put_rooms(n, &ask, &n->text);
    }
    struct slice body = fx_copy(fx, buf_slice(&n->text));
    struct effect *e = fx_add(fx, FX_API_REPLY);
    e->conn = ev->conn;
    e->http_status = 200;
    e->body_is_json = true;
    e->bytes = body;
    return n->text.failed || !node_ok(n, fx) ? STATUS_NO_MEMORY : STATUS_OK;
}
