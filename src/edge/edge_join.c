#include "edge_priv.h"

#include <string.h>

#include "base64.h"
#include "inflate.h"
#include "json.h"
#include "query.h"

enum { CAPABILITIES_MAX = 16, ATTRIBUTE_COUNT_MAX = 1024 };

/* Where a join is being decoded to, and the first thing that was wrong with it. */
struct decode {
    const struct http_request *r;
    struct arena *arena;
    Livekit__JoinRequest *join;
    Livekit__ClientInfo *info;
    Livekit__ConnectionSettings *settings;
    bool failed; /* for want of memory */
};

static struct slice parameter(struct decode *d, const char *name) {
    struct slice value = {0};
    if (query_find_text(d->r->query, name, d->arena, &value) == STATUS_NO_MEMORY) {
        d->failed = true;
    }
    return value;
}

static char *parameter_text(struct decode *d, const char *name) {
    char *text = proto_cstr(d->arena, parameter(d, name));
    if (!text) {
        d->failed = true;
    }
    return text;
}

static bool parameter_bool(struct decode *d, const char *name, bool absent) {
    struct slice value = parameter(d, name);
    if (value.len == 0) {
        return absent;
    }
    return slice_eq_cstr(value, "1") || slice_eq_nocase(value, SLICE_LIT("true"));
}

static int32_t parameter_int(struct decode *d, const char *name) {
    uint64_t value = 0;
    if (!slice_to_u64(parameter(d, name), &value) || value > INT32_MAX) {
        return 0;
    }
    return (int32_t)value;
}

/* ---- v1: a wrapped message --------------------------------------------------------------------
 */

static const char *unwrap(struct decode *d, struct slice packed, struct slice *ret_bytes) {
    struct slice wrapped;
    ProtobufCMessage *message = NULL;
    if (base64_decode_any(packed, d->arena, &wrapped) != STATUS_OK) {
        return "cannot base64 decode wrapped join request";
    }
    if (proto_decode(&livekit__wrapped_join_request__descriptor, wrapped, d->arena, &message) !=
        STATUS_OK) {
        return "cannot unmarshal wrapped join request";
    }
    const Livekit__WrappedJoinRequest *w = (const Livekit__WrappedJoinRequest *)message;
    struct slice inner = slice_of(w->join_request.data, w->join_request.len);
    if (w->compression != LIVEKIT__WRAPPED_JOIN_REQUEST__COMPRESSION__GZIP) {
        *ret_bytes = inner;
        return inner.len <= JOIN_REQUEST_BYTES_MAX ? NULL : "join request too large";
    }
    struct buf plain;
    buf_init(&plain, JOIN_REQUEST_BYTES_MAX);
    enum status s = gunzip(inner, &plain);
    *ret_bytes = arena_copy(d->arena, buf_slice(&plain));
    buf_deinit(&plain);
    if (s == STATUS_TOO_LARGE) {
        return "join request too large";
    }
    return s == STATUS_OK && !d->arena->failed ? NULL : "cannot read decompressed join request";
}

static const char *decode_wrapped(struct decode *d, struct slice packed) {
    struct slice bytes = {0};
    const char *error = unwrap(d, packed, &bytes);
    if (error) {
        return error;
    }
    ProtobufCMessage *message = NULL;
    if (proto_decode(&livekit__join_request__descriptor, bytes, d->arena, &message) != STATUS_OK) {
        return "cannot unmarshal join request";
    }
    d->join = (Livekit__JoinRequest *)message;
    return NULL;
}

/* ---- v0: flat parameters ----------------------------------------------------------------------
 */

