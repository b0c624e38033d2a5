#include "cluster_message.h"

#include "caps.h"
#include "dir.h"

static_assert(CM_GROUPS_COUNT * CM_GROUPS_COUNT == DIR_BUCKETS, "each bucket is in one group");
enum { BIRTH_BYTES = 16 };

/* ---- reading ---- */

static bool read_beat(struct cursor *c, struct cm_beat *b) {
    b->number = cursor_be64(c);
    b->started = cursor_be64(c);
    b->presence_seq = cursor_be64(c);
    b->wall_ms = cursor_be64(c);
    b->clock = cursor_be64(c);
    b->digest = cursor_be64(c);
    b->sessions = cursor_be32(c);
    b->rooms = cursor_be32(c);
    b->flags = cursor_u8(c);
    size_t region = cursor_u8(c);
    b->region = cursor_take(c, region);
    b->members = cursor_rest(c);
    size_t count = b->members.len / CM_MEMBER_BYTES;
    return region <= CM_REGION_BYTES_MAX && slice_is_text(b->region) && b->wall_ms <= INT64_MAX &&
           b->members.len % CM_MEMBER_BYTES == 0 && count <= DIR_MEMBERS_MAX;
}

/* True while there is an entry; *ret_bad when what is there is none. */
static bool entry_next(struct slice *entries, struct slice *ret_name, uint32_t *ret_count,
                       bool *ret_bad) {
    if (entries->len == 0) {
        return false;
    }
    struct cursor c = cursor_over(*entries);
    struct slice name = cursor_take(&c, cursor_be16(&c));
    uint32_t count = cursor_be32(&c);
    if (c.failed || name.len == 0 || name.len > ROOM_NAME_BYTES_MAX || !slice_is_text(name)) {
        *ret_bad = true;
        return false;
    }
    *entries = cursor_rest(&c);
    *ret_name = name;
    *ret_count = count;
    return true;
}

bool cm_entry_next(struct slice *entries, struct slice *ret_name, uint32_t *ret_count) {
    bool bad = false;
    return entry_next(entries, ret_name, ret_count, &bad);
}

static bool read_presence(struct cursor *c, struct cm_presence *p) {
    p->from = cursor_be64(c);
    p->to = cursor_be64(c);
    p->head = cursor_be64(c);
    p->flags = cursor_u8(c);
    p->entries = cursor_rest(c);
    struct slice rest = p->entries, name;
    uint32_t count;
    bool bad = false;
    while (entry_next(&rest, &name, &count, &bad)) {
    }
    return !bad && p->from <= p->to && (!(p->flags & CM_PRESENCE_ANEW) || p->from == 0);
}

static bool read_ask(struct cursor *c, struct cm_presence_ask *a) {
    a->boot = cursor_be64(c);
    a->seq = cursor_be64(c);
    a->head = cursor_be64(c);
    return cursor_left(c) == 0;
}

static bool read_round(struct cursor *c, bool all, struct cm_round *r) {
    r->round = cursor_be64(c);
    r->groups = cursor_be64(c);
    r->digests = cursor_rest(c);
    size_t groups = all ? 1 : (size_t)__builtin_popcountll(r->groups);
    return r->digests.len == groups * CM_GROUPS_COUNT * 8 && (!all || r->groups == 0);
}

static bool read_hashes(struct cursor *c, struct cm_hashes *h) {
    h->round = cursor_be64(c);
    h->bucket = cursor_be16(c);
    h->cursor = cursor_be32(c);
    uint8_t back = cursor_u8(c);
    h->back = back == 1;
    h->hashes = cursor_rest(c);
    if (h->bucket >= DIR_BUCKETS || back > 1 || h->hashes.len % 8 != 0 ||
        h->hashes.len / 8 > CLUSTER_HASHES_MAX) {
        return false;
    }
    for (size_t i = 1; i < h->hashes.len / 8; i++) {
        if (cm_u64_at(h->hashes, i) < cm_u64_at(h->hashes, i - 1)) {
            return false;
        }
    }
    return true;
}

static bool read_page(struct cursor *c, struct cm_page *p) {
    p->round = cursor_be64(c);
    p->bucket = cursor_be16(c);
    p->cursor = cursor_be32(c);
    p->batch = cursor_rest(c);
    return p->bucket < DIR_BUCKETS;
}

