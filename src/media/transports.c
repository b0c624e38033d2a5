#include "transports.h"

#include "mem.h"

static_assert(sizeof(struct udp_path) == 2 * sizeof(struct net_address),
              "no padding: the bytes are the key");

static struct slice id_key(const uint64_t *id) {
    return slice_of(id, sizeof *id);
}
static struct slice path_key(const struct udp_path *path) {
    return slice_of(path, sizeof *path);
}
static bool equal_id(const struct map_node *node, struct slice key) {
    return slice_eq(id_key(&container_of(node, const struct transport, by_id)->id), key);
}
static bool equal_ufrag(const struct map_node *node, struct slice key) {
    return slice_eq_cstr(key, container_of(node, const struct credentials, by_ufrag)->ufrag);
}
static bool equal_path(const struct map_node *node, struct slice key) {
    return slice_eq(path_key(&container_of(node, const struct pair, by_path)->path), key);
}

enum status transports_init(struct transports *s, struct hash_key key) {
    *s = (struct transports){0};
    enum status status = map_init(&s->by_id, key, equal_id);
    if (status == STATUS_OK) {
        status = map_init(&s->by_ufrag, key, equal_ufrag);
    }
    if (status == STATUS_OK) {
        status = map_init(&s->by_path, key, equal_path);
    }
    if (status != STATUS_OK) {
        transports_deinit(s);
    }
    return status;
}

void transports_deinit(struct transports *s) {
    assert(s->by_id.count == 0 && s->by_ufrag.count == 0 && s->by_path.count == 0);
    map_deinit(&s->by_id);
    map_deinit(&s->by_ufrag);
    map_deinit(&s->by_path);
    *s = (struct transports){0};
}

static bool add_credentials(struct transports *s, struct transport *t, struct credentials *c) {
    if (transports_find_ufrag(s, slice_from_cstr(c->ufrag))) {
        return false;
    }
    map_insert(&s->by_ufrag, &c->by_ufrag, slice_from_cstr(c->ufrag));
    c->transport = t;
    return true;
}

static struct credentials *drop_credentials(struct transports *s, struct credentials *c) {
    if (c && c->transport) {
        map_remove(&s->by_ufrag, &c->by_ufrag);
        c->transport = NULL;
    }
    return credentials_destroy(c);
}

enum status transports_add(struct transports *s, struct transport *t) {
    if (transports_find(s, t->id) || !add_credentials(s, t, t->now)) {
        return STATUS_EXISTS;
    }
    map_insert(&s->by_id, &t->by_id, id_key(&t->id));
    return STATUS_OK;
}

static void remove_pair(struct transports *s, struct pair *p) {
    struct transport *t = p->transport;
    map_remove(&s->by_path, &p->by_path);
    list_remove(&t->pairs, &p->in_transport);
    t->selected = t->selected == p ? NULL : t->selected;
    t->nominated = t->nominated == p ? NULL : t->nominated;
    mem_free(p);
}

void transports_remove(struct transports *s, struct transport *t) {
    while (!list_empty(&t->pairs)) {
        remove_pair(s, container_of(list_first(&t->pairs), struct pair, in_transport));
    }
    t->now = drop_credentials(s, t->now);
    t->next = drop_credentials(s, t->next);
    map_remove(&s->by_id, &t->by_id);
}

enum status transports_add_credentials(struct transports *s, struct transport *t,
                                       struct credentials *next) {
    if (!add_credentials(s, t, next)) {
        return STATUS_EXISTS;
    }
    (void)drop_credentials(s, t->next);
    t->next = next;
    return STATUS_OK;
}

void transports_use_next(struct transports *s, struct transport *t) {
    assert(t->next);
    (void)drop_credentials(s, t->now);
    t->now = TAKE(t->next);
}

struct transport *transports_find(const struct transports *s, uint64_t id) {
    struct map_node *node = map_find(&s->by_id, id_key(&id));
    return node ? container_of(node, struct transport, by_id) : NULL;
}

struct credentials *transports_find_ufrag(const struct transports *s, struct slice ufrag) {
    struct map_node *node = map_find(&s->by_ufrag, ufrag);
    return node ? container_of(node, struct credentials, by_ufrag) : NULL;
}

struct pair *transports_find_pair(const struct transports *s, const struct udp_path *path) {
    struct map_node *node = map_find(&s->by_path, path_key(path));
    return node ? container_of(node, struct pair, by_path) : NULL;
}

static bool is_in_use(const struct pair *p, uint64_t now_ms) {
    return p == p->transport->selected && now_ms - p->valid_ms < PAIR_IN_USE_MS;
}

enum status transports_pair(struct transports *s, struct transport *t, const struct udp_path *path,
                            uint64_t now_ms, struct pair **ret_pair) {
    struct pair *p = transports_find_pair(s, path);
    if (p && p->transport == t) {
        *ret_pair = p;
        return STATUS_OK;
    }
    if (p && is_in_use(p, now_ms)) {
        return STATUS_DENIED;
    }
    struct pair *made = mem_zalloc(sizeof *made);
    if (!made) {
        return STATUS_NO_MEMORY;
    }
    if (p) {
        remove_pair(s, p);
    }
    if (t->pairs.count >= TRANSPORT_PAIRS_MAX) {
        remove_pair(s, transport_oldest_pair(t));
    }
    made->transport = t;
    made->path = *path;
    list_node_init(&made->in_transport);
    list_push_back(&t->pairs, &made->in_transport);
    map_insert(&s->by_path, &made->by_path, path_key(&made->path));
    *ret_pair = made;
    return STATUS_OK;
}
