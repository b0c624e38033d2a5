#include <stdio.h>

#include "edge_priv.h"
#include "json.h"
#include "process.h"
#include "query.h"

#include "livekit_room.pb-c.h"

/* ---- status: what this process knows without asking control ----------------------------------
 */

enum { STATUS_BYTES_MAX = 256 << 10, METHOD_NAME_MAX = 64 };

/* Metrics that the pages show, under the names of their fields. */
#define SHOWN(S)                                                                                   \
    S(rooms)                                                                                       \
    S(participants)                                                                                \
    S(overdue_ms)                                                                                  \
    S(scan_findings)                                                                               \
    S(sweep_last_s)                                                                                \
    S(sweep_next_s)                                                                                \
    S(dir_sweep_done)                                                                              \
    S(dir_created)                                                                                 \
    S(dir_ended)                                                                                   \
    S(dir_deleted)                                                                                 \
    S(dir_bytes)                                                                                   \
    S(joins)                                                                                       \
    S(joins_refused)                                                                               \
    S(edge_conns)                                                                                  \
    S(edge_websockets)                                                                             \
    S(edge_bytes_in)                                                                               \
    S(edge_bytes_out)                                                                              \
    S(datagrams_in)                                                                                \
    S(datagrams_out)                                                                               \
    S(transports)                                                                                  \
    S(control_busy_us)                                                                             \
    S(control_turn_us_max)                                                                         \
    S(log_dropped)

static const struct shown {
    const char *name;
    size_t offset;
} shown[] = {
#define S(field) {#field, offsetof(struct metrics, field)},
    SHOWN(S)
#undef S
};

static void put_metrics(const struct edge *e, struct buf *out) {
    const struct metrics *parts[EDGE_METRIC_PARTS_MAX];
    size_t count = edge_metric_parts(e, parts);
    buf_put_cstr(out, ",\"metrics\":{");
    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        uint64_t sum = metrics_sum(parts, count, shown[i].offset);
        buf_printf(out, "%s\"%s\":%llu", i ? "," : "", shown[i].name, (unsigned long long)sum);
    }
    buf_put_u8(out, '}');
}

static uint64_t load(const uint64_t *value) {
    return __atomic_load_n(value, __ATOMIC_RELAXED);
}

static void put_numbers(struct buf *out, const char *name, const uint64_t *values, size_t count) {
    buf_printf(out, ",\"%s\":[", name);
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "%s%llu", i ? "," : "", (unsigned long long)values[i]);
    }
    buf_put_u8(out, ']');
}

/* One method of the API: how its calls ended, and how long they took. */
static void put_method(const struct edge *e, enum api_op op, struct buf *out) {
    uint64_t statuses[EDGE_STATUS_CLASSES] = {0}, buckets[LATENCY_BUCKETS + 1] = {0}, sum_us = 0;
    for (uint32_t i = 0; i < e->threads_count; i++) {
        const struct edge_thread *t = e->threads[i];
        for (size_t o = 0; o < EDGE_OUTCOMES; o++) {
            statuses[outcome_class(o)] += load(&t->outcomes[op][o]);
        }
        for (size_t b = 0; b < ARRAY_LEN(buckets); b++) {
            buckets[b] += load(&t->latencies[op].buckets[b]);
        }
        sum_us += load(&t->latencies[op].sum_us);
    }
    buf_printf(out, "{\"method\":\"%s\",\"sum_us\":%llu", api_method_at(op)->name,
               (unsigned long long)sum_us);
    put_numbers(out, "statuses", statuses, ARRAY_LEN(statuses));
    put_numbers(out, "buckets", buckets, ARRAY_LEN(buckets));
    buf_put_u8(out, '}');
}

static void put_calls(const struct edge *e, struct buf *out) {
    uint64_t limits[LATENCY_BUCKETS];
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        limits[i] = latency_bucket_ms[i];
    }
    put_numbers(out, "bucket_ms", limits, ARRAY_LEN(limits));
    buf_put_cstr(out, ",\"calls\":[");
    for (uint32_t op = 0; op < API_OP_COUNT; op++) {
        if (op > 0) {
            buf_put_u8(out, ',');
        }
        put_method(e, (enum api_op)op, out);
    }
    buf_put_u8(out, ']');
}

