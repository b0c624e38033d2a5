#include "handles.h"

#include "mem.h"

static struct slice key_slice(const struct handle_key *k) {
    return slice_of(k, sizeof(*k));
}

static bool equal(const struct map_node *node, struct slice key) {
    return slice_eq(key_slice(&container_of(node, const struct handle_track, by_key)->key), key);
}

static bool pair_equal(const struct map_node *node, struct slice key) {
    const struct handle_subscription *s =
        container_of(node, const struct handle_subscription, by_pair);
    return slice_eq(slice_of(&s->pair, sizeof(s->pair)), key);
}

static struct slice id_slice(const uint64_t *id) {
    return slice_of(id, sizeof(*id));
}

static bool party_equal(const struct map_node *node, struct slice key) {
    const struct handle_party *p = container_of(node, const struct handle_party, by_participant);
    return slice_eq(id_slice(&p->participant), key);
}

static struct handle_party *party_create(void) {
    struct handle_party *p = mem_zalloc(sizeof(*p));
    if (p) {
        list_init(&p->tracks);
        list_init(&p->subscriptions);
    }
    return p;
}

struct handle_subscription *handle_subscription_create(const struct media_handle *say) {
    struct handle_subscription *s = mem_zalloc(sizeof(*s));
    if (!s) {
        return NULL;
    }
    list_node_init(&s->in_track);
    list_node_init(&s->in_subscriber);
    s->say = *say;
    s->pair = (struct handle_pair){{say->publisher, say->publisher_handle}, say->subscriber};
    s->spare = mem_zalloc(sizeof(*s->spare));
    s->spares[0] = party_create();
    s->spares[1] = party_create();
    if (!s->spare || !s->spares[0] || !s->spares[1]) {
        return handle_subscription_destroy(s);
    }
    list_init(&s->spare->subscriptions);
    list_node_init(&s->spare->in_publisher);
    return s;
}

struct handle_subscription *handle_subscription_destroy(struct handle_subscription *s) {
    if (s) {
        assert(!list_node_linked(&s->in_track) && !list_node_linked(&s->in_subscriber));
        mem_free(s->spare);
        mem_free(s->spares[0]);
        mem_free(s->spares[1]);
        mem_free(s);
    }
    return NULL;
}

enum status handles_init(struct handles *h, struct hash_key key) {
    enum status s = map_init(&h->tracks, key, equal);
    s = s == STATUS_OK ? map_init(&h->subscriptions, key, pair_equal) : s;
    return s == STATUS_OK ? map_init(&h->parties, key, party_equal) : s;
}

static struct handle_party *find_party(const struct handles *h, uint64_t participant) {
    struct map_node *node = map_find(&h->parties, id_slice(&participant));
    return node ? container_of(node, struct handle_party, by_participant) : NULL;
}

static struct handle_party *have_party(struct handles *h, uint64_t participant,
                                       struct handle_party **spare) {
    struct handle_party *p = find_party(h, participant);
    if (!p) {
        p = TAKE(*spare);
        p->participant = participant;
        map_insert(&h->parties, &p->by_participant, id_slice(&p->participant));
    }
    return p;
}

static void drop_idle(struct handles *h, struct handle_party *p) {
    if (list_empty(&p->tracks) && list_empty(&p->subscriptions)) {
        map_remove(&h->parties, &p->by_participant);
        mem_free(p);
    }
}

static void drop(struct handles *h, struct handle_subscription *s) {
    struct handle_track *t = s->track;
    struct handle_party *subscriber = s->subscriber, *publisher = t->publisher;
    map_remove(&h->subscriptions, &s->by_pair);
    list_remove(&t->subscriptions, &s->in_track);
    list_remove(&subscriber->subscriptions, &s->in_subscriber);
    (void)handle_subscription_destroy(s);
    if (list_empty(&t->subscriptions)) {
        list_remove(&publisher->tracks, &t->in_publisher);
        map_remove(&h->tracks, &t->by_key);
        mem_free(t);
    }
    drop_idle(h, subscriber);
    if (publisher != subscriber) {
        drop_idle(h, publisher);
    }
}

void handles_remove_participant(struct handles *h, uint64_t participant) {
    struct handle_party *p;
    while ((p = find_party(h, participant)) != NULL) {
        struct list_node *node = list_first(&p->subscriptions);
        if (!node) {
            const struct handle_track *t =
                container_of(list_first(&p->tracks), const struct handle_track, in_publisher);
            drop(h,
                 container_of(list_first(&t->subscriptions), struct handle_subscription, in_track));
        } else {
            drop(h, container_of(node, struct handle_subscription, in_subscriber));
        }
    }
}

void handles_deinit(struct handles *h) {
    struct map_node *node;
    while (h->parties.count > 0 && (node = map_any(&h->parties)) != NULL) {
        handles_remove_participant(
            h, container_of(node, struct handle_party, by_participant)->participant);
    }
    map_deinit(&h->tracks);
    map_deinit(&h->subscriptions);
    map_deinit(&h->parties);
}

struct handle_track *handles_find(const struct handles *h, uint64_t publisher, uint16_t handle) {
    const struct handle_key key = {publisher, handle};
    struct map_node *node = map_find(&h->tracks, key_slice(&key));
    return node ? container_of(node, struct handle_track, by_key) : NULL;
}

static struct handle_subscription *find_pair(const struct handles *h,
                                             const struct handle_pair *pair) {
    struct map_node *node = map_find(&h->subscriptions, slice_of(pair, sizeof(*pair)));
    return node ? container_of(node, struct handle_subscription, by_pair) : NULL;
}

void handles_put(struct handles *h, struct handle_subscription *s) {
    struct handle_subscription *before = find_pair(h, &s->pair);
    if (before) {
        before->say = s->say;
        (void)handle_subscription_destroy(s);
        return;
    }
    struct handle_track *t = handles_find(h, s->say.publisher, s->say.publisher_handle);
    if (!t) {
        t = TAKE(s->spare);
        t->key = (struct handle_key){s->say.publisher, s->say.publisher_handle};
        map_insert(&h->tracks, &t->by_key, key_slice(&t->key));
        t->publisher = have_party(h, s->say.publisher, &s->spares[0]);
        list_push_back(&t->publisher->tracks, &t->in_publisher);
    }
    s->track = t;
    map_insert(&h->subscriptions, &s->by_pair, slice_of(&s->pair, sizeof(s->pair)));
    s->subscriber = have_party(h, s->say.subscriber, &s->spares[1]);
    list_push_back(&t->subscriptions, &s->in_track);
    list_push_back(&s->subscriber->subscriptions, &s->in_subscriber);
}

void handles_remove(struct handles *h, uint64_t publisher, uint16_t handle, uint64_t subscriber) {
    const struct handle_pair pair = {{publisher, handle}, subscriber};
    struct handle_subscription *s = find_pair(h, &pair);
    if (s) {
        drop(h, s);
    }
}

bool handle_passes(struct handle_subscription *s, const struct track_packet_header *header,
                   uint64_t now_ms) {
    if (s->say.fps_max == 0) {
        return true;
    }
    if (header->start) {
        s->frame = header->frame;
        s->passes = now_ms >= s->next_frame_ms;
        if (s->passes) {
            s->next_frame_ms = now_ms + 1000 / s->say.fps_max;
        }
    }
    return s->passes && s->frame == header->frame;
}
