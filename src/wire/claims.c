#include "claims.h"

#include "claims_priv.h"
#include "json.h"

const struct claim_word claim_kinds[CLAIM_KINDS] = {
    {"standard", KIND_STANDARD}, {"ingress", KIND_INGRESS}, {"egress", KIND_EGRESS},
    {"sip", KIND_SIP},           {"agent", KIND_AGENT},     {"connector", KIND_CONNECTOR},
    {"bridge", KIND_BRIDGE},
};
const struct claim_word claim_kind_details[CLAIM_KIND_DETAILS] = {
    {"cloud_agent", 0},      {"forwarded", 1},   {"connector_whatsapp", 2},
    {"connector_twilio", 3}, {"bridge_rtsp", 4}, {"simulation", 5},
};
const struct claim_word claim_sources[CLAIM_SOURCES] = {
    {"unknown", 0},
    {"camera", 1},
    {"microphone", 2},
    {"screen_share", 3},
    {"screen_share_audio", 4},
};

/* Claims while they are read: some fields depend on two claims. */
struct draft {
    struct claims claims;
    struct slice sub, jti, ignored;
    struct json_reader json;
    struct arena *arena; /* borrowed */
    const char *reason;  /* static; NULL until something is wrong */
};

/* Reads the value that begins with `first` into the field of its row. STATUS_INVALID: the value
 * has the wrong type, and nothing else is wrong. null leaves a field as it is, like in Go. */
typedef enum status (*claim_read)(struct draft *d, struct json_token first, void *field);

struct claim_row {
    struct slice name;
    claim_read read;
    size_t offset; /* of the field in struct draft */
    const char *reason;
};

static enum status broken_json(const struct draft *d) {
    return d->arena->failed ? STATUS_NO_MEMORY : STATUS_MALFORMED;
}

static enum status read_string(struct draft *d, struct json_token first, void *field) {
    struct slice *text = field;
    if (first.type == JSON_STRING) {
        *text = first.text;
    }
    return first.type == JSON_STRING || first.type == JSON_NULL ? STATUS_OK : STATUS_INVALID;
}

static enum status read_bool(struct draft *d, struct json_token first, void *field) {
    bool *flag = field;
    if (first.type == JSON_TRUE || first.type == JSON_FALSE) {
        *flag = first.type == JSON_TRUE;
        return STATUS_OK;
    }
    return first.type == JSON_NULL ? STATUS_OK : STATUS_INVALID;
}

static enum status read_tristate(struct draft *d, struct json_token first, void *field) {
    enum tristate *state = field;
    if (first.type == JSON_TRUE || first.type == JSON_FALSE) {
        *state = first.type == JSON_TRUE ? TRI_TRUE : TRI_FALSE;
        return STATUS_OK;
    }
    return first.type == JSON_NULL ? STATUS_OK : STATUS_INVALID;
}

static enum status read_time(struct json_token first, bool *ret_has, double *ret_seconds) {
    if (first.type == JSON_NULL) {
        return STATUS_OK;
    }
    double seconds;
    if (first.type != JSON_NUMBER || !json_to_double(first.text, &seconds)) {
        return STATUS_INVALID;
    }
    *ret_has = true;
    *ret_seconds = seconds;
    return STATUS_OK;
}

static enum status read_expires(struct draft *d, struct json_token first, void *field) {
    return read_time(first, &d->claims.has_expires, &d->claims.expires_s);
}

static enum status read_not_before(struct draft *d, struct json_token first, void *field) {
    return read_time(first, &d->claims.has_not_before, &d->claims.not_before_s);
}

static bool find_word(const struct claim_word *words, size_t count, struct slice name,
                      uint32_t *ret_value) {
    for (size_t i = 0; i < count; i++) {
        if (slice_eq_nocase(name, slice_from_cstr(words[i].name))) {
            *ret_value = words[i].value;
            return true;
        }
    }
    return false;
}

static enum status read_kind(struct draft *d, struct json_token first, void *field) {
    uint32_t kind = KIND_STANDARD; /* also for unknown text */
    if (first.type == JSON_STRING) {
        (void)find_word(claim_kinds, CLAIM_KINDS, first.text, &kind);
        d->claims.kind = (enum participant_kind)kind;
    }
    return first.type == JSON_STRING || first.type == JSON_NULL ? STATUS_OK : STATUS_INVALID;
}