/* What the page that joins rooms needs to know. */
static void put_signalling(const struct edge_conn *c, const struct http_request *r,
                           struct buf *out) {
    const struct edge *e = c->thread->edge;
    buf_printf(out, ",\"signal_port\":%u,\"signal_tls\":%s,\"signs_tokens\":%s", edge_port(e),
               e->tls ? "true" : "false", ui_signs_tokens(c, r) ? "true" : "false");
}

static void answer_status(struct edge_conn *c, const struct http_request *r) {
    struct edge *e = c->thread->edge;
    uint64_t now = clock_wall_ms();
    struct buf out;
    buf_init(&out, STATUS_BYTES_MAX);
    buf_put_cstr(&out, "{\"version\":");
    json_put_string(&out, e->config.version);
    buf_put_cstr(&out, ",\"node\":");
    json_put_string(&out, e->config.node);
    buf_printf(&out, ",\"now_ms\":%llu,\"started_ms\":%llu,\"heard_ms\":%llu",
               (unsigned long long)now, (unsigned long long)e->started_ms,
               (unsigned long long)atomic_load(&e->ready_at_ms));
    buf_printf(&out, ",\"ready\":%s,\"draining\":%s,\"memory_bytes\":%llu",
               edge_is_ready(e, now) ? "true" : "false",
               atomic_load(&e->draining) ? "true" : "false",
               (unsigned long long)process_memory_bytes());
    put_signalling(c, r, &out);
    put_metrics(e, &out);
    put_calls(e, &out);
    buf_put_u8(&out, '}');
    if (out.failed) {
        metric_inc(&c->thread->metrics.edge_no_memory);
        http_answer_text(c, 503, "out of memory");
    } else {
        http_answer(c, &(struct edge_answer){.status = 200,
                                             .content_type = "application/json",
                                             .body = buf_slice(&out)});
    }
    buf_deinit(&out);
}

/* ---- pages of lists: asked of control --------------------------------------------------------
 */

/* Absent: 0. */
static bool read_number(struct slice query, const char *name, struct arena *arena,
                        uint32_t *ret_value) {
    struct slice text;
    uint64_t value = 0;
    enum status s = query_find(query, name, arena, &text);
    if (s == STATUS_OK && (!slice_to_u64(text, &value) || value > UINT32_MAX)) {
        return false;
    }
    *ret_value = (uint32_t)value;
    return s == STATUS_OK || s == STATUS_NOT_FOUND;
}

/* Absent: empty. */
static bool read_text(struct slice query, const char *name, struct arena *arena,
                      struct slice *ret_text) {
    struct slice text = {0};
    enum status s = query_find_text(query, name, arena, &text);
    *ret_text = arena_copy(arena, text); /* it may lie in the head, which goes before control */
    return (s == STATUS_OK || s == STATUS_NOT_FOUND) && !arena->failed;
}

static void route_page(struct edge_conn *c, const struct http_request *r, bool of_room) {
    struct edge_msg *m = c->request->msg;
    struct edge_page *p = &m->page;
    m->kind = EDGE_PAGE;
    p->of_room = of_room;
    if (!read_text(r->query, "room", &m->arena, &p->room) ||
        !read_text(r->query, "prefix", &m->arena, &p->prefix) ||
        !read_number(r->query, "from", &m->arena, &p->from) ||
        !read_number(r->query, "limit", &m->arena, &p->limit)) {
        http_answer_text(c, 400, "a parameter is not as it should be");
        return;
    }
    http_give_to_control(c, CONN_WAITING);
}

/* ---- calls of RoomService, with every right --------------------------------------------------
 */

static const struct api_method *find_method(struct slice name) {
    char path[sizeof("/twirp/livekit.RoomService/") + METHOD_NAME_MAX];
    const struct api_method *method = NULL;
    if (name.len > METHOD_NAME_MAX) {
        return NULL;
    }
    int len = snprintf(path, sizeof(path), "/twirp/livekit.RoomService/%.*s", SLICE_ARG(name));
    return api_route_find(slice_of(path, (size_t)len), &method) == API_ROUTE_FOUND ? method : NULL;
}

