#include <string.h>

#include "broken.h"
#include "cluster.h"
#include "mem.h"

/* Who is in which room, outside the directory: each node tells how many it hosts, as a log of
 * changes with sequence numbers of its own, of which only the newest for each room is kept. Who has
 * missed some asks from where it stands; who has missed what is no longer kept gets all anew. */

enum {
    GONE_KEPT_MS = 30 * 1000, /* that nobody is in a room any more is remembered so long */
    GONE_MAX = 4096,          /* and of so many rooms */
    ASK_AGAIN_MS = 1000,      /* an answer is lost by then */
    PARTS_PER_STEP_MAX = 512, /* taken away in one step */
};

bool cluster_hosted_equal(const struct map_node *m, struct slice key) {
    const struct hosted *h = container_of(m, struct hosted, by_name);
    return slice_eq(slice_of(h->name, h->name_len), key);
}

bool cluster_away_equal(const struct map_node *m, struct slice key) {
    const struct away *a = container_of(m, struct away, by_name);
    return slice_eq(slice_of(a->name, a->name_len), key);
}

/* ---- ours ---- */

static struct hosted *hosted_find(const struct cluster *c, struct slice name) {
    struct map_node *m = map_find(&c->hosted_by_name, name);
    return m ? container_of(m, struct hosted, by_name) : NULL;
}

static struct hosted *hosted_make(struct cluster *c, struct slice name) {
    struct hosted *h = mem_zalloc(sizeof(*h) + name.len);
    if (!h) {
        return NULL;
    }
    h->name_len = (uint16_t)name.len;
    memcpy(h->name, name.data, name.len);
    list_node_init(&h->in_order);
    list_node_init(&h->in_gone);
    map_insert(&c->hosted_by_name, &h->by_name, name);
    list_push_back(&c->hosted, &h->in_order);
    return h;
}

static void hosted_free(struct cluster *c, struct hosted *h) {
    if (list_node_linked(&h->in_gone)) {
        list_remove(&c->gone, &h->in_gone);
    }
    list_remove(&c->hosted, &h->in_order);
    map_remove(&c->hosted_by_name, &h->by_name);
    mem_free(h);
}

static void forget_gone(struct node *n) {
    struct cluster *c = n->cluster;
    while (!list_empty(&c->gone)) {
        struct hosted *h = container_of(list_first(&c->gone), struct hosted, in_gone);
        bool old = n->now.mono_ms >= h->since_ms + GONE_KEPT_MS || c->gone.count > GONE_MAX;
        if (!old || h->seq > c->presence_pushed) {
            return;
        }
        c->presence_floor = MAX(c->presence_floor, h->seq);
        hosted_free(c, h);
    }
}

enum status cluster_presence(struct node *n, struct slice name, uint32_t participants) {
    struct cluster *c = n->cluster;
    struct hosted *h = c ? hosted_find(c, name) : NULL;
    if (!c || (!h && participants == 0) || (h && h->participants == participants)) {
        return STATUS_OK;
    }
    if (!h) {
        h = hosted_make(c, name);
    }
    if (!h) {
        return STATUS_NO_MEMORY;
    }
    h->participants = participants;
    h->since_ms = n->now.mono_ms;
    h->seq = ++c->presence_seq;
    list_remove(&c->hosted, &h->in_order);
    list_push_back(&c->hosted, &h->in_order);
    if (list_node_linked(&h->in_gone)) {
        list_remove(&c->gone, &h->in_gone);
    }
    if (participants == 0) {
        list_push_back(&c->gone, &h->in_gone);
    }
    forget_gone(n);
    return STATUS_OK;
}

/* The first change behind `seq`; NULL: none. From the newest backwards: mostly few are missing. */
static struct list_node *first_behind(const struct cluster *c, uint64_t seq) {
    struct list_node *first = NULL;
    for (struct list_node *at = c->hosted.head.prev; at != &c->hosted.head; at = at->prev) {
        if (container_of(at, struct hosted, in_order)->seq <= seq) {
            break;
        }
        first = at;
    }
    return first;
}

/* One message with the changes behind p->from, as many as fit. Returns the sequence it reaches. */
static uint64_t tell(struct node *n, uint64_t to, struct cm_presence *p, struct effects *fx) {
    struct cluster *c = n->cluster;
    struct list_node *first = first_behind(c, p->from), *at = first;
    size_t bytes = 0;
    p->to = c->presence_seq;
    p->head = c->presence_seq;
    for (; at && at != &c->hosted.head; at = at->next) {
        const struct hosted *h = container_of(at, struct hosted, in_order);
        if (bytes > CLUSTER_PAGE_BYTES) {
            p->to = container_of(at->prev, struct hosted, in_order)->seq;
            p->flags |= CM_PRESENCE_MORE;
            break;
        }
        bytes += h->name_len + 6u;
    }
    cluster_begin(n, CM_PRESENCE);
    cm_put_presence(&c->out, p);
    for (at = first; at && at != &c->hosted.head; at = at->next) {
        const struct hosted *h = container_of(at, struct hosted, in_order);
        if (h->seq > p->to) {
            break;
        }
        cm_put_entry(&c->out, slice_of(h->name, h->name_len), h->participants);
    }
    cluster_send(n, to, false, fx);
    return p->to;
}

