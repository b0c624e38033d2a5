#include <string.h>

#include "caps.h"
#include "mem.h"
#include "recent.h"

/* What one message costs: its own header counts too, or a flood of empty ones would be free. */
static size_t message_cost(size_t len) {
    return sizeof(struct recent_message) + len;
}

static void recent_drop_oldest(struct recent *r) {
    struct list_node *node = list_first(&r->messages);
    assert(node);
    struct recent_message *m = container_of(node, struct recent_message, in_recent);
    assert(r->bytes >= message_cost(m->len));
    r->bytes -= message_cost(m->len);
    list_remove(&r->messages, node);
    mem_free(m);
}

void recent_init(struct recent *r) {
    *r = (struct recent){0};
    list_init(&r->messages);
}

void recent_deinit(struct recent *r) {
    if (!r || !r->messages.head.next) {
        return;
    }
    while (!list_empty(&r->messages)) {
        recent_drop_oldest(r);
    }
    assert(r->bytes == 0);
}

bool recent_add(struct recent *r, uint64_t number, uint64_t sender, struct slice packet,
                uint64_t now_ms) {
    recent_expire(r, now_ms);
    size_t cost = message_cost(packet.len);
    if (cost > DATA_RECENT_BYTES_MAX) {
        return false;
    }
    while (r->bytes + cost > DATA_RECENT_BYTES_MAX) {
        recent_drop_oldest(r);
    }
    struct recent_message *m = mem_alloc(cost);
    if (!m) {
        return false;
    }
    m->number = number;
    m->sender = sender;
    m->sent_ms = now_ms;
    m->len = packet.len;
    memcpy(m->packet, packet.data, packet.len);
    list_node_init(&m->in_recent);
    list_push_back(&r->messages, &m->in_recent);
    r->bytes += cost;
    return true;
}

void recent_expire(struct recent *r, uint64_t now_ms) {
    while (!list_empty(&r->messages)) {
        struct list_node *node = list_first(&r->messages);
        const struct recent_message *m = container_of(node, struct recent_message, in_recent);
        if (now_ms - m->sent_ms < DATA_RECENT_MS) {
            return;
        }
        recent_drop_oldest(r);
    }
}