static enum route_result route_call(struct edge_conn *c, const struct http_request *r,
                                    struct slice name) {
    struct edge_request *q = c->request;
    struct slice type;
    q->method = find_method(name);
    if (!q->method) {
        http_answer_text(c, 404, "there is no such call");
    } else if (!http_header_find(r, "Content-Type", &type) ||
               !twirp_read_coding(type, &q->coding) || q->coding != API_JSON) {
        http_answer_text(c, 415, "calls are JSON");
    } else if (r->content_length > c->thread->edge->config.body_bytes_max) {
        metric_inc(&c->thread->metrics.edge_bodies_refused);
        http_answer_text(c, 413, "request body too large");
    } else {
        return ROUTE_READ_BODY;
    }
    return ROUTE_DONE;
}

/* A text member of the request; empty when it has none of that name. */
static struct slice text_member(const ProtobufCMessage *request, const char *name) {
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(request->descriptor, name);
    if (!field || field->type != PROTOBUF_C_TYPE_STRING ||
        field->label == PROTOBUF_C_LABEL_REPEATED) {
        return (struct slice){0};
    }
    const char *const *text = (const void *)((const char *)request + field->offset);
    return proto_text(*text);
}

/* All rights, in the room that the call is about. */
static const struct claims *operator_claims(struct edge_msg *m) {
    struct claims *claims = arena_zalloc(&m->arena, sizeof(*claims));
    if (claims) {
        claims->identity = SLICE_LIT("operator");
        claims->has_video = true;
        claims->video.room_create = claims->video.room_list = claims->video.room_admin = true;
        claims->video.room = text_member(m->request, "room");
        claims->video.destination_room = text_member(m->request, "destination_room");
    }
    return claims;
}

static bool only_reads(enum api_op op) {
    return op == API_LIST_ROOMS || op == API_LIST_PARTICIPANTS || op == API_GET_PARTICIPANT;
}

/* Who changed something, for whoever asks later. */
static void log_call(struct edge_conn *c) {
    const struct edge_msg *m = c->request->msg;
    struct slice room = text_member(m->request, "room");
    char from[NET_ADDRESS_TEXT_MAX];
    net_address_ip_text(&c->peer, from);
    log_event(LOG_INFO, "operator_call", LOG_CSTR("method", m->method->name),
              LOG_STR("room", room.len ? room : text_member(m->request, "name")),
              LOG_STR("identity", text_member(m->request, "identity")), LOG_CSTR("from", from));
}

void ui_api_with_body(struct edge_conn *c, struct slice body) {
    if (!twirp_decode(c, body)) {
        return;
    }
    struct edge_msg *m = c->request->msg;
    m->claims = operator_claims(m);
    if (!m->claims) {
        metric_inc(&c->thread->metrics.edge_no_memory);
        http_answer_text(c, 503, "out of memory");
        return;
    }
    if (!only_reads(m->method->op)) {
        log_call(c);
    }
    http_give_to_control(c, CONN_WAITING);
}

/* ---- routes -----------------------------------------------------------------------------------
 */

enum route_result ui_api_route(struct edge_conn *c, const struct http_request *r,
                               struct slice name) {
    struct edge_request *q = c->request;
    q->use = BODY_OPERATOR;
    q->msg = edge_msg_create(EDGE_API);
    if (!q->msg) {
        metric_inc(&c->thread->metrics.edge_no_memory);
        http_answer_text(c, 503, "out of memory");
    } else if (r->method == HTTP_POST) {
        return route_call(c, r, name);
    } else if (r->method != HTTP_GET) {
        http_answer_text(c, 405, "only GET and POST");
    } else if (slice_eq_cstr(name, "status")) {
        answer_status(c, r);
    } else if (slice_eq_cstr(name, "token")) {
        ui_token_answer(c, r);
    } else if (slice_eq_cstr(name, "rooms")) {
        route_page(c, r, false);
    } else if (slice_eq_cstr(name, "room")) {
        route_page(c, r, true);
    } else {
        http_answer_text(c, 404, "there is no such thing to ask");
    }
    return ROUTE_DONE;
}