static bool read_reply(struct cursor *c, struct cm_handover_reply *r) {
    r->ask = cursor_be64(c);
    uint8_t yes = cursor_u8(c);
    r->yes = yes == 1;
    r->name = cursor_rest(c);
    return yes <= 1 && r->name.len > 0 && r->name.len <= ROOM_NAME_BYTES_MAX;
}

static bool lack_next(struct slice *rooms, struct slice *ret_name, struct slice *ret_births,
                      bool *ret_bad) {
    if (rooms->len == 0) {
        return false;
    }
    struct cursor c = cursor_over(*rooms);
    struct slice name = cursor_take(&c, cursor_be16(&c));
    struct slice births = cursor_take(&c, (size_t)cursor_be16(&c) * BIRTH_BYTES);
    if (c.failed || name.len == 0 || name.len > ROOM_NAME_BYTES_MAX ||
        births.len > (size_t)DIR_LIVES_MAX * BIRTH_BYTES) {
        *ret_bad = true;
        return false;
    }
    *rooms = cursor_rest(&c);
    *ret_name = name;
    *ret_births = births;
    return true;
}

bool cm_lack_next(struct slice *rooms, struct slice *ret_name, struct slice *ret_births) {
    bool bad = false;
    return lack_next(rooms, ret_name, ret_births, &bad);
}

static bool read_lacks(struct cursor *c, struct cm_lacks *l) {
    l->round = cursor_be64(c);
    l->bucket = cursor_be16(c);
    l->rooms = cursor_rest(c);
    struct slice rest = l->rooms, name, births;
    bool bad = false;
    while (lack_next(&rest, &name, &births, &bad)) {
    }
    return !bad && l->bucket < DIR_BUCKETS;
}

static bool read_body(struct cursor *c, struct cluster_message *m) {
    switch (m->kind) {
    case CM_BEAT: return read_beat(c, &m->beat);
    case CM_PRESENCE: return read_presence(c, &m->presence);
    case CM_PRESENCE_ASK: return read_ask(c, &m->ask);
    case CM_DELTA: m->batch = cursor_rest(c); return true;
    case CM_GROUPS: return read_round(c, true, &m->round);
    case CM_BUCKETS: return read_round(c, false, &m->round);
    case CM_HASHES: return read_hashes(c, &m->hashes);
    case CM_PAGE:
    case CM_PROBE: return read_page(c, &m->page);
    case CM_HANDOVER:
        m->handover.ask = cursor_be64(c);
        m->handover.record = cursor_rest(c);
        return true;
    case CM_HANDOVER_REPLY: return read_reply(c, &m->reply);
    case CM_LACKS: return read_lacks(c, &m->lacks);
    case CM_RESYNCED: return cursor_left(c) == 0;
    case CM_KINDS: break;
    }
    return false;
}

bool cm_read(struct slice bytes, struct cluster_message *ret_message) {
    struct cursor c = cursor_over(bytes);
    struct cluster_message m = {0};
    uint8_t version = cursor_u8(&c), kind = cursor_u8(&c);
    m.from = cursor_be64(&c);
    m.boot = cursor_be64(&c);
    if (c.failed || version != CM_VERSION || kind < CM_BEAT || kind >= CM_KINDS || m.from == 0 ||
        m.boot == 0) {
        return false;
    }
    m.kind = (enum cm_kind)kind;
    if (!read_body(&c, &m) || c.failed) {
        return false;
    }
    *ret_message = m;
    return true;
}

uint64_t cm_u64_at(struct slice words, size_t i) {
    struct cursor c = cursor_over(slice_sub(words, i * 8, 8));
    return cursor_be64(&c);
}

size_t cm_members_count(struct slice members) {
    return members.len / CM_MEMBER_BYTES;
}

/* Written out: compilers see one load in it. */
static uint64_t be32_at(const uint8_t *at) {
    return (uint64_t)at[0] << 24 | (uint64_t)at[1] << 16 | (uint64_t)at[2] << 8 | at[3];
}

