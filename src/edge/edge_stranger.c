#include "edge_priv.h"

/* Whoever has not shown a good token is a stranger, and there are few places for them. When none
 * is left one goes: the oldest of those that have sent nothing whole, neither a TLS handshake nor
 * the head of a request, else the oldest. Honest clients are through in a round trip, so those who
 * wait longest are those who attack, or idle, and a newcomer always gets in.
 *
 * An address that has all of its places pushes out its own: that harms nobody else and is not
 * paced. Were it, the others would wait behind it in the kernel's queue, which all share. */

void stranger_places_init(struct edge_places *p) {
    list_init(&p->begun[false]);
    list_init(&p->begun[true]);
}

static size_t taken(const struct edge_places *p) {
    return p->begun[false].count + p->begun[true].count;
}

/* The node of who is to go. */
static struct list_node *first_to_go(const struct edge_places *p) {
    return list_first(&p->begun[list_empty(&p->begun[false])]);
}

bool stranger_address_equal(const struct map_node *node, struct slice key) {
    const struct edge_address *a = container_of(node, const struct edge_address, node);
    return slice_eq(net_address_slice(&a->key), key);
}

static void evict(struct edge_conn *c) {
    metric_inc(&c->thread->metrics.edge_refused_strangers);
    conn_end(c);
}

static struct map_node *find_address(struct edge_thread *t, const struct net_address *key) {
    return map_find(&t->addresses, net_address_slice(key));
}

/* The entry of this address, with room for one connection more; NULL without memory. */
static struct edge_address *take_address(struct edge_thread *t, const struct net_address *peer) {
    struct net_address key = net_address_limit_key(peer);
    struct map_node *node = find_address(t, &key);
    if (node) {
        struct edge_address *a = container_of(node, struct edge_address, node);
        if (taken(&a->places) < t->edge->limits.per_address_max) {
            return a;
        }
        evict(container_of(first_to_go(&a->places), struct edge_conn, in_address));
        node = find_address(t, &key); /* gone, if that was its last one */
    }
    if (node) {
        return container_of(node, struct edge_address, node);
    }
    struct edge_address *a = mem_zalloc(sizeof(*a));
    if (a) {
        a->key = key;
        stranger_places_init(&a->places);
        map_insert(&t->addresses, &a->node, net_address_slice(&a->key));
    }
    return a;
}

static struct edge_places *places_of(struct edge_conn *c) {
    return c->is_metrics ? &c->thread->metrics_conns : &c->thread->strangers;
}

bool stranger_add(struct edge_conn *c) {
    struct edge_thread *t = c->thread;
    const struct edge_limits *limits = &t->edge->limits;
    struct edge_places *places = places_of(c);
    uint32_t max = c->is_metrics ? limits->metrics_conns_max : limits->strangers_max;
    if (taken(places) >= max) {
        t->evictions++;
        evict(container_of(first_to_go(places), struct edge_conn, in_strangers));
    }
    /* Behind a proxy all clients have one address. */
    if (!c->is_metrics && !edge_trusts(t->edge, &c->peer)) {
        c->address = take_address(t, &c->peer);
        if (!c->address) {
            return false;
        }
        list_push_back(&c->address->places.begun[false], &c->in_address);
    }
    list_push_back(&places->begun[false], &c->in_strangers);
    return true;
}

void stranger_begun(struct edge_conn *c) {
    struct edge_places *places = places_of(c);
    if (c->has_begun || !stranger_is(c)) {
        return;
    }
    c->has_begun = true;
    list_remove(&places->begun[false], &c->in_strangers);
    list_push_back(&places->begun[true], &c->in_strangers);
    if (c->address) {
        list_remove(&c->address->places.begun[false], &c->in_address);
        list_push_back(&c->address->places.begun[true], &c->in_address);
    }
}

bool stranger_is(const struct edge_conn *c) {
    return list_node_linked(&c->in_strangers);
}

uint64_t stranger_count(const struct edge_thread *t) {
    return taken(&t->strangers);
}

void stranger_known(struct edge_conn *c) {
    struct edge_thread *t = c->thread;
    if (stranger_is(c)) {
        list_remove(&places_of(c)->begun[c->has_begun], &c->in_strangers);
    }
    struct edge_address *a = TAKE(c->address);
    if (a) {
        list_remove(&a->places.begun[c->has_begun], &c->in_address);
        if (taken(&a->places) == 0) {
            map_remove(&t->addresses, &a->node);
            mem_free(a);
        }
    }
}
