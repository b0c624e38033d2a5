#include "node_media.h"

/* What a walk over all sessions counts, to be compared with what the maps hold. */
struct tally {
    const struct node *n;
    size_t sessions, conns, links, ending, unsettled, responses, rpcs;
    size_t tracks, sends, looks, levels, qualities;
    size_t published, sending;
};

static void check_link(struct tally *t, const struct session *s, const struct link *l) {
    if (!l->peer) {
        assert(!l->open && !l->up);
        return;
    }
    assert(l->session == s && l->id != 0);
    struct map_node *m = map_find(&t->n->links, slice_of(&l->id, sizeof(l->id)));
    assert(m && container_of(m, struct link, by_id) == l);
    (void)m;
    (void)s;
    t->links++;
}

static void check_session(struct tally *t, const struct session *s, const struct host *h,
                          const struct participant *p) {
    assert(s->host == h && s->participant == p && p->conn == s->conn);
    check_link(t, s, &s->main);
    check_link(t, s, &s->sub);
    if (s->conn != 0) {
        struct map_node *m = map_find(&t->n->by_conn, slice_of(&s->conn, sizeof(s->conn)));
        assert(m && container_of(m, struct session, by_conn) == s);
        (void)m;
        t->conns++;
    }
    assert(s->conn != 0 || s->responses.count == 0);
    t->responses += s->responses.count;
    t->rpcs += s->rpcs.count;
    t->sessions++;
    t->ending += s->is_ending;
    t->unsettled += list_node_linked(&s->in_unsettled);
    t->tracks += p->tracks.count;
    t->sends += p->attached_count;
    list_each (at, &p->tracks) {
        t->published += container_of(at, struct track, in_publisher)->state == TRACK_PUBLISHED;
    }
    list_each (at, &p->subscriptions) {
        t->sending += container_of(at, struct subscription, in_subscriber)->sending;
    }
    t->looks += list_node_linked(&s->in_looks);
    t->levels += list_node_linked(&s->in_levels);
    t->qualities += list_node_linked(&s->in_qualities);
    bool active = p->profile.state == PARTICIPANT_ACTIVE;
    assert(s->is_ending || h->closing || (active && s->conn != 0) || heap_has(&s->life.node));
    (void)active;
    (void)h;
}

static void check_hosts(struct tally *t, const struct list *hosts, bool closing) {
    list_each (at, hosts) {
        const struct host *h = container_of(at, struct host, in_hosts);
        assert(h->closing == closing);
        assert(closing || !room_empty(&h->room));
        room_check(&h->room);
        list_each (in_room, &h->room.participants) {
            const struct participant *p = container_of(in_room, struct participant, in_room);
            const struct session *s = pool_resolve(&t->n->sessions, pool_ref_unpack(p->session));
            assert(s);
            check_session(t, s, h, p);
        }
    }
    (void)closing;
}

/* The directory believes of rooms here what is so. */
static void check_presence(const struct node *n) {
    list_each (at, &n->hosts) {
        const struct host *h = container_of(at, struct host, in_hosts);
        struct dir_room room;
        if (dir_room_find(n->dir, text_slice(&h->room.name), &room) == STATUS_OK) {
            assert(room.local.participants == h->room.counts.participants);
            assert(room.local.dependents == h->room.counts.dependents);
            assert(room.local.publishers == h->room.counts.publishers);
        }
    }
}

/* Answers that wait do so in the order of their time, each for what was handed over. */
static void check_holds(const struct node *n) {
    assert(n->holds_owed.count + n->holds_posted.count <= WRITES_HELD_MAX);
    assert(n->journal_written <= n->journal_sequence);
    bool none =
        list_empty(&n->holds_owed) && list_empty(&n->holds_posted) && list_empty(&n->holds_sent);
    assert(!none || n->holds_bytes == 0);
    assert(n->config.journal || none);
    (void)none;
}

void node_check(const struct node *n) {
    struct tally t = {.n = n};
    check_hosts(&t, &n->hosts, false);
    check_hosts(&t, &n->closing, true);
    assert(t.sessions == n->sessions.count);
    assert(t.conns == n->by_conn.count && t.links == n->links.count);
    assert(t.ending == n->ending.count && t.unsettled == n->unsettled.count);
    assert(t.responses == n->responses.count);
    assert(n->by_name.count == n->hosts.count);
    uint64_t load = 0;
    for (uint32_t i = 0; i < n->config.media_workers; i++) {
        load += n->worker_load[i];
    }
    assert(load == n->sessions.count);
    assert(n->timers.count <= TIMERS_OF_HOST * (n->hosts.count + n->closing.count) +
                                  TIMERS_OF_SESSION * n->sessions.count + n->rpcs.count);
    assert(t.rpcs == n->rpcs.count);
    list_each (at, &n->track_ends) {
        t.tracks += container_of(at, struct track, in_ends)->state == TRACK_ENDED;
    }
    assert(t.tracks == n->tracks.count && t.sends == n->sends.count);
    const struct metrics *m = n->config.metrics;
    assert(t.published == m->tracks_published_audio + m->tracks_published_video);
    assert(t.sending == m->tracks_subscribed_audio + m->tracks_subscribed_video);
    (void)m;
    assert(t.looks == n->looks.count && t.levels == n->levels.count);
    assert(t.qualities == n->qualities.count);
    heap_check(&n->timers);
    check_presence(n);
    check_holds(n);
    cluster_check(n);
}
