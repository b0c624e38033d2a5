/* proto3 JSON to messages, by descriptor (room-api.md 2.5). Every function answers false when the
 * text does not fit; why (form or memory) is told apart once, at the end. */
#include <math.h>
#include <string.h>

#include "base64.h"
#include "caps.h"
#include "json.h"
#include "proto_priv.h"

struct reading {
    struct json_reader in;
    struct arena *arena; /* borrowed */
    size_t elements_left;
    bool too_many;
};

/* A repeated field while it grows; the earlier, smaller arrays stay behind in the arena. */
struct growing {
    uint8_t *items;
    size_t count, cap, item_size;
};

static bool read_message(struct reading *r, ProtobufCMessage *message);

/* True when key is the name of the .proto file or its lowerCamelCase form. */
static bool name_matches(const char *name, struct slice key) {
    size_t at = 0;
    bool as_declared = true, as_camel = true, upper = false;
    size_t camel_at = 0;
    for (; *name && (as_declared || as_camel); name++) {
        uint8_t c = (uint8_t)*name;
        as_declared = as_declared && at < key.len && key.data[at] == c;
        at++;
        if (c == '_') {
            upper = true;
            continue;
        }
        if (upper && c >= 'a' && c <= 'z') {
            c = (uint8_t)(c - 'a' + 'A');
        }
        upper = false;
        as_camel = as_camel && camel_at < key.len && key.data[camel_at] == c;
        camel_at++;
    }
    return (as_declared && at == key.len) || (as_camel && camel_at == key.len);
}

/* Starts behind the field found last: senders mostly write fields in order. */
static const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *type,
                                                  struct slice key, unsigned *hint) {
    for (unsigned i = 0; i < type->n_fields; i++) {
        unsigned at = *hint + i < type->n_fields ? *hint + i : *hint + i - type->n_fields;
        const char *name = type->fields[at].name;
        /* Both forms begin alike, which rules most fields out. */
        if (key.len > 0 && (uint8_t)name[0] == key.data[0] && name_matches(name, key)) {
            *hint = at + 1 < type->n_fields ? at + 1 : 0;
            return &type->fields[at];
        }
    }
    return NULL;
}

static bool is_number_like(struct json_token token) {
    return token.type == JSON_NUMBER || token.type == JSON_STRING;
}

static bool read_signed(struct json_token token, int64_t min, int64_t max, int64_t *ret_value) {
    int64_t v;
    if (!is_number_like(token) || !json_to_i64(token.text, &v) || v < min || v > max) {
        return false;
    }
    *ret_value = v;
    return true;
}

static bool read_unsigned(struct json_token token, uint64_t max, uint64_t *ret_value) {
    uint64_t v;
    if (!is_number_like(token) || !json_to_u64(token.text, &v) || v > max) {
        return false;
    }
    *ret_value = v;
    return true;
}

static bool read_floating(struct json_token token, bool is_float32, double *ret_value) {
    double v;
    if (token.type == JSON_STRING && slice_eq_cstr(token.text, "NaN")) {
        v = (double)NAN;
    } else if (token.type == JSON_STRING && slice_eq_cstr(token.text, "Infinity")) {
        v = (double)INFINITY;
    } else if (token.type == JSON_STRING && slice_eq_cstr(token.text, "-Infinity")) {
        v = -(double)INFINITY;
    } else if (!is_number_like(token) || !json_to_double(token.text, &v)) {
        return false;
    } else if (is_float32 && fabs(v) >= 0x1.ffffffp127) {
        return false; /* would round to infinity */
    }
    *ret_value = v;
    return true;
}

/* A name that is not known is no error: the field stays as it is. */
static bool read_enum(struct json_token token, const ProtobufCEnumDescriptor *type,
                      int64_t *ret_value, bool *ret_kept) {
    if (token.type == JSON_NUMBER) {
        return read_signed(token, INT32_MIN, INT32_MAX, ret_value);
    }
    if (token.type != JSON_STRING) {
        return false;
    }
    for (unsigned i = 0; i < type->n_values; i++) {
        if (slice_eq_cstr(token.text, type->values[i].name)) {
            *ret_value = type->values[i].value;
            return true;
        }
    }
    *ret_kept = false;
    return true;
}

static bool read_bytes(struct reading *r, struct json_token token, ProtobufCBinaryData *at) {
    struct slice bytes;
    if (token.type != JSON_STRING || base64_decode_any(token.text, r->arena, &bytes) != STATUS_OK) {
        return false;
    }
    *at = (ProtobufCBinaryData){bytes.len, (uint8_t *)(uintptr_t)bytes.data};
    return true;
}

static bool read_string(struct reading *r, struct json_token token, char **at) {
    if (token.type != JSON_STRING) {
        return false;
    }
    char *text = proto_cstr(r->arena, token.text);
    if (text) {
        *at = text;
    }
    return text != NULL;
}

