#include "data_packet_priv.h"

/* Counts, and writes when there is a buffer: a nested message is walked twice, first for its
 * length. */
struct sink {
    struct buf *out; /* NULL: count only */
    size_t bytes;
};

static void sink_put(struct sink *k, struct slice s) {
    k->bytes += s.len;
    if (k->out) {
        buf_put(k->out, s);
    }
}

static void sink_varint(struct sink *k, uint64_t v) {
    for (uint64_t rest = v; rest >= 0x80; rest >>= 7) {
        k->bytes++;
    }
    k->bytes++;
    if (k->out) {
        buf_put_varint(k->out, v);
    }
}

static void sink_number(struct sink *k, uint32_t field, uint64_t v) {
    if (v != 0) {
        sink_varint(k, (uint64_t)field << 3 | WIRE_VARINT);
        sink_varint(k, v);
    }
}

static void sink_bytes(struct sink *k, uint32_t field, struct slice s) {
    sink_varint(k, (uint64_t)field << 3 | WIRE_BYTES);
    sink_varint(k, s.len);
    sink_put(k, s);
}

/* proto3 leaves empty singular fields out. */
static void sink_text(struct sink *k, uint32_t field, struct slice s) {
    if (s.len > 0) {
        sink_bytes(k, field, s);
    }
}

static void sink_names(struct sink *k, uint32_t field, struct data_names names) {
    struct slice name;
    while (data_names_next(&names, &name)) {
        sink_bytes(k, field, name);
    }
}

static void put_user_body(struct sink *k, const struct data_packet_view *v,
                          const struct data_packet_sender *sender) {
    bool mirror = v->destination_identities_count > 0;
    struct cursor c = cursor_over(v->body);
    struct proto_field f;
    while (proto_field_next(&c, &f)) {
        bool ours = f.number == USER_SID || f.number == USER_IDENTITY ||
                    (f.number == USER_DESTINATION_IDENTITIES && mirror);
        if (!ours) {
            sink_put(k, f.raw);
        }
    }
    if (!sender->hidden) {
        sink_text(k, USER_SID, sender->sid);
        sink_text(k, USER_IDENTITY, sender->identity);
    }
    if (mirror) {
        sink_names(k, USER_DESTINATION_IDENTITIES, data_packet_names(v, DATA_NAMES_IDENTITIES));
    }
}

static void put_user(struct sink *k, const struct data_packet_view *v,
                     const struct data_packet_sender *sender) {
    struct sink length = {0};
    put_user_body(&length, v, sender);
    sink_varint(k, (uint64_t)DATA_VALUE_USER << 3 | WIRE_BYTES);
    sink_varint(k, length.bytes);
    put_user_body(k, v, sender);
}

enum status data_packet_rewrite(const struct data_packet_view *v,
                                const struct data_packet_sender *sender, struct buf *out) {
    struct sink k = {.out = out};
    struct cursor c = cursor_over(v->packet);
    struct proto_field f;
    while (proto_field_next(&c, &f)) {
        switch (f.number) {
        case PACKET_KIND:
        case PACKET_IDENTITY:
        case PACKET_SEQUENCE:
        case PACKET_SID: break; /* written below */
        case DATA_VALUE_USER: put_user(&k, v, sender); break;
        default: sink_put(&k, f.raw); break;
        }
    }
    if (v->destination_identities_count == 0) {
        sink_names(&k, PACKET_DESTINATION_IDENTITIES,
                   data_packet_names(v, DATA_NAMES_USER_IDENTITIES));
    }
    sink_number(&k, PACKET_KIND, sender->kind);
    if (!sender->hidden) {
        sink_text(&k, PACKET_IDENTITY, sender->identity);
        sink_text(&k, PACKET_SID, sender->sid);
    }
    sink_number(&k, PACKET_SEQUENCE, v->sequence);
    return out->failed ? STATUS_TOO_LARGE : STATUS_OK;
}