void cluster_presence_push(struct node *n, struct effects *fx) {
    struct cluster *c = n->cluster;
    enum { MESSAGES_MAX = 4 };
    if (BROKEN(PRESENCE)) {
        c->presence_pushed = c->presence_seq = 0;
    }
    for (int i = 0; i < MESSAGES_MAX && c->presence_pushed < c->presence_seq; i++) {
        struct cm_presence p = {.from = c->presence_pushed};
        c->presence_pushed = tell(n, 0, &p, fx);
    }
    forget_gone(n);
}

void cluster_on_presence_ask(struct node *n, const struct cluster_message *m, struct effects *fx) {
    struct cluster *c = n->cluster;
    const struct cm_presence_ask *a = &m->ask;
    if (a->boot != n->boot || a->seq > c->presence_seq) {
        return;
    }
    bool lost = c->presence_floor > a->head;
    struct cm_presence p = {
        .from = lost ? 0 : a->seq,
        .flags = lost ? CM_PRESENCE_ANEW : 0,
    };
    (void)tell(n, m->from, &p, fx);
}

/* ---- theirs ---- */

static struct away *away_find(const struct cluster *c, struct slice name) {
    struct map_node *m = map_find(&c->away_by_name, name);
    return m ? container_of(m, struct away, by_name) : NULL;
}

static struct away *away_make(struct cluster *c, struct slice name) {
    struct away *a = mem_zalloc(sizeof(*a) + name.len);
    if (!a) {
        return NULL;
    }
    a->name_len = (uint16_t)name.len;
    memcpy(a->name, name.data, name.len);
    list_init(&a->parts);
    map_insert(&c->away_by_name, &a->by_name, name);
    return a;
}

static struct away_part *part_find(const struct away *a, const struct member *m) {
    list_each (at, &a->parts) {
        struct away_part *p = container_of(at, struct away_part, in_room);
        if (p->member == m) {
            return p;
        }
    }
    return NULL;
}

static void set_remote(struct node *n, struct slice name, uint64_t participants, bool lost) {
    uint32_t count = (uint32_t)MIN(participants, (uint64_t)UINT32_MAX);
    enum status s = dir_presence_set_remote(n->dir, n->now, name, count, lost && count == 0);
    (void)s; /* the room is not alive here: cluster_presence_apply, when it is */
}

static void tell_directory(struct node *n, const struct away *a, bool lost) {
    set_remote(n, slice_of(a->name, a->name_len), a->participants, lost);
}

static void part_drop(struct node *n, struct away_part *p, bool lost) {
    struct cluster *c = n->cluster;
    struct away *a = p->away;
    a->participants -= p->participants;
    list_remove(&a->parts, &p->in_room);
    list_remove(&p->member->parts, &p->in_member);
    mem_free(p);
    c->parts--;
    tell_directory(n, a, lost);
    if (list_empty(&a->parts)) {
        map_remove(&c->away_by_name, &a->by_name);
        mem_free(a);
    }
}

static enum status part_set(struct node *n, struct member *m, struct slice name, uint32_t count) {
    struct cluster *c = n->cluster;
    struct away *a = away_find(c, name);
    struct away_part *p = a ? part_find(a, m) : NULL;
    if (count == 0) {
        if (p) {
            part_drop(n, p, false);
        }
        return STATUS_OK;
    }
    if (!p) {
        struct away *room = a ? a : away_make(c, name);
        p = room && c->parts < CLUSTER_PARTS_MAX ? mem_zalloc(sizeof(*p)) : NULL;
        if (!p) {
            if (room && !a) {
                map_remove(&c->away_by_name, &room->by_name);
                mem_free(room);
            }
            return STATUS_NO_MEMORY;
        }
        *p = (struct away_part){.away = room, .member = m};
        list_node_init(&p->in_room);
        list_node_init(&p->in_member);
        list_push_back(&room->parts, &p->in_room);
        list_push_back(&m->parts, &p->in_member);
        c->parts++;
        a = room;
    }
    a->participants += count;
    a->participants -= p->participants;
    p->participants = count;
    p->epoch = m->epoch;
    /* Those told last stand last: a list from the beginning leaves in front what it did not name.
     */
    list_remove(&m->parts, &p->in_member);
    list_push_back(&m->parts, &p->in_member);
    tell_directory(n, a, false);
    return STATUS_OK;
}