static Livekit__ClientInfo__SDK parse_sdk(struct slice name) {
    static const struct {
        const char *name;
        Livekit__ClientInfo__SDK sdk;
    } sdks[] = {
        {"js", LIVEKIT__CLIENT_INFO__SDK__JS},
        {"ios", LIVEKIT__CLIENT_INFO__SDK__SWIFT},
        {"swift", LIVEKIT__CLIENT_INFO__SDK__SWIFT},
        {"android", LIVEKIT__CLIENT_INFO__SDK__ANDROID},
        {"flutter", LIVEKIT__CLIENT_INFO__SDK__FLUTTER},
        {"go", LIVEKIT__CLIENT_INFO__SDK__GO},
        {"unity", LIVEKIT__CLIENT_INFO__SDK__UNITY},
        {"unityweb", LIVEKIT__CLIENT_INFO__SDK__UNITY_WEB},
        {"reactnative", LIVEKIT__CLIENT_INFO__SDK__REACT_NATIVE},
        {"rust", LIVEKIT__CLIENT_INFO__SDK__RUST},
        {"python", LIVEKIT__CLIENT_INFO__SDK__PYTHON},
        {"cpp", LIVEKIT__CLIENT_INFO__SDK__CPP},
        {"node", LIVEKIT__CLIENT_INFO__SDK__NODE},
        {"unreal", LIVEKIT__CLIENT_INFO__SDK__UNREAL},
        {"esp32", LIVEKIT__CLIENT_INFO__SDK__ESP32},
    };
    for (size_t i = 0; i < ARRAY_LEN(sdks); i++) {
        if (slice_eq_cstr(name, sdks[i].name)) {
            return sdks[i].sdk;
        }
    }
    return LIVEKIT__CLIENT_INFO__SDK__UNKNOWN;
}

static void decode_capabilities(struct decode *d) {
    struct slice list = parameter(d, "capabilities");
    Livekit__ClientInfo__Capability *all = arena_zalloc(d->arena, CAPABILITIES_MAX * sizeof(*all));
    if (!all) {
        d->failed = true;
        return;
    }
    d->info->capabilities = all;
    while (list.len > 0 && d->info->n_capabilities < CAPABILITIES_MAX) {
        struct slice name = slice_split(&list, ',');
        for (unsigned i = 0; i < livekit__client_info__capability__descriptor.n_values; i++) {
            const ProtobufCEnumValue *v = &livekit__client_info__capability__descriptor.values[i];
            if (slice_eq_cstr(name, v->name)) {
                all[d->info->n_capabilities++] = (Livekit__ClientInfo__Capability)v->value;
            }
        }
    }
}

static void decode_info(struct decode *d) {
    Livekit__ClientInfo *info = d->info;
    info->sdk = parse_sdk(parameter(d, "sdk"));
    info->version = parameter_text(d, "version");
    info->protocol = parameter_int(d, "protocol");
    info->os = parameter_text(d, "os");
    info->os_version = parameter_text(d, "os_version");
    info->device_model = parameter_text(d, "device_model");
    info->browser = parameter_text(d, "browser");
    info->browser_version = parameter_text(d, "browser_version");
    info->network = parameter_text(d, "network");
    info->client_protocol = parameter_int(d, "client_protocol");
    decode_capabilities(d);
}

static void decode_settings(struct decode *d) {
    Livekit__ConnectionSettings *s = d->settings;
    s->auto_subscribe = parameter_bool(d, "auto_subscribe", true);
    s->adaptive_stream = parameter_bool(d, "adaptive_stream", false);
    s->disable_ice_lite = parameter_bool(d, "disable_ice_lite", false);
    if (parameter(d, "subscriber_allow_pause").len > 0) {
        s->opt_subscriber_allow_pause_case =
            LIVEKIT__CONNECTION_SETTINGS__OPT_SUBSCRIBER_ALLOW_PAUSE_SUBSCRIBER_ALLOW_PAUSE;
        s->subscriber_allow_pause = parameter_bool(d, "subscriber_allow_pause", false);
    }
    if (parameter(d, "auto_subscribe_data_track").len > 0) {
        s->opt_auto_subscribe_data_track_case =
            LIVEKIT__CONNECTION_SETTINGS__OPT_AUTO_SUBSCRIBE_DATA_TRACK_AUTO_SUBSCRIBE_DATA_TRACK;
        s->auto_subscribe_data_track = parameter_bool(d, "auto_subscribe_data_track", false);
    }
}

