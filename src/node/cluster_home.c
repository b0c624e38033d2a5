#include "broken.h"
#include "cluster.h"
#include "mem.h"

/* Rooms with people here, against what the record says: a life of theirs that ended is put back,
 * one that was deleted closes the room, and the room comes to have one home for everybody. */

enum {
    HOSTS_PER_STEP_MAX = 64,
    AGAIN_MS = 2000, /* an unanswered hand-over is asked again, a refused one too */
};

/* ---- lives that sessions know ---- */

static bool knows(const struct host_cluster *hc, struct dir_stamp birth) {
    for (size_t i = 0; i < hc->lives_count; i++) {
        if (dir_stamp_equal(hc->lives[i], birth)) {
            return true;
        }
    }
    return false;
}

/* Sessions are of all lives that are current now. False: no memory, or more than there can be. */
static bool learn_lives(struct host *h, const struct dir_room *room) {
    struct host_cluster *hc = &h->cluster;
    for (uint32_t i = 0; i < room->lives; i++) {
        struct dir_stamp birth = dir_room_birth(room, i);
        if (knows(hc, birth)) {
            continue;
        }
        struct dir_stamp *lives =
            hc->lives_count < DIR_LIVES_MAX
                ? mem_realloc(hc->lives, (hc->lives_count + 1) * sizeof(*lives))
                : NULL;
        if (!lives) {
            return false;
        }
        hc->lives = lives;
        hc->lives[hc->lives_count++] = birth;
    }
    return true;
}

enum status cluster_host_begin(struct node *n, struct host *h, const struct dir_room *room) {
    list_node_init(&h->cluster.in_checks);
    return !n->cluster || learn_lives(h, room) ? STATUS_OK : STATUS_NO_MEMORY;
}

void cluster_host_end(struct node *n, struct host *h) {
    if (n->cluster && list_node_linked(&h->cluster.in_checks)) {
        list_remove(&n->cluster->checks, &h->cluster.in_checks);
    }
    mem_free(h->cluster.lives);
    h->cluster.lives = NULL;
    h->cluster.lives_count = 0;
}

static bool all_current(const struct host_cluster *hc, const struct dir_room *room) {
    for (size_t i = 0; i < hc->lives_count; i++) {
        bool current = false;
        for (uint32_t k = 0; k < room->lives && !current; k++) {
            current = dir_stamp_equal(hc->lives[i], dir_room_birth(room, k));
        }
        if (!current) {
            return false;
        }
    }
    return true;
}

/* ---- home ---- */

bool cluster_takes_home(const struct node *n, uint64_t home) {
    if (!n->cluster || home == 0) {
        return home != n->boot;
    }
    bool early = n->now.mono_ms < n->cluster->grace_until_ms; /* nobody could be heard yet */
    return home != n->boot && !early && !cluster_member_of_boot(n->cluster, home);
}

bool cluster_relays(const struct node *n, struct slice name, uint64_t *ret_member) {
    struct dir_room room;
    if (!n->cluster || dir_room_find(n->dir, name, &room) != STATUS_OK || room.home == n->boot) {
        return false;
    }
    const struct member *m = cluster_member_of_boot(n->cluster, room.home);
    for (size_t i = 0; !m && n->cluster->island && i < n->cluster->members_count; i++) {
        /* The bus may be gone and the home well: it is tried where it was heard last. */
        const struct member *silent = n->cluster->members[i];
        m = silent->boot == room.home && room.home != 0 && !silent->leaving ? silent : NULL;
    }
    if (m) {
        *ret_member = m->id;
    }
    return m != NULL;
}

static void later(struct node *n) {
    struct cluster *c = n->cluster;
    c->next_hosts_ms = MIN(c->next_hosts_ms, n->now.mono_ms + AGAIN_MS);
}

/* Our people are to move to the home, if it answers that it takes them. */
static void ask_home(struct node *n, struct host *h, const struct member *home,
                     struct effects *fx) {
    struct cluster *c = n->cluster;
    later(n);
    if (h->cluster.asked_ms != 0 && n->now.mono_ms < h->cluster.asked_ms + AGAIN_MS) {
        return;
    }
    h->cluster.asked_ms = n->now.mono_ms;
    h->cluster.ask = node_new_id(n);
    cluster_begin(n, CM_HANDOVER);
    cm_put_handover(&c->out, h->cluster.ask);
    if (dir_record_encode(n->dir, text_slice(&h->room.name), &c->out) == STATUS_OK) {
        cluster_send(n, home->id, true, fx);
    }
}

static void settle_home(struct node *n, struct host *h, const struct dir_room *room,
                        struct effects *fx) {
    if (room->home == n->boot) {
        return;
    }
    const struct member *home = cluster_member_of_boot(n->cluster, room->home);
    if (home) {
        ask_home(n, h, home, fx);
    } else if (cluster_takes_home(n, room->home)) {
        enum status s = dir_room_set_home(n->dir, n->now, text_slice(&h->room.name));
        (void)s; /* it is alive: found a moment ago */
    } else {
        later(n);
    }
}

/* ---- one host ---- */