/* Each of hundreds of nodes reads this of each other one for each of all: so without a cursor. */
struct cm_member cm_member_at(struct slice members, size_t i) {
    assert(i < cm_members_count(members));
    const uint8_t *at = members.data + i * CM_MEMBER_BYTES;
    return (struct cm_member){
        .id = be32_at(at) << 32 | be32_at(at + 4),
        .boot = be32_at(at + 8) << 32 | be32_at(at + 12),
        .silent_s = (uint32_t)be32_at(at + 16),
        .flags = at[20],
    };
}

struct dir_stamp cm_birth_at(struct slice births, size_t i) {
    return (struct dir_stamp){cm_u64_at(births, 2 * i), cm_u64_at(births, 2 * i + 1)};
}

/* ---- writing ---- */

void cm_begin(struct buf *out, enum cm_kind kind, uint64_t from, uint64_t boot) {
    buf_clear(out);
    buf_put_u8(out, CM_VERSION);
    buf_put_u8(out, (uint8_t)kind);
    buf_put_be64(out, from);
    buf_put_be64(out, boot);
}

void cm_put_beat(struct buf *out, const struct cm_beat *b) {
    assert(b->region.len <= CM_REGION_BYTES_MAX);
    buf_put_be64(out, b->number);
    buf_put_be64(out, b->started);
    buf_put_be64(out, b->presence_seq);
    buf_put_be64(out, b->wall_ms);
    buf_put_be64(out, b->clock);
    buf_put_be64(out, b->digest);
    buf_put_be32(out, b->sessions);
    buf_put_be32(out, b->rooms);
    buf_put_u8(out, b->flags);
    buf_put_u8(out, (uint8_t)b->region.len);
    buf_put(out, b->region);
}

void cm_put_member(struct buf *out, const struct cm_member *m) {
    buf_put_be64(out, m->id);
    buf_put_be64(out, m->boot);
    buf_put_be32(out, m->silent_s);
    buf_put_u8(out, m->flags);
}

void cm_put_presence(struct buf *out, const struct cm_presence *p) {
    buf_put_be64(out, p->from);
    buf_put_be64(out, p->to);
    buf_put_be64(out, p->head);
    buf_put_u8(out, p->flags);
}

void cm_put_entry(struct buf *out, struct slice name, uint32_t count) {
    buf_put_be16(out, (uint16_t)name.len);
    buf_put(out, name);
    buf_put_be32(out, count);
}

void cm_put_ask(struct buf *out, const struct cm_presence_ask *a) {
    buf_put_be64(out, a->boot);
    buf_put_be64(out, a->seq);
    buf_put_be64(out, a->head);
}

void cm_put_round(struct buf *out, enum cm_kind kind, uint64_t round, uint64_t groups) {
    assert(kind == CM_BUCKETS || groups == 0);
    (void)kind;
    buf_put_be64(out, round);
    buf_put_be64(out, groups);
}

void cm_put_hashes(struct buf *out, const struct cm_hashes *h) {
    buf_put_be64(out, h->round);
    buf_put_be16(out, h->bucket);
    buf_put_be32(out, h->cursor);
    buf_put_u8(out, h->back);
}

void cm_put_page(struct buf *out, uint64_t round, uint16_t bucket, uint32_t cursor) {
    buf_put_be64(out, round);
    buf_put_be16(out, bucket);
    buf_put_be32(out, cursor);
}

void cm_put_handover(struct buf *out, uint64_t ask) {
    buf_put_be64(out, ask);
}

void cm_put_handover_reply(struct buf *out, uint64_t ask, bool yes, struct slice name) {
    buf_put_be64(out, ask);
    buf_put_u8(out, yes);
    buf_put(out, name);
}

void cm_put_lacks(struct buf *out, uint64_t round, uint16_t bucket) {
    buf_put_be64(out, round);
    buf_put_be16(out, bucket);
}

void cm_put_lack(struct buf *out, struct slice name, const struct dir_stamp *births, size_t count) {
    buf_put_be16(out, (uint16_t)name.len);
    buf_put(out, name);
    buf_put_be16(out, (uint16_t)count);
    for (size_t i = 0; i < count; i++) {
        buf_put_be64(out, births[i].time);
        buf_put_be64(out, births[i].boot);
    }
}
