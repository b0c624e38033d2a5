#include "data_packet.h"

#include "data_packet_priv.h"

/* Fields inside a value that the router looks at: where they go in the view. */
struct inner_row {
    enum data_packet_value value;
    uint32_t field;
    size_t offset; /* of a struct slice in struct data_packet_view */
    bool is_text;
};

#define VIEW(member) offsetof(struct data_packet_view, member)
static const struct inner_row inner_rows[] = {
    {DATA_VALUE_USER, USER_PAYLOAD, VIEW(payload), false},
    {DATA_VALUE_USER, USER_TOPIC, VIEW(topic), true},
    {DATA_VALUE_USER, USER_ID, VIEW(id), true},
    {DATA_VALUE_USER, USER_NONCE, VIEW(nonce), false},
    {DATA_VALUE_TRANSCRIPTION, 2, VIEW(transcribed_identity), true},
    {DATA_VALUE_CHAT, 1, VIEW(id), true},
    {DATA_VALUE_RPC_REQUEST, 1, VIEW(id), true},
    {DATA_VALUE_RPC_REQUEST, 2, VIEW(method), true},
    {DATA_VALUE_RPC_ACK, 1, VIEW(id), true},
    {DATA_VALUE_RPC_RESPONSE, 1, VIEW(id), true},
    {DATA_VALUE_STREAM_HEADER, 1, VIEW(id), true},
    {DATA_VALUE_STREAM_HEADER, 3, VIEW(topic), true},
    {DATA_VALUE_STREAM_CHUNK, 1, VIEW(id), true},
    {DATA_VALUE_STREAM_TRAILER, 1, VIEW(id), true},
};
#undef VIEW

enum { CHAT_GENERATED = 6, STREAM_HEADER_TEXT = 9, TEXT_HEADER_GENERATED = 5 };

bool proto_field_next(struct cursor *c, struct proto_field *ret_field) {
    if (c->failed || cursor_left(c) == 0) {
        return false;
    }
    const uint8_t *start = c->at;
    uint64_t tag = cursor_varint(c);
    struct proto_field f = {.number = (uint32_t)(tag >> 3), .wire = tag & 7};
    if (tag > UINT32_MAX || f.number == 0) {
        c->failed = true;
        return false;
    }
    switch (f.wire) {
    case WIRE_VARINT: f.varint = cursor_varint(c); break;
    case WIRE_FIXED64: cursor_skip(c, 8); break;
    case WIRE_FIXED32: cursor_skip(c, 4); break;
    case WIRE_BYTES: {
        uint64_t len = cursor_varint(c);
        if (len > cursor_left(c)) {
            c->failed = true;
        } else {
            f.bytes = cursor_take(c, (size_t)len);
        }
        break;
    }
    default: c->failed = true; break; /* groups are not part of proto3 */
    }
    if (c->failed) {
        return false;
    }
    f.raw = slice_of(start, (size_t)(c->at - start));
    *ret_field = f;
    return true;
}

static enum status read_text(const struct proto_field *f, struct slice *ret_text) {
    if (f->wire != WIRE_BYTES || !slice_is_text(f->bytes)) {
        return STATUS_MALFORMED;
    }
    *ret_text = f->bytes;
    return STATUS_OK;
}

static enum status read_varint(const struct proto_field *f, uint64_t *ret_value) {
    if (f->wire != WIRE_VARINT) {
        return STATUS_MALFORMED;
    }
    *ret_value = f->varint;
    return STATUS_OK;
}

static enum status read_flag(const struct proto_field *f, bool *ret_flag) {
    uint64_t value = 0;
    enum status s = read_varint(f, &value);
    if (s == STATUS_OK) {
        *ret_flag = value != 0;
    }
    return s;
}

static enum status read_name(const struct proto_field *f, size_t *count) {
    struct slice ignored;
    enum status s = read_text(f, &ignored);
    if (s != STATUS_OK) {
        return s;
    }
    if (*count >= DATA_PACKET_NAMES_MAX) {
        return STATUS_TOO_LARGE;
    }
    (*count)++;
    return STATUS_OK;
}

static enum status read_text_header(const struct proto_field *outer, struct data_packet_view *v) {
    if (outer->wire != WIRE_BYTES) {
        return STATUS_MALFORMED;
    }
    struct cursor c = cursor_over(outer->bytes);
    struct proto_field f;
    enum status s = STATUS_OK;
    while (s == STATUS_OK && proto_field_next(&c, &f)) {
        if (f.number == TEXT_HEADER_GENERATED) {
            s = read_flag(&f, &v->generated);
        }
    }
    return c.failed ? STATUS_MALFORMED : s;
}

static enum status read_row(const struct inner_row *row, const struct proto_field *f,
                            struct data_packet_view *v) {
    struct slice *into = (struct slice *)(void *)((char *)v + row->offset);
    if (row->is_text) {
        return read_text(f, into);
    }
    if (f->wire != WIRE_BYTES) {
        return STATUS_MALFORMED;
    }
    *into = f->bytes;
    return STATUS_OK;
}