/* The next string of an array; NOT_FOUND at its end. */
static enum status next_word(struct draft *d, struct slice *ret_text) {
    struct json_token t = json_next(&d->json);
    switch (t.type) {
    case JSON_ARRAY_END: return STATUS_NOT_FOUND;
    case JSON_ERROR: return broken_json(d);
    case JSON_STRING: *ret_text = t.text; return STATUS_OK;
    default: return STATUS_INVALID;
    }
}

static enum status read_kind_details(struct draft *d, struct json_token first, void *field) {
    uint32_t *details = field;
    if (first.type != JSON_ARRAY_BEGIN) {
        return first.type == JSON_NULL ? STATUS_OK : STATUS_INVALID;
    }
    struct slice word;
    enum status s;
    while ((s = next_word(d, &word)) == STATUS_OK) {
        uint32_t detail;
        if (find_word(claim_kind_details, CLAIM_KIND_DETAILS, word, &detail)) {
            *details |= BIT(detail);
        }
    }
    return s == STATUS_NOT_FOUND ? STATUS_OK : s;
}

static enum status read_sources(struct draft *d, struct json_token first, void *field) {
    struct video_grant *video = &d->claims.video;
    if (first.type != JSON_ARRAY_BEGIN) {
        return first.type == JSON_NULL ? STATUS_OK : STATUS_INVALID;
    }
    struct slice word;
    enum status s;
    while ((s = next_word(d, &word)) == STATUS_OK) {
        uint32_t source = 0; /* unknown, as is any text that names none */
        (void)find_word(claim_sources, CLAIM_SOURCES, word, &source);
        video->can_publish_sources |= BIT(source);
        video->can_publish_sources_count++;
    }
    return s == STATUS_NOT_FOUND ? STATUS_OK : s;
}

/* Counts the pairs of the map that the reader stands in, and checks that all values are strings,
 * without moving it. */
static enum status count_pairs(const struct draft *d, size_t *ret_count) {
    struct json_reader ahead = d->json;
    ahead.arena = NULL;
    size_t count = 0;
    struct json_token t;
    while ((t = json_next(&ahead)).type == JSON_KEY) {
        enum json_type value = json_next(&ahead).type;
        if (value != JSON_STRING) {
            return value == JSON_ERROR ? STATUS_MALFORMED : STATUS_INVALID;
        }
        count++;
    }
    if (t.type != JSON_OBJECT_END) {
        return STATUS_MALFORMED;
    }
    *ret_count = count;
    return STATUS_OK;
}

static enum status read_pairs(struct draft *d, struct attribute *pairs, size_t count) {
    struct slice *keys = arena_alloc(d->arena, count * sizeof(*keys));
    if (!keys) {
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        struct json_token key = json_next(&d->json), value = json_next(&d->json);
        if (key.type != JSON_KEY || value.type != JSON_STRING) {
            return broken_json(d); /* counted before: only memory can be missing now */
        }
        pairs[i] = (struct attribute){.key = key.text, .value = value.text};
        keys[i] = key.text;
    }
    if (!json_keys_unique(keys, count)) {
        d->reason = "attributes has a key twice";
        return STATUS_MALFORMED;
    }
    return STATUS_OK;
}

static enum status read_attributes(struct draft *d, struct json_token first, void *field) {
    if (first.type != JSON_OBJECT_BEGIN) {
        return first.type == JSON_NULL ? STATUS_OK : STATUS_INVALID;
    }
    size_t count;
    enum status s = count_pairs(d, &count);
    if (s != STATUS_OK) {
        return s;
    }
    struct attribute *pairs = NULL;
    if (count > 0) {
        pairs = arena_alloc(d->arena, count * sizeof(*pairs));
        s = pairs ? read_pairs(d, pairs, count) : STATUS_NO_MEMORY;
    }
    if (s != STATUS_OK) {
        return s;
    }
    d->claims.attributes = pairs;
    d->claims.attributes_count = count;
    return json_next(&d->json).type == JSON_OBJECT_END ? STATUS_OK : broken_json(d);
}