static bool add_attribute(struct decode *d, struct slice key, struct slice value) {
    Livekit__JoinRequest *j = d->join;
    Livekit__JoinRequest__ParticipantAttributesEntry *e = arena_alloc(d->arena, sizeof(*e));
    if (!e || j->n_participant_attributes == ATTRIBUTE_COUNT_MAX) {
        return false;
    }
    livekit__join_request__participant_attributes_entry__init(e);
    e->key = proto_cstr(d->arena, key);
    e->value = proto_cstr(d->arena, value);
    j->participant_attributes[j->n_participant_attributes++] = e;
    return e->key && e->value;
}

/* base64url of a JSON object of strings. False: not that. */
static bool decode_attributes(struct decode *d) {
    struct slice coded = parameter(d, "attributes"), text;
    if (coded.len == 0) {
        return true;
    }
    if (base64_decode_any(coded, d->arena, &text) != STATUS_OK) {
        return false;
    }
    d->join->participant_attributes =
        arena_zalloc(d->arena, ATTRIBUTE_COUNT_MAX * sizeof(d->join->participant_attributes[0]));
    if (!d->join->participant_attributes) {
        return false;
    }
    struct json_reader reader;
    json_reader_init(&reader, text, d->arena);
    bool ok = json_next(&reader).type == JSON_OBJECT_BEGIN;
    while (ok) {
        struct json_token key = json_next(&reader);
        if (key.type == JSON_OBJECT_END) {
            return true;
        }
        struct json_token value = json_next(&reader);
        ok = key.type == JSON_KEY && value.type == JSON_STRING &&
             add_attribute(d, key.text, value.text);
    }
    d->join->n_participant_attributes = 0;
    return false;
}

static bool decode_flat(struct decode *d) {
    d->join = arena_alloc(d->arena, sizeof(*d->join));
    d->info = arena_alloc(d->arena, sizeof(*d->info));
    d->settings = arena_alloc(d->arena, sizeof(*d->settings));
    if (!d->join || !d->info || !d->settings) {
        d->failed = true;
        return true;
    }
    livekit__join_request__init(d->join);
    livekit__client_info__init(d->info);
    livekit__connection_settings__init(d->settings);
    d->join->client_info = d->info;
    d->join->connection_settings = d->settings;
    decode_info(d);
    decode_settings(d);
    d->join->reconnect = parameter_bool(d, "reconnect", false);
    d->join->participant_sid = parameter_text(d, "sid");
    d->join->reconnect_reason = (Livekit__ReconnectReason)parameter_int(d, "reconnect_reason");
    return decode_attributes(d);
}

/* ---- both -------------------------------------------------------------------------------------
 */

bool join_decode(struct edge_conn *c, const struct http_request *r, bool v1, bool validate,
                 uint16_t *ret_status, const char **ret_text) {
    struct edge_msg *m = c->request->msg;
    struct decode d = {.r = r, .arena = &m->arena};
    struct slice packed = parameter(&d, "join_request");
    const char *error = NULL;
    if (packed.len > 0) {
        error = decode_wrapped(&d, packed);
        m->join.single_peer_connection = true;
    } else if (v1) {
        error = "join_request is required";
    } else if (!decode_flat(&d) && validate) {
        error = "cannot decode attributes";
    }
    /* A copy: parameters without escapes are views of bytes that control will not find there. */
    m->join.publish = arena_copy(&m->arena, parameter(&d, "publish"));
    m->join.client_address = client_address(c, r, &m->arena);
    if (d.failed || m->arena.failed) {
        *ret_status = 503;
        *ret_text = "out of memory";
        return false;
    }
    if (error) {
        *ret_status = 400;
        *ret_text = error;
        return false;
    }
    m->join.request = d.join;
    m->join.has_client_metadata_or_attributes =
        proto_text(d.join->metadata).len > 0 || d.join->n_participant_attributes > 0;
    m->join.subscriber_allow_pause =
        d.join->connection_settings && d.join->connection_settings->subscriber_allow_pause;
    return true;
}
