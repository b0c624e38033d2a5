#include "mem.h"
#include "node_priv.h"

/* A trap of clients built on the Rust SDK (Node, Python, C++, Unity): they send a request with an
 * id, and only then note that they wait for its answer. One that is back within about a
 * millisecond finds nobody, and the call fails 5 s later although all went well. So these answers
 * are held back for a moment that nobody feels. What the request changed is told at once. */

static struct response *first_of(const struct node *n) {
    struct list_node *first = list_first(&n->responses);
    return first ? container_of(first, struct response, in_responses) : NULL;
}

/* The oldest goes early then: the order in which each client is answered stays. */
static bool too_many(const struct node *n) {
    return n->responses.count > ANSWERS_HELD_MAX || n->responses_bytes > ANSWERS_HELD_BYTES_MAX;
}

enum status response_make(struct node *n, const Livekit__RequestResponse *response,
                          struct response **ret_response) {
    if (too_many(n)) {
        return STATUS_NO_MEMORY; /* there was none to send the oldest either */
    }
    Livekit__SignalResponse message = LIVEKIT__SIGNAL_RESPONSE__INIT;
    message.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_REQUEST_RESPONSE;
    message.request_response = (Livekit__RequestResponse *)(uintptr_t)response;
    size_t len = protobuf_c_message_get_packed_size(&message.base);
    struct response *a = mem_alloc(sizeof(*a) + len);
    if (!a) {
        return STATUS_NO_MEMORY;
    }
    *a = (struct response){.len = len};
    list_node_init(&a->in_responses);
    list_node_init(&a->in_session);
    protobuf_c_message_pack(&message.base, a->bytes);
    *ret_response = a;
    return STATUS_OK;
}

struct response *response_free(struct response *a) {
    mem_free(a);
    return NULL;
}

void response_hold(struct node *n, struct session *s, struct response *a) {
    assert(s->conn != 0);
    a->session = s;
    a->due_ms = n->now.mono_ms + ANSWER_DELAY_MS;
    list_push_back(&n->responses, &a->in_responses);
    list_push_back(&s->responses, &a->in_session);
    n->responses_bytes += a->len;
}

static void drop(struct node *n, struct response *a) {
    list_remove(&n->responses, &a->in_responses);
    list_remove(&a->session->responses, &a->in_session);
    n->responses_bytes -= a->len;
    response_free(a);
}

void responses_drop(struct node *n, struct session *s) {
    list_each_safe (at, after, &s->responses) {
        drop(n, container_of(at, struct response, in_session));
    }
}

void node_run_responses(struct node *n, struct effects *fx) {
    for (size_t i = 0; i < ANSWERS_PER_STEP_MAX; i++) {
        struct response *a = first_of(n);
        if (!a || (a->due_ms > n->now.mono_ms && !too_many(n))) {
            return;
        }
        size_t mark = fx->count;
        fx_signal_bytes(fx, a->session->conn, slice_of(a->bytes, a->len));
        if (!fx_ok(fx)) {
            node_rollback(n, fx, mark);
            return; /* no memory now: it stays owed */
        }
        if (a->due_ms > n->now.mono_ms) {
            metric_inc(&n->config.metrics->answers_early);
        }
        drop(n, a);
    }
}

uint64_t responses_next_ms(const struct node *n) {
    const struct response *a = first_of(n);
    return !a ? UINT64_MAX : too_many(n) ? n->now.mono_ms : a->due_ms;
}
