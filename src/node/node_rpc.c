#include "mem.h"
#include "node_call.h"

/* PerformRpc: a request to one participant over its data channel, and the wait for its answer. It
 * is sent once: a handler that takes long is not called again, as the reference does after 3 s. */

enum { RPC_VERSION = 1 };

#define RPC_ERRORS(E)                                                                              \
    E(1400, INVALID_ARGUMENT, "Method not supported at destination")                               \
    E(1401, NOT_FOUND, "Recipient not found")                                                      \
    E(1402, INVALID_ARGUMENT, "Request payload too large")                                         \
    E(1403, UNIMPLEMENTED, "RPC not supported by server")                                          \
    E(1404, UNIMPLEMENTED, "Unsupported RPC version")                                              \
    E(1500, INTERNAL, "Application error in method handler")                                       \
    E(1501, CANCELED, "Connection timeout")                                                        \
    E(1502, CANCELED, "Response timeout")                                                          \
    E(1503, UNAVAILABLE, "Recipient disconnected")                                                 \
    E(1504, INTERNAL, "Response payload too large")                                                \
    E(1505, INTERNAL, "Failed to send")
enum { RPC_TOO_LARGE = 1402, RPC_NO_ACK = 1501, RPC_NO_RESPONSE = 1502, RPC_GONE = 1503 };

static const struct rpc_error {
    uint32_t code;
    enum twirp_code twirp;
    const char *text;
} ERRORS[] = {
#define E(code, twirp, text) {code, TWIRP_##twirp, text},
    RPC_ERRORS(E)
#undef E
};

/* A code of the application's own is as any error in its handler. */
static const struct rpc_error *error_of(uint32_t code) {
    static const struct rpc_error other = {0, TWIRP_INTERNAL, ""};
    for (size_t i = 0; i < ARRAY_LEN(ERRORS); i++) {
        if (ERRORS[i].code == code) {
            return &ERRORS[i];
        }
    }
    return &other;
}

static void fail_with(struct call *c, uint32_t code) {
    const struct rpc_error *e = error_of(code);
    call_fail(c, e->twirp, REMOTE "RpcError %u: %s", code, e->text);
}

/* An answer to the call that began it, in a later step. */
struct late {
    struct node_event ev;
    struct call call;
};
static struct call *late_call(struct node *n, const struct rpc *r, struct effects *fx,
                              struct late *ret_late) {
    ret_late->ev = (struct node_event){.kind = EV_API, .time = n->now, .conn = r->conn};
    ret_late->ev.api.coding = r->coding;
    ret_late->call = (struct call){.n = n, .fx = fx, .ev = &ret_late->ev};
    return &ret_late->call;
}

void rpc_free(struct node *n, struct rpc *r) {
    heap_remove(&n->timers, &r->timer.node);
    map_remove(&n->rpcs, &r->by_id);
    list_remove(&r->session->rpcs, &r->in_session);
    mem_free(r);
}

bool rpc_equal(const struct map_node *m, struct slice key) {
    const struct rpc *r = container_of(m, struct rpc, by_id);
    return slice_eq_cstr(key, r->id);
}

/* A version 4 UUID, as the reference names its requests. */
static void make_id(struct node *n, char out[RPC_ID_LEN + 1]) {
    static const char hex[] = "0123456789abcdef";
    uint8_t bytes[16];
    rng_bytes(&n->rng, bytes, sizeof(bytes));
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    size_t at = 0;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            out[at++] = '-';
        }
        out[at++] = hex[bytes[i] >> 4];
        out[at++] = hex[bytes[i] & 15];
    }
    out[at] = 0;
    assert(at == RPC_ID_LEN);
}

static void send_request(struct call *c, const Livekit__PerformRpcRequest *r, const char *id,
                         uint32_t timeout_ms, uint64_t room_key) {
    Livekit__RpcRequest request = LIVEKIT__RPC_REQUEST__INIT;
    request.id = (char *)(uintptr_t)id;
    request.method = r->method;
    request.payload = r->payload;
    request.response_timeout_ms = timeout_ms;
    request.version = RPC_VERSION;
    char *destinations[] = {r->destination_identity};
    Livekit__DataPacket packet = LIVEKIT__DATA_PACKET__INIT;
    /* The sender that the participant answers to: nobody of that name is in the room, and the data
     * plane hands what is addressed to it to us. */
    packet.participant_identity = (char *)(uintptr_t)id;
    packet.destination_identities = destinations;
    packet.n_destination_identities = 1;
    packet.value_case = LIVEKIT__DATA_PACKET__VALUE_RPC_REQUEST;
    packet.rpc_request = &request;
    struct slice bytes = fx_encode(c->fx, &packet.base);
    struct effect *e = fx_add(c->fx, FX_DATA_SEND);
    e->room_key = room_key;
    e->reliable = true;
    e->bytes = bytes;
}

static enum status begin(struct call *c, const Livekit__PerformRpcRequest *request,
                         struct session *s) {
    struct node *n = c->n;
    uint32_t asked_ms = request->response_timeout_ms;
    uint32_t timeout_ms = asked_ms ? MIN(asked_ms, (uint32_t)RPC_TIMEOUT_MAX_MS) : RPC_TIMEOUT_MS;
    struct rpc *r = mem_zalloc(sizeof(*r));
    if (!r) {
        return STATUS_NO_MEMORY;
    }
    make_id(n, r->id);
    send_request(c, request, r->id, timeout_ms, s->host->room.key);
    if (!node_ok(n, c->fx)) {
        mem_free(r);
        return STATUS_NO_MEMORY;
    }
    r->timer.kind = TIMER_RPC;
    r->session = s;
    r->conn = c->ev->conn;
    r->coding = c->ev->api.coding;
    r->response_by_ms = n->now.mono_ms + timeout_ms;
    list_node_init(&r->in_session);
    list_push_back(&s->rpcs, &r->in_session);
    map_insert(&n->rpcs, &r->by_id, slice_from_cstr(r->id));
    /* Its place in the heap came with the first session. */
    heap_set(&n->timers, &r->timer.node, MIN(n->now.mono_ms + RPC_ACK_MS, r->response_by_ms));
    return STATUS_OK;
}

