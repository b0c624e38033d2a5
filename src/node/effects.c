#include <string.h>

#include "effects.h"
#include "mem.h"

void effects_init(struct effects *fx) {
    *fx = (struct effects){.cap = EFFECTS_FIRST};
    fx->items = fx->first;
    arena_init(&fx->arena, STEP_BYTES_MAX);
}

void effects_clear(struct effects *fx) {
    fx->count = 0;
    fx->failed = false;
    fx->held_bytes = 0;
    arena_reset(&fx->arena);
}

void effects_deinit(struct effects *fx) {
    if (fx->items != fx->first) {
        mem_free(fx->items);
    }
    arena_deinit(&fx->arena);
    *fx = (struct effects){0};
}

bool fx_reserve(struct effects *fx, size_t more) {
    if (more <= fx->cap - fx->count) {
        return true;
    }
    size_t cap = MAX(2 * fx->cap, fx->count + more);
    struct effect *items = mem_calloc(cap, sizeof(*items));
    if (!items) {
        fx->failed = true;
        return false;
    }
    memcpy(items, fx->items, fx->count * sizeof(*items));
    if (fx->items != fx->first) {
        mem_free(fx->items);
    }
    fx->items = items;
    fx->cap = cap;
    return true;
}

struct effect *fx_add(struct effects *fx, enum effect_kind kind) {
    struct effect *e = fx_reserve(fx, 1) ? &fx->items[fx->count++] : &fx->lost;
    *e = (struct effect){.kind = kind};
    return e;
}

bool fx_ok(const struct effects *fx) {
    return !fx->failed && !fx->arena.failed;
}

void fx_rollback(struct effects *fx, size_t mark) {
    assert(mark <= fx->count);
    fx->count = mark;
    fx->failed = false;
    fx->held_bytes = 0;
    fx->arena.failed = false;
}

bool fx_hold(struct effects *fx, size_t bytes, size_t items) {
    uint8_t *held = arena_alloc(&fx->arena, bytes);
    if (!held || !fx_reserve(fx, items)) {
        return false;
    }
    fx->held = held;
    fx->held_bytes = bytes;
    return true;
}

static void *take(struct effects *fx, size_t size) {
    enum { ALIGN = 16 };
    size_t padded = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (padded > fx->held_bytes) {
        return arena_alloc(&fx->arena, size);
    }
    void *p = fx->held;
    fx->held += padded;
    fx->held_bytes -= padded;
    return p;
}

void *fx_alloc(struct effects *fx, size_t size) {
    return take(fx, size);
}

struct slice fx_copy(struct effects *fx, struct slice s) {
    void *p = s.len > 0 ? take(fx, s.len) : NULL;
    return p ? slice_of(memcpy(p, s.data, s.len), s.len) : (struct slice){0};
}

struct slice fx_encode(struct effects *fx, const ProtobufCMessage *message) {
    size_t size = protobuf_c_message_get_packed_size(message);
    if (size == 0) {
        return (struct slice){0};
    }
    uint8_t *bytes = take(fx, size);
    if (!bytes) {
        return (struct slice){0};
    }
    return slice_of(bytes, protobuf_c_message_pack(message, bytes));
}

void fx_signal(struct effects *fx, const uint64_t *conns, size_t count,
               const Livekit__SignalResponse *message) {
    if (count == 0) {
        return;
    }
    struct effect *e = fx_add(fx, FX_SIGNAL);
    e->conns = conns;
    e->conns_count = count;
    e->bytes = fx_encode(fx, &message->base);
}

static const uint64_t *one_conn(struct effects *fx, uint64_t conn) {
    uint64_t *conns = take(fx, sizeof(*conns));
    if (conns) {
        *conns = conn;
    }
    return conns;
}

void fx_signal_one(struct effects *fx, uint64_t conn, const Livekit__SignalResponse *message) {
    if (conn != 0) {
        fx_signal(fx, one_conn(fx, conn), 1, message);
    }
}

static size_t varint_len(size_t v) {
    size_t len = 1;
    for (; v >= 0x80; v >>= 7) {
        len++;
    }
    return len;
}

/* The head of a field that holds bytes. */
static uint8_t *put_head(uint8_t *at, uint32_t field, size_t len) {
    enum { WIRE_BYTES = 2 };
    assert(field > 0 && field < 16);
    *at++ = (uint8_t)(field << 3 | WIRE_BYTES);
    for (; len >= 0x80; len >>= 7) {
        *at++ = (uint8_t)(len | 0x80);
    }
    *at++ = (uint8_t)len;
    return at;
}

void fx_signal_list(struct effects *fx, uint64_t conn, const ProtobufCMessage *inner,
                    const struct fx_list *list) {
    size_t len = protobuf_c_message_get_packed_size(inner);
    for (size_t i = 0; i < list->count; i++) {
        len += 1 + varint_len(list->items[i].len) + list->items[i].len;
    }
    size_t whole = 1 + varint_len(len) + len;
    uint8_t *bytes = take(fx, whole);
    if (!bytes) {
        return;
    }
    uint8_t *at = put_head(bytes, list->field, len);
    at += protobuf_c_message_pack(inner, at);
    for (size_t i = 0; i < list->count; i++) {
        struct slice item = list->items[i];
        at = put_head(at, list->item, item.len);
        memcpy(at, item.data, item.len);
        at += item.len;
    }
    assert(at == bytes + whole);
    struct effect *e = fx_add(fx, FX_SIGNAL);
    e->conns = one_conn(fx, conn);
    e->conns_count = 1;
    e->bytes = slice_of(bytes, whole);
}

void fx_signal_bytes(struct effects *fx, uint64_t conn, struct slice encoded) {
    struct effect *e = fx_add(fx, FX_SIGNAL);
    e->conns = one_conn(fx, conn);
    e->conns_count = 1;
    e->bytes = fx_copy(fx, encoded);
}

void fx_token(struct effects *fx, uint64_t conn, struct slice claims_json) {
    struct effect *e = fx_add(fx, FX_REFRESH_TOKEN);
    e->conns = one_conn(fx, conn);
    e->conns_count = 1;
    e->bytes = claims_json;
}

void fx_close(struct effects *fx, uint64_t conn, uint16_t ws_code) {
    if (conn == 0) {
        return;
    }
    struct effect *e = fx_add(fx, FX_CLOSE_SIGNAL);
    e->conns = one_conn(fx, conn);
    e->conns_count = 1;
    e->ws_code = ws_code;
}

void fx_text(struct effects *fx, uint64_t conn, uint16_t http_status, struct slice text) {
    struct effect *e = fx_add(fx, FX_TEXT_REPLY);
    e->conn = conn;
    e->http_status = http_status;
    e->bytes = text;
}