/* False: without memory it must be looked at again. */
static bool put_back(struct node *n, struct host *h) {
    struct slice name = text_slice(&h->room.name);
    enum status s = STATUS_NOT_FOUND;
    uint32_t reason = LIVEKIT__DISCONNECT_REASON__ROOM_CLOSED;
    if (h->room.counts.participants > 0) {
        s = dir_room_reassert(n->dir, n->now, name, h->cluster.lives, h->cluster.lives_count);
        reason = LIVEKIT__DISCONNECT_REASON__ROOM_DELETED;
    }
    if (s == STATUS_OK) {
        metric_inc(&n->config.metrics->cluster_reasserted);
        cluster_presence_apply(n, name);
    } else if (s == STATUS_NOT_FOUND) {
        host_close(n, h, reason);
    }
    return s == STATUS_OK || s == STATUS_NOT_FOUND;
}

static void tell_change(struct node *n, struct host *h, const struct dir_room *room,
                        struct effects *fx) {
    const uint64_t *conns = NULL;
    size_t mark = fx->count;
    size_t count = room_receivers(&h->room, NULL, NULL, NULL, &fx->arena, &conns);
    node_tell_room(n, fx, room, &h->room.counts, conns, count);
    if (node_ok(n, fx)) {
        h->cluster.tell = false;
        return;
    }
    node_rollback(n, fx, mark);
    host_plan_update(n, h); /* no memory now: with the counts */
}

/* False: it must be looked at again. */
static bool check_host(struct node *n, struct host *h, struct effects *fx) {
    struct dir_room room;
    struct slice name = text_slice(&h->room.name);
    bool alive = dir_room_find(n->dir, name, &room) == STATUS_OK;
    if (BROKEN(REASSERT) && !alive) {
        return true;
    }
    if (!BROKEN(REASSERT) && (!alive || !all_current(&h->cluster, &room))) {
        if (!put_back(n, h)) {
            return false;
        }
        if (h->closing || dir_room_find(n->dir, name, &room) != STATUS_OK) {
            return true;
        }
    }
    if (!learn_lives(h, &room)) {
        return false;
    }
    if (h->cluster.tell) {
        tell_change(n, h, &room, fx);
    }
    settle_home(n, h, &room, fx);
    return true;
}

void cluster_host_look(struct node *n, struct host *h) {
    if (!list_node_linked(&h->cluster.in_checks)) {
        list_push_back(&n->cluster->checks, &h->cluster.in_checks);
    }
}

void cluster_hosts_look(struct node *n) {
    n->cluster->hosts_left = n->hosts.count;
}

bool cluster_hosts_work(struct node *n, struct effects *fx) {
    struct cluster *c = n->cluster;
    for (size_t i = 0; i < HOSTS_PER_STEP_MAX && c->hosts_left > 0; i++) {
        struct list_node *first = list_first(&n->hosts);
        c->hosts_left = first ? c->hosts_left - 1 : 0;
        if (first) {
            list_remove(&n->hosts, first); /* round and round: the order says nothing */
            list_push_back(&n->hosts, first);
            cluster_host_look(n, container_of(first, struct host, in_hosts));
        }
    }
    for (size_t i = 0; i < HOSTS_PER_STEP_MAX && !list_empty(&c->checks); i++) {
        struct list_node *first = list_first(&c->checks);
        struct host *h = container_of(first, struct host, cluster.in_checks);
        list_remove(&c->checks, first);
        arena_reset(&n->work);
        if (!h->closing && !check_host(n, h, fx)) {
            later(n);
        }
    }
    return c->hosts_left > 0 || !list_empty(&c->checks);
}

/* ---- hand-over ---- */

void cluster_on_handover(struct node *n, const struct cluster_message *m, struct effects *fx) {
    struct cluster *c = n->cluster;
    struct slice name;
    struct member *from = cluster_member(c, m->from);
    if (!from || from->must_resync || dir_encoded_name(m->handover.record, &name) != STATUS_OK) {
        return;
    }
    (void)cluster_merge(n, m->handover.record);
    struct dir_room room;
    bool yes = dir_room_find(n->dir, name, &room) == STATUS_OK && room.home == n->boot &&
               !n->draining && !n->stopping;
    cluster_begin(n, CM_HANDOVER_REPLY);
    cm_put_handover_reply(&c->out, m->handover.ask, yes, name);
    cluster_send(n, m->from, true, fx);
}

void cluster_on_handover_reply(struct node *n, const struct cluster_message *m) {
    const struct cm_handover_reply *r = &m->reply;
    struct host *h = node_host_find(n, r->name);
    struct dir_room room;
    if (BROKEN(HANDOVER) || !h || !r->yes || h->cluster.ask != r->ask ||
        dir_room_find(n->dir, r->name, &room) != STATUS_OK || room.home != m->boot ||
        !cluster_member_of_boot(n->cluster, m->boot)) {
        return;
    }
    metric_inc(&n->config.metrics->cluster_handed_over);
    list_each (at, &h->room.participants) {
        struct participant *p = container_of(at, struct participant, in_room);
        session_end(n, node_session_of(n, p), LIVEKIT__DISCONNECT_REASON__MIGRATION,
                    LIVEKIT__LEAVE_REQUEST__ACTION__RECONNECT, true);
    }
}