enum status op_perform_rpc(struct call *c) {
    const Livekit__PerformRpcRequest *r = (const void *)c->request;
    if (!c->n->config.performs_rpc) {
        call_fail(c, TWIRP_UNIMPLEMENTED, "%s is not implemented", c->ev->api.method->name);
        return STATUS_OK;
    }
    if (node_cstr_slice(r->destination_identity).len == 0) {
        call_fail(c, TWIRP_INVALID_ARGUMENT, REMOTE "destination identity is required");
        return STATUS_OK;
    }
    const struct participant *p = call_find_in_room(c, r->room, r->destination_identity);
    if (!p) {
        return STATUS_OK;
    }
    if (node_cstr_slice(r->payload).len > RPC_PAYLOAD_BYTES_MAX) {
        fail_with(c, RPC_TOO_LARGE);
        return STATUS_OK;
    }
    if (c->n->rpcs.count >= RPCS_MAX) {
        call_fail(c, TWIRP_RESOURCE_EXHAUSTED, "too many calls at once");
        return STATUS_OK;
    }
    return begin(c, r, node_session_of(c->n, p));
}

void rpc_on_timer(struct node *n, struct rpc *r, struct effects *fx) {
    struct late late;
    fail_with(late_call(n, r, fx, &late), r->acked ? RPC_NO_RESPONSE : RPC_NO_ACK);
    if (node_ok(n, fx)) {
        rpc_free(n, r);
    }
}

void rpcs_gone_effects(struct node *n, const struct session *s, struct effects *fx) {
    list_each (at, &s->rpcs) {
        struct late late;
        fail_with(late_call(n, container_of(at, struct rpc, in_session), fx, &late), RPC_GONE);
    }
}

void rpcs_free(struct node *n, struct session *s) {
    list_each_safe (at, after, &s->rpcs) {
        rpc_free(n, container_of(at, struct rpc, in_session));
    }
}

static void answer(struct call *c, const Livekit__RpcResponse *m) {
    if (m->value_case == LIVEKIT__RPC_RESPONSE__VALUE_PAYLOAD) {
        Livekit__PerformRpcResponse response = LIVEKIT__PERFORM_RPC_RESPONSE__INIT;
        response.payload = m->payload;
        call_reply(c, &response.base);
        return;
    }
    if (m->value_case != LIVEKIT__RPC_RESPONSE__VALUE_ERROR) {
        /* To version 1 nobody answers compressed. */
        call_fail(c, TWIRP_INTERNAL, REMOTE "response has no payload");
        return;
    }
    struct buf text;
    buf_init(&text, TWIRP_MSG_BYTES_MAX);
    buf_printf(&text, REMOTE "RpcError %u: %s", m->error->code, m->error->message);
    if (node_cstr_slice(m->error->data).len > 0) {
        buf_printf(&text, ": %s", m->error->data);
    }
    c->fx->failed = c->fx->failed || text.failed;
    call_fail_text(c, error_of(m->error->code)->twirp, buf_slice(&text));
    buf_deinit(&text);
}

static struct rpc *find(struct node *n, const struct node_event *ev, const char *id) {
    struct map_node *m = map_find(&n->rpcs, node_cstr_slice(id));
    struct rpc *r = m ? container_of(m, struct rpc, by_id) : NULL;
    /* Who guesses an id still is not the one who was asked. */
    return r && r->session->host->room.key == ev->rpc.room_key &&
                   slice_eq(participant_identity(r->session->participant), ev->rpc.identity)
               ? r
               : NULL;
}

enum status node_rpc(struct node *n, const struct node_event *ev, struct effects *fx) {
    ProtobufCMessage *message = NULL;
    enum status s =
        proto_decode(&livekit__data_packet__descriptor, ev->rpc.packet, &n->work, &message);
    if (s != STATUS_OK) {
        return s == STATUS_NO_MEMORY ? s : STATUS_OK; /* of a client: not worth a word */
    }
    const Livekit__DataPacket *packet = (const void *)message;
    if (packet->value_case == LIVEKIT__DATA_PACKET__VALUE_RPC_ACK) {
        struct rpc *r = find(n, ev, packet->rpc_ack->request_id);
        if (r && !r->acked) {
            r->acked = true;
            heap_set(&n->timers, &r->timer.node, r->response_by_ms);
        }
        return STATUS_OK;
    }
    if (packet->value_case != LIVEKIT__DATA_PACKET__VALUE_RPC_RESPONSE) {
        return STATUS_OK;
    }
    struct rpc *r = find(n, ev, packet->rpc_response->request_id);
    if (!r) {
        return STATUS_OK; /* too late, or never asked for */
    }
    struct late late;
    answer(late_call(n, r, fx, &late), packet->rpc_response);
    if (!node_ok(n, fx)) {
        return STATUS_NO_MEMORY;
    }
    rpc_free(n, r);
    return STATUS_OK;
}