static ProtobufCMessage *message_create(struct reading *r, const ProtobufCMessageDescriptor *type) {
    ProtobufCMessage *message = arena_alloc(r->arena, type->sizeof_message);
    if (message) {
        type->message_init(message);
    }
    return message;
}

static bool read_timestamp(struct json_token token, ProtobufCMessage *message) {
    int64_t seconds;
    int32_t nanos;
    if (token.type != JSON_STRING || !proto_timestamp_read(token.text, &seconds, &nanos)) {
        return false;
    }
    const ProtobufCFieldDescriptor *fields = message->descriptor->fields;
    *(int64_t *)proto_value_of(message, &fields[0]) = seconds;
    *(int32_t *)proto_value_of(message, &fields[1]) = nanos;
    return true;
}

static bool read_submessage(struct reading *r, struct json_token token,
                            const ProtobufCMessageDescriptor *type, ProtobufCMessage **at) {
    ProtobufCMessage *message = message_create(r, type);
    if (!message) {
        return false;
    }
    *at = message;
    if (proto_is_timestamp(type)) {
        return read_timestamp(token, message);
    }
    return token.type == JSON_OBJECT_BEGIN && read_message(r, message);
}

static bool read_number(struct json_token token, ProtobufCType type, void *at) {
    int64_t i;
    uint64_t u;
    double d;
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64: return read_signed(token, INT64_MIN, INT64_MAX, at);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64: return read_unsigned(token, UINT64_MAX, at);
    case PROTOBUF_C_TYPE_DOUBLE: return read_floating(token, false, at);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        if (!read_unsigned(token, UINT32_MAX, &u)) {
            return false;
        }
        *(uint32_t *)at = (uint32_t)u;
        return true;
    case PROTOBUF_C_TYPE_FLOAT:
        if (!read_floating(token, true, &d)) {
            return false;
        }
        *(float *)at = (float)d;
        return true;
    default:
        if (!read_signed(token, INT32_MIN, INT32_MAX, &i)) {
            return false;
        }
        *(int32_t *)at = (int32_t)i;
        return true;
    }
}

/* One value that is not null. *ret_kept is false when it is to be left out. */
static bool read_value(struct reading *r, struct json_token token,
                       const ProtobufCFieldDescriptor *field, void *at, bool *ret_kept) {
    int64_t number = 0;
    *ret_kept = true;
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: return read_string(r, token, at);
    case PROTOBUF_C_TYPE_BYTES: return read_bytes(r, token, at);
    case PROTOBUF_C_TYPE_MESSAGE: return read_submessage(r, token, field->descriptor, at);
    case PROTOBUF_C_TYPE_BOOL:
        if (token.type != JSON_TRUE && token.type != JSON_FALSE) {
            return false;
        }
        *(protobuf_c_boolean *)at = token.type == JSON_TRUE;
        return true;
    case PROTOBUF_C_TYPE_ENUM:
        if (!read_enum(token, field->descriptor, &number, ret_kept)) {
            return false;
        }
        if (*ret_kept) {
            *(int32_t *)at = (int32_t)number;
        }
        return true;
    default: return read_number(token, field->type, at);
    }
}

/* Room for one more item, zeroed, not yet counted. NULL at a bound. */
static void *grow(struct reading *r, struct growing *list) {
    if (r->elements_left == 0) {
        r->too_many = true;
        return NULL;
    }
    r->elements_left--;
    if (list->count == list->cap) {
        size_t cap = list->cap > 0 ? 2 * list->cap : 4;
        uint8_t *items = arena_zalloc(r->arena, cap * list->item_size);
        if (!items) {
            return NULL;
        }
        if (list->count > 0) {
            memcpy(items, list->items, list->count * list->item_size);
        }
        list->items = items;
        list->cap = cap;
    }
    return list->items + list->count * list->item_size;
}

static void put_list(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                     const struct growing *list) {
    *(void **)proto_value_of(message, field) = list->items;
    *proto_count_of(message, field) = list->count;
}

static bool read_list(struct reading *r, struct json_token token, ProtobufCMessage *message,
                      const ProtobufCFieldDescriptor *field) {
    if (token.type != JSON_ARRAY_BEGIN) {
        return false;
    }
    struct growing list = {.item_size = proto_value_size(field->type)};
    for (;;) {
        token = json_next(&r->in);
        if (token.type == JSON_ARRAY_END) {
            break;
        }
        void *at = grow(r, &list);
        bool kept;
        /* A null is an error here: read_value knows no null. */
        if (!at || !read_value(r, token, field, at, &kept)) {
            return false;
        }
        list.count += kept;
    }
    if (list.count > 0) {
        put_list(message, field, &list);
    }
    return true;
}

