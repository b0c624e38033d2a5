#include "mem.h"
#include "node_priv.h"

struct host *node_host_find(struct node *n, struct slice name) {
    struct map_node *m = map_find(&n->by_name, name);
    return m ? container_of(m, struct host, by_name) : NULL;
}

static uint32_t least_loaded_worker(const struct node *n) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < n->config.media_workers; i++) {
        if (n->worker_load[i] < n->worker_load[best]) {
            best = i;
        }
    }
    return best;
}

enum status host_create(struct node *n, const struct dir_room *room, struct host **ret_host) {
    assert(!node_host_find(n, room->name));
    struct host *h = mem_zalloc(sizeof(*h));
    if (!h) {
        return STATUS_NO_MEMORY;
    }
    enum status s = room_init(&h->room, room->name, node_new_id(n), n->map_key);
    if (s != STATUS_OK) {
        mem_free(h);
        return s;
    }
    s = cluster_host_begin(n, h, room);
    if (s != STATUS_OK) {
        room_deinit(&h->room);
        mem_free(h);
        return s;
    }
    rng_bytes(&n->rng, h->room.sif_trailer, sizeof(h->room.sif_trailer));
    h->sid = room->sid;
    h->created_ms = room->created_ms;
    buf_init(&h->last, ROOM_MESSAGE_BYTES_MAX);
    h->worker = least_loaded_worker(n);
    h->update.kind = TIMER_ROOM_UPDATE;
    list_node_init(&h->in_hosts);
    list_push_back(&n->hosts, &h->in_hosts);
    map_insert(&n->by_name, &h->by_name, text_slice(&h->room.name));
    *ret_host = h;
    return STATUS_OK;
}

void host_destroy(struct node *n, struct host *h) {
    assert(room_empty(&h->room));
    heap_remove(&n->timers, &h->update.node);
    if (h->closing) {
        list_remove(&n->closing, &h->in_hosts);
    } else {
        list_remove(&n->hosts, &h->in_hosts);
        map_remove(&n->by_name, &h->by_name);
    }
    cluster_host_end(n, h);
    room_deinit(&h->room);
    buf_deinit(&h->last);
    mem_free(h);
}

void host_drop_if_empty(struct node *n, struct host *h) {
    if (!h->closing && room_empty(&h->room)) {
        host_destroy(n, h);
    }
}

void host_close(struct node *n, struct host *h, uint32_t reason) {
    if (h->closing) {
        return;
    }
    struct dir_room room;
    if (dir_room_find(n->dir, text_slice(&h->room.name), &room) == STATUS_OK) {
        host_keep(n, h, &room);
    }
    map_remove(&n->by_name, &h->by_name);
    list_remove(&n->hosts, &h->in_hosts);
    list_push_back(&n->closing, &h->in_hosts);
    heap_remove(&n->timers, &h->update.node);
    h->closing = true;
    h->close_reason = reason;
    /* Whoever opens a room of this name now finds it empty. There is nothing to set when the record
     * is gone already. */
    static const struct room_counts nobody = {0};
    enum status s = host_presence(n, h, &nobody);
    (void)s;
}

enum status host_presence(struct node *n, const struct host *h, const struct room_counts *counts) {
    struct dir_presence presence = {
        .participants = counts->participants,
        .dependents = counts->dependents,
        .publishers = counts->publishers,
        .recording = counts->recorders > 0,
    };
    enum status s = cluster_presence(n, text_slice(&h->room.name), counts->participants);
    return s == STATUS_OK ? dir_presence_set(n->dir, n->now, text_slice(&h->room.name), &presence)
                          : s;
}

void host_plan_update(struct node *n, struct host *h) {
    if (!h->closing && !heap_has(&h->update.node)) {
        heap_set(&n->timers, &h->update.node, n->now.mono_ms + ROOM_UPDATE_MS);
    }
}

void host_on_timer(struct node *n, struct host *h, struct effects *fx) {
    struct dir_room room;
    if (dir_room_find(n->dir, text_slice(&h->room.name), &room) != STATUS_OK) {
        return;
    }
    const uint64_t *conns = NULL;
    size_t count = room_receivers(&h->room, NULL, NULL, NULL, &fx->arena, &conns);
    node_tell_room(n, fx, &room, &h->room.counts, conns, count);
}
