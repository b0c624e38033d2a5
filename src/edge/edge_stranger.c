#include "edge_priv.h"

/* Whoever has not shown a good token is a stranger, and there are few places for them. When none
 * is left the oldest goes: honest clients show their token within a round trip, so those who wait
 * longest are those who attack, or idle, and a newcomer always gets in. */

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
        if (a->conns.count < t->edge->limits.per_address_max) {
            return a;
        }
        evict(container_of(list_first(&a->conns), struct edge_conn, in_address));
        node = find_address(t, &key); /* gone, if that was its last one */
    }
    if (node) {
        return container_of(node, struct edge_address, node);
    }
    struct edge_address *a = mem_zalloc(sizeof(*a));
    if (a) {
        a->key = key;
        list_init(&a->conns);
        map_insert(&t->addresses, &a->node, net_address_slice(&a->key));
    }
    return a;
}

bool stranger_add(struct edge_conn *c) {
    struct edge_thread *t = c->thread;
    const struct edge_limits *limits = &t->edge->limits;
    struct list *all = c->is_metrics ? &t->metrics_conns : &t->strangers;
    uint32_t max = c->is_metrics ? limits->metrics_conns_max : limits->strangers_max;
    if (all->count >= max) {
        evict(container_of(list_first(all), struct edge_conn, in_strangers));
    }
    /* Behind a proxy all clients have one address. */
    if (!c->is_metrics && !edge_trusts(t->edge, &c->peer)) {
        c->address = take_address(t, &c->peer);
        if (!c->address) {
            return false;
        }
        list_push_back(&c->address->conns, &c->in_address);
    }
    list_push_back(all, &c->in_strangers);
    return true;
}

void stranger_known(struct edge_conn *c) {
    struct edge_thread *t = c->thread;
    if (list_node_linked(&c->in_strangers)) {
        list_remove(c->is_metrics ? &t->metrics_conns : &t->strangers, &c->in_strangers);
    }
    struct edge_address *a = TAKE(c->address);
    if (a) {
        list_remove(&a->conns, &c->in_address);
        if (a->conns.count == 0) {
            map_remove(&t->addresses, &a->node);
            mem_free(a);
        }
    }
}