/* Object keys are strings, whatever the type of the map's key. */
static bool read_map_key(struct reading *r, struct json_token token,
                         const ProtobufCFieldDescriptor *field, void *at) {
    if (token.type != JSON_KEY) {
        return false;
    }
    struct json_token text = {JSON_STRING, token.text};
    if (field->type == PROTOBUF_C_TYPE_BOOL) {
        bool yes = slice_eq_cstr(token.text, "true");
        text.type = yes ? JSON_TRUE : JSON_FALSE;
        if (!yes && !slice_eq_cstr(token.text, "false")) {
            return false;
        }
    }
    bool kept;
    return read_value(r, text, field, at, &kept);
}

static bool read_map(struct reading *r, struct json_token token, ProtobufCMessage *message,
                     const ProtobufCFieldDescriptor *field) {
    if (token.type != JSON_OBJECT_BEGIN) {
        return false;
    }
    const ProtobufCMessageDescriptor *entry_type = field->descriptor;
    struct growing list = {.item_size = sizeof(ProtobufCMessage *)};
    for (;;) {
        token = json_next(&r->in);
        if (token.type == JSON_OBJECT_END) {
            break;
        }
        ProtobufCMessage **at = grow(r, &list), *entry;
        if (!at || !(entry = message_create(r, entry_type))) {
            return false;
        }
        const ProtobufCFieldDescriptor *key = &entry_type->fields[0], *value = key + 1;
        bool kept;
        if (!read_map_key(r, token, key, proto_value_of(entry, key)) ||
            !read_value(r, json_next(&r->in), value, proto_value_of(entry, value), &kept)) {
            return false;
        }
        *at = entry;
        list.count += kept;
    }
    bool unique;
    if (proto_map_is_unique((ProtobufCMessage **)(void *)list.items, list.count, r->arena,
                            &unique) != STATUS_OK ||
        !unique) {
        return false;
    }
    if (list.count > 0) {
        put_list(message, field, &list);
    }
    return true;
}

/* Fields met so far in one object, as bits of their places. */
struct seen {
    uint64_t any;
    uint64_t not_null;
};

/* True when another member of this oneof had a value, or a name that is not known. */
static bool oneof_is_taken(const ProtobufCMessageDescriptor *type,
                           const ProtobufCFieldDescriptor *field, uint64_t not_null) {
    for (unsigned i = 0; i < type->n_fields; i++) {
        if ((not_null >> i & 1) && proto_is_oneof(&type->fields[i]) &&
            type->fields[i].quantifier_offset == field->quantifier_offset) {
            return true;
        }
    }
    return false;
}

static bool read_singular(struct reading *r, struct json_token token, ProtobufCMessage *message,
                          const ProtobufCFieldDescriptor *field, uint64_t not_null) {
    if (proto_is_oneof(field) && oneof_is_taken(message->descriptor, field, not_null)) {
        return false;
    }
    bool kept;
    if (!read_value(r, token, field, proto_value_of(message, field), &kept)) {
        return false;
    }
    if (proto_is_oneof(field) && kept) {
        *proto_case_of(message, field) = field->id;
    }
    return true;
}

static bool read_field(struct reading *r, ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *field, struct seen *seen) {
    uint64_t bit = UINT64_C(1) << (field - message->descriptor->fields);
    if (seen->any & bit) {
        return false;
    }
    seen->any |= bit;
    struct json_token token = json_next(&r->in);
    if (token.type == JSON_NULL) {
        return true;
    }
    bool ok;
    if (proto_is_map(field)) {
        ok = read_map(r, token, message, field);
    } else if (proto_is_repeated(field)) {
        ok = read_list(r, token, message, field);
    } else {
        ok = read_singular(r, token, message, field, seen->not_null);
    }
    seen->not_null |= bit;
    return ok;
}

/* What stands between { (already read) and }. */
static bool read_message(struct reading *r, ProtobufCMessage *message) {
    const ProtobufCMessageDescriptor *type = message->descriptor;
    assert(type->n_fields <= PROTO_FIELDS_MAX);
    struct seen seen = {0};
    unsigned hint = 0;
    for (;;) {
        struct json_token token = json_next(&r->in);
        if (token.type == JSON_OBJECT_END) {
            return true;
        }
        if (token.type != JSON_KEY) {
            return false;
        }
        const ProtobufCFieldDescriptor *field = find_field(type, token.text, &hint);
        bool ok = field ? read_field(r, message, field, &seen) : json_skip_value(&r->in);
        if (!ok) {
            return false;
        }
    }
}

enum status proto_decode_json(const ProtobufCMessageDescriptor *type, struct slice text,
                              struct arena *arena, ProtobufCMessage **ret_message) {
    struct reading r = {.arena = arena, .elements_left = PROTO_ELEMENTS_MAX};
    json_reader_init(&r.in, text, arena);
    ProtobufCMessage *message = NULL;
    if (!read_submessage(&r, json_next(&r.in), type, &message)) {
        return arena->failed || r.too_many ? STATUS_NO_MEMORY : STATUS_MALFORMED;
    }
    *ret_message = message;
    return STATUS_OK;
}