static enum status read_inner(const struct proto_field *f, struct data_packet_view *v) {
    for (size_t i = 0; i < ARRAY_LEN(inner_rows); i++) {
        if (inner_rows[i].value == v->value && inner_rows[i].field == f->number) {
            return read_row(&inner_rows[i], f, v);
        }
    }
    struct slice ignored;
    if (v->value == DATA_VALUE_USER) {
        switch (f->number) {
        case USER_SID:
        case USER_IDENTITY: return read_text(f, &ignored);
        case USER_DESTINATION_SIDS: return read_name(f, &v->user_destination_sids_count);
        case USER_DESTINATION_IDENTITIES:
            return read_name(f, &v->user_destination_identities_count);
        default: return STATUS_OK;
        }
    }
    if (v->value == DATA_VALUE_CHAT && f->number == CHAT_GENERATED) {
        return read_flag(f, &v->generated);
    }
    if (v->value == DATA_VALUE_STREAM_HEADER && f->number == STREAM_HEADER_TEXT) {
        return read_text_header(f, v);
    }
    return STATUS_OK;
}

static bool is_value(uint32_t number) {
    return number == DATA_VALUE_USER || number == DATA_VALUE_SPEAKER ||
           (number >= DATA_VALUE_SIP_DTMF && number <= DATA_VALUE_STREAM_TRAILER) ||
           number == DATA_VALUE_ENCRYPTED;
}

/* Two values, even two of one kind, which protobuf would merge, are refused: readers that pick
 * differently would see different packets. */
static enum status read_value(const struct proto_field *outer, struct data_packet_view *v) {
    if (outer->wire != WIRE_BYTES || v->value != DATA_VALUE_NONE) {
        return STATUS_MALFORMED;
    }
    v->value = (enum data_packet_value)outer->number;
    v->body = outer->bytes;
    struct cursor c = cursor_over(v->body);
    struct proto_field f;
    enum status s = STATUS_OK;
    while (s == STATUS_OK && proto_field_next(&c, &f)) {
        s = read_inner(&f, v);
    }
    return c.failed ? STATUS_MALFORMED : s;
}

static enum status read_outer(const struct proto_field *f, struct data_packet_view *v) {
    uint64_t number = 0;
    enum status s = STATUS_OK;
    switch (f->number) {
    case PACKET_KIND:
        s = read_varint(f, &number);
        v->kind = number == DATA_KIND_LOSSY ? DATA_KIND_LOSSY : DATA_KIND_RELIABLE;
        return s;
    case PACKET_SEQUENCE:
        s = read_varint(f, &number);
        v->sequence = (uint32_t)number;
        return s;
    case PACKET_IDENTITY: return read_text(f, &v->participant_identity);
    case PACKET_SID: return read_text(f, &v->participant_sid);
    case PACKET_DESTINATION_IDENTITIES: return read_name(f, &v->destination_identities_count);
    default: return is_value(f->number) ? read_value(f, v) : STATUS_OK;
    }
}

enum status data_packet_read(struct slice packet, struct data_packet_view *ret_view) {
    struct data_packet_view v = {.packet = packet};
    struct cursor c = cursor_over(packet);
    struct proto_field f;
    enum status s = STATUS_OK;
    while (s == STATUS_OK && proto_field_next(&c, &f)) {
        s = read_outer(&f, &v);
    }
    if (c.failed) {
        s = STATUS_MALFORMED;
    }
    if (s == STATUS_OK) {
        *ret_view = v;
    }
    return s;
}

struct data_names data_packet_names(const struct data_packet_view *v, enum data_packet_names sort) {
    switch (sort) {
    case DATA_NAMES_IDENTITIES:
        return (struct data_names){cursor_over(v->packet), PACKET_DESTINATION_IDENTITIES};
    case DATA_NAMES_USER_SIDS:
    case DATA_NAMES_USER_IDENTITIES: break;
    }
    bool is_user = v->value == DATA_VALUE_USER;
    return (struct data_names){
        .at = cursor_over(is_user ? v->body : slice_of(NULL, 0)),
        .field = sort == DATA_NAMES_USER_SIDS ? USER_DESTINATION_SIDS : USER_DESTINATION_IDENTITIES,
    };
}

bool data_names_next(struct data_names *names, struct slice *ret_name) {
    struct proto_field f;
    while (proto_field_next(&names->at, &f)) {
        if (f.number == names->field && f.wire == WIRE_BYTES) {
            *ret_name = f.bytes;
            return true;
        }
    }
    return false;
}

bool data_packet_is_broadcast(const struct data_packet_view *v) {
    return v->destination_identities_count == 0 && v->user_destination_sids_count == 0 &&
           v->user_destination_identities_count == 0;
}