void cluster_presence_apply(struct node *n, struct slice name) {
    if (n->cluster) {
        /* Nobody, too: the record may remember who was in when it died. */
        struct away *a = away_find(n->cluster, name);
        set_remote(n, name, a ? a->participants : 0, false);
    }
}

void cluster_presence_void(struct node *n, struct member *m) {
    m->presence_seq = m->presence_head = 0;
    m->anew = m->sweeping = false;
    m->voiding = !list_empty(&m->parts);
    n->cluster->parts_leave = n->cluster->parts_leave || m->voiding;
}

bool cluster_presence_work(struct node *n) {
    struct cluster *c = n->cluster;
    size_t budget = PARTS_PER_STEP_MAX;
    for (size_t i = 0; c->parts_leave && i < c->members_count; i++) {
        struct member *m = c->members[i];
        while ((m->voiding || m->sweeping) && budget > 0) {
            struct list_node *first = list_first(&m->parts);
            struct away_part *p = first ? container_of(first, struct away_part, in_member) : NULL;
            if (!p || (m->sweeping && p->epoch == m->epoch)) {
                m->voiding = m->sweeping = false;
                break;
            }
            /* What a list did not name, its owner has let go; what is void is only not known. */
            part_drop(n, p, m->voiding);
            budget--;
        }
    }
    c->parts_leave = budget == 0;
    return budget == 0;
}

void cluster_presence_want(struct node *n, struct member *m, struct effects *fx) {
    bool behind = m->presence_seq < m->presence_goal || m->anew;
    if (!behind || m->voiding || m->boot == 0) {
        return;
    }
    if (m->presence_asked_ms != 0 && n->now.mono_ms < m->presence_asked_ms + ASK_AGAIN_MS) {
        return;
    }
    m->presence_asked_ms = n->now.mono_ms;
    struct cm_presence_ask a = {
        .boot = m->boot,
        .seq = m->presence_seq,
        .head = m->anew ? m->presence_head : m->presence_seq,
    };
    cluster_begin(n, CM_PRESENCE_ASK);
    cm_put_ask(&n->cluster->out, &a);
    cluster_send(n, m->id, false, fx);
}

/* False: without memory for all of it, which is then as if it had not come. */
static bool take_entries(struct node *n, struct member *m, struct slice entries) {
    struct slice name;
    uint32_t count;
    while (cm_entry_next(&entries, &name, &count)) {
        if (part_set(n, m, name, count) != STATUS_OK) {
            metric_inc(&n->config.metrics->cluster_refused_presence);
            return false;
        }
    }
    return true;
}

void cluster_on_presence(struct node *n, const struct cluster_message *msg, struct effects *fx) {
    const struct cm_presence *p = &msg->presence;
    struct member *m = cluster_member(n->cluster, msg->from);
    if (!m || m->boot != msg->boot || !m->living || m->voiding || m->sweeping) {
        return; /* a beat will show what is missing */
    }
    m->presence_goal = MAX(m->presence_goal, p->to);
    if (p->flags & CM_PRESENCE_ANEW) {
        if (m->anew || p->to < m->presence_seq) {
            return; /* repeated, or late */
        }
        m->anew = true;
        m->epoch++;
        m->presence_head = p->head;
        m->presence_seq = 0;
    }
    if (p->from > m->presence_seq || p->to <= m->presence_seq) {
        if (p->from > m->presence_seq) {
            cluster_presence_want(n, m, fx);
        }
        return;
    }
    if (!take_entries(n, m, p->entries)) {
        return;
    }
    m->presence_seq = p->to;
    m->presence_asked_ms = 0;
    if (m->anew && !(p->flags & CM_PRESENCE_MORE)) {
        m->anew = false;
        m->sweeping = n->cluster->parts_leave = true;
    }
    cluster_presence_want(n, m, fx);
}

void cluster_presence_deinit(struct node *n) {
    struct cluster *c = n->cluster;
    for (size_t i = 0; i < c->members_count; i++) {
        while (!list_empty(&c->members[i]->parts)) {
            struct list_node *first = list_first(&c->members[i]->parts);
            struct away_part *p = container_of(first, struct away_part, in_member);
            struct away *a = p->away;
            list_remove(&a->parts, &p->in_room);
            list_remove(&c->members[i]->parts, first);
            mem_free(p);
            if (list_empty(&a->parts)) {
                map_remove(&c->away_by_name, &a->by_name);
                mem_free(a);
            }
        }
    }
    while (!list_empty(&c->hosted)) {
        hosted_free(c, container_of(list_first(&c->hosted), struct hosted, in_order));
    }
    map_deinit(&c->away_by_name);
    map_deinit(&c->hosted_by_name);
}
