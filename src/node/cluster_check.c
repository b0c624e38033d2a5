#include "cluster.h"

/* Every invariant of cluster.h. O(n): tests, builds with checks on. */

static void check_parts(const struct cluster *c) {
    uint64_t parts = 0;
    for (size_t i = 0; i < c->members_count; i++) {
        const struct member *m = c->members[i];
        assert(i == 0 || c->members[i - 1]->id < m->id);
        assert(!m->expelled || !m->heard); /* it may live by hearsay */
        list_each (at, &m->parts) {
            const struct away_part *p = container_of(at, struct away_part, in_member);
            assert(p->member == m && p->participants > 0);
            parts++;
        }
    }
    assert(parts == c->parts);
    (void)parts;
}

static void check_away(struct map_node *node, void *arg) {
    const struct away *a = container_of(node, struct away, by_name);
    const struct node *n = arg;
    uint64_t participants = 0;
    assert(!list_empty(&a->parts));
    list_each (at, &a->parts) {
        participants += container_of(at, struct away_part, in_room)->participants;
    }
    assert(participants == a->participants);
    struct dir_room room;
    if (dir_room_find(n->dir, slice_of(a->name, a->name_len), &room) == STATUS_OK) {
        assert(room.participants == room.local.participants + participants);
    }
    (void)participants;
}

static void check_hosted(const struct cluster *c) {
    uint64_t before = 0;
    size_t gone = 0;
    list_each (at, &c->hosted) {
        const struct hosted *h = container_of(at, struct hosted, in_order);
        assert(h->seq > before && h->seq <= c->presence_seq);
        assert(list_node_linked(&h->in_gone) == (h->participants == 0));
        before = h->seq;
        gone += h->participants == 0;
    }
    assert(gone == c->gone.count && c->hosted.count == c->hosted_by_name.count);
    assert(c->presence_pushed <= c->presence_seq && c->presence_floor <= c->presence_seq);
    (void)gone;
}

/* What is told of a host is what is in it. */
static void check_hosts(const struct node *n) {
    list_each (at, &n->hosts) {
        const struct host *h = container_of(at, struct host, in_hosts);
        struct map_node *m = map_find(&n->cluster->hosted_by_name, text_slice(&h->room.name));
        uint32_t told = m ? container_of(m, struct hosted, by_name)->participants : 0;
        assert(told == h->room.counts.participants);
        (void)told;
    }
}

void cluster_check(const struct node *n) {
    const struct cluster *c = n->cluster;
    if (c) {
        check_parts(c);
        map_each(&c->away_by_name, check_away, (void *)(uintptr_t)n);
        check_hosted(c);
        check_hosts(n);
    }
}