/* Objects of which nothing is used here; their content only has to be JSON. */
static enum status read_ignored_object(struct draft *d, struct json_token first, void *field) {
    if (first.type == JSON_NULL) {
        return STATUS_OK;
    }
    if (first.type != JSON_OBJECT_BEGIN) {
        return STATUS_INVALID;
    }
    return json_skip_rest(&d->json, first) ? STATUS_OK : STATUS_MALFORMED;
}

static enum status read_room_config(struct draft *d, struct json_token first, void *field) {
    struct slice *raw = field;
    const uint8_t *begin = d->json.at - 1; /* the brace that `first` stands for */
    enum status s = read_ignored_object(d, first, NULL);
    if (s == STATUS_OK && first.type == JSON_OBJECT_BEGIN) {
        *raw = slice_of(begin, (size_t)(d->json.at - begin));
    }
    return s;
}

static const struct claim_row *find_row(const struct claim_row *rows, size_t count,
                                        struct slice name) {
    for (size_t i = 0; i < count; i++) {
        /* The length first: it settles nearly all without a call. */
        if (name.len == rows[i].name.len && slice_eq_nocase(name, rows[i].name)) {
            return &rows[i];
        }
    }
    return NULL;
}

static enum status read_row(struct draft *d, const struct claim_row *row) {
    struct json_token first = json_next(&d->json);
    if (first.type == JSON_ERROR) {
        return broken_json(d);
    }
    enum status s = row->read(d, first, (char *)d + row->offset);
    if (s == STATUS_INVALID) {
        d->reason = row->reason;
        s = STATUS_MALFORMED;
    }
    return s;
}

/* The members of an object whose brace has been read. */
static enum status read_members(struct draft *d, const struct claim_row *rows, size_t count) {
    uint32_t seen = 0;
    struct json_token t;
    while ((t = json_next(&d->json)).type == JSON_KEY) {
        const struct claim_row *row = find_row(rows, count, t.text);
        if (!row) {
            if (!json_skip_value(&d->json)) {
                return broken_json(d);
            }
            continue;
        }
        uint32_t bit = BIT((uint32_t)(row - rows));
        if ((seen & bit) != 0) {
            d->reason = "a claim stands there twice";
            return STATUS_MALFORMED;
        }
        seen |= bit;
        enum status s = read_row(d, row);
        if (s != STATUS_OK) {
            return s;
        }
    }
    return t.type == JSON_OBJECT_END ? STATUS_OK : broken_json(d);
}

#define ROW(text, reader, field, what)                                                             \
    {                                                                                              \
        .name = {(const uint8_t *)("" text), sizeof(text) - 1}, .read = (reader),                  \
        .offset = offsetof(struct draft, field), .reason = text " is not " what                    \
    }
#define STRING_ROW(name, field) ROW(name, read_string, field, "a string")
#define BOOL_ROW(name, field) ROW(name, read_bool, field, "a boolean")
#define TRISTATE_ROW(name, field) ROW(name, read_tristate, field, "a boolean")

static const struct claim_row video_rows[] = {
    BOOL_ROW("roomCreate", claims.video.room_create),
    BOOL_ROW("roomList", claims.video.room_list),
    BOOL_ROW("roomRecord", claims.video.room_record),
    BOOL_ROW("roomAdmin", claims.video.room_admin),
    BOOL_ROW("roomJoin", claims.video.room_join),
    STRING_ROW("room", claims.video.room),
    STRING_ROW("destinationRoom", claims.video.destination_room),
    BOOL_ROW("ingressAdmin", claims.video.ingress_admin),
    TRISTATE_ROW("canPublish", claims.video.can_publish),
    TRISTATE_ROW("canSubscribe", claims.video.can_subscribe),
    TRISTATE_ROW("canPublishData", claims.video.can_publish_data),
    ROW("canPublishSources", read_sources, claims.video, "a list of strings"),
    TRISTATE_ROW("canUpdateOwnMetadata", claims.video.can_update_own_metadata),
    BOOL_ROW("hidden", claims.video.hidden),
    BOOL_ROW("recorder", claims.video.recorder),
    BOOL_ROW("agent", claims.video.agent),
    TRISTATE_ROW("canSubscribeMetrics", claims.video.can_subscribe_metrics),
    TRISTATE_ROW("canManageAgentSession", claims.video.can_manage_agent_session),
};

static const struct claim_row sip_rows[] = {
    BOOL_ROW("admin", claims.sip_admin),
    BOOL_ROW("call", claims.sip_call),
};

static enum status read_object(struct draft *d, struct json_token first,
                               const struct claim_row *rows, size_t count) {
    if (first.type != JSON_OBJECT_BEGIN) {
        return first.type == JSON_NULL ? STATUS_OK : STATUS_INVALID;
    }
    return read_members(d, rows, count);
}

static enum status read_video(struct draft *d, struct json_token first, void *field) {
    d->claims.has_video = first.type == JSON_OBJECT_BEGIN;
    return read_object(d, first, video_rows, ARRAY_LEN(video_rows));
}

static enum status read_sip(struct draft *d, struct json_token first, void *field) {
    return read_object(d, first, sip_rows, ARRAY_LEN(sip_rows));
}

static const struct claim_row claim_rows[] = {
    STRING_ROW("iss", claims.issuer),
    STRING_ROW("sub", sub),
    STRING_ROW("jti", jti),
    ROW("exp", read_expires, claims.expires_s, "a number"),
    ROW("nbf", read_not_before, claims.not_before_s, "a number"),
    STRING_ROW("identity", ignored), /* minted by some, overruled by sub */
    STRING_ROW("name", claims.name),
    ROW("kind", read_kind, claims.kind, "a string"),
    ROW("kindDetails", read_kind_details, claims.kind_details, "a list of strings"),
    STRING_ROW("metadata", claims.metadata),
    ROW("attributes", read_attributes, claims.attributes, "a map of strings"),
    ROW("video", read_video, claims.video, "an object"),
    ROW("sip", read_sip, claims.sip_admin, "an object"),
    ROW("agent", read_ignored_object, ignored, "an object"),
    ROW("inference", read_ignored_object, ignored, "an object"),
    ROW("observability", read_ignored_object, ignored, "an object"),
    ROW("roomConfig", read_room_config, claims.room_config, "an object"),
    STRING_ROW("roomPreset", claims.room_preset),
    STRING_ROW("sha256", claims.sha256),
};
static_assert(ARRAY_LEN(claim_rows) <= 32 && ARRAY_LEN(video_rows) <= 32, "a bit for each row");

enum status claims_read(struct slice payload, struct arena *arena, struct claims *ret_claims,
                        const char **ret_reason) {
    struct draft d = {.arena = arena};
    json_reader_init(&d.json, payload, arena);
    enum status s = STATUS_MALFORMED;
    if (json_next(&d.json).type == JSON_OBJECT_BEGIN) {
        s = read_members(&d, claim_rows, ARRAY_LEN(claim_rows));
    }
    if (s == STATUS_OK && !json_at_end(&d.json)) {
        s = STATUS_MALFORMED;
    }
    if (s != STATUS_OK) {
        const char *general = s == STATUS_NO_MEMORY ? "no memory" : "not one JSON object of text";
        *ret_reason = d.reason ? d.reason : general;
        return s;
    }
    d.claims.identity = d.sub.len > 0 ? d.sub : d.jti;
    *ret_claims = d.claims;
    return STATUS_OK;
}

enum claims_time claims_check_time(const struct claims *c, uint64_t now_unix_s) {
    double now = (double)now_unix_s;
    if (!c->has_expires) {
        return CLAIMS_NO_EXPIRY;
    }
    if (!(now < c->expires_s + TOKEN_LEEWAY_S)) {
        return CLAIMS_EXPIRED;
    }
    if (c->has_not_before && !(now >= c->not_before_s - TOKEN_LEEWAY_S)) {
        return CLAIMS_NOT_YET;
    }
    return CLAIMS_IN_TIME;
}

bool grant_can_publish(const struct video_grant *g) {
    return g->can_publish != TRI_FALSE;
}

bool grant_can_subscribe(const struct video_grant *g) {
    return g->can_subscribe != TRI_FALSE;
}

bool grant_can_publish_data(const struct video_grant *g) {
    if (g->can_publish_data == TRI_ABSENT) {
        return grant_can_publish(g);
    }
    return g->can_publish_data == TRI_TRUE;
}
