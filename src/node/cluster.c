#include "cluster.h"
#include "broken.h"

#include "mem.h"

struct node_cluster node_cluster_defaults(void) {
    return (struct node_cluster){
        .beat_ms = 2000,
        .lease_ms = 6000,
        .delta_ms = 10,
        .round_ms = 3000,
        .member_ttl_s = 7 * 24 * 3600,
    };
}

static enum status create_maps(struct node *n, struct cluster *c) {
    enum status s = map_init(&c->hosted_by_name, n->map_key, cluster_hosted_equal);
    if (s == STATUS_OK) {
        s = map_init(&c->away_by_name, n->map_key, cluster_away_equal);
    }
    c->hashes = mem_calloc(CLUSTER_HASHES_MAX, sizeof(*c->hashes));
    return c->hashes ? s : STATUS_NO_MEMORY;
}

/* Who was there when this node last ran: until they are heard it may be cut off. */
static enum status know_members(struct node *n, struct cluster *c) {
    const struct node_cluster *config = &n->config.cluster;
    for (size_t i = 0; i < config->known_count; i++) {
        const struct node_member *k = &config->known[i];
        if (k->id == config->id || cluster_member(c, k->id)) {
            continue;
        }
        struct member *m = cluster_member_add(n, k->id);
        if (!m) {
            return STATUS_NO_MEMORY;
        }
        m->unsure = true;
        m->contact = k->contact;
        /* What this process makes is younger, whatever of the last one's is on the disk. */
        dir_clock_load(n->dir, k->contact);
        if (k->expelled) {
            cluster_member_expel(n, m);
            continue;
        }
        m->in_reference = true;
        c->island = true;
        c->warm = false;
    }
    dir_island_set(n->dir, n->now, c->island);
    return STATUS_OK;
}

enum status cluster_create(struct node *n) {
    const struct node_cluster *config = &n->config.cluster;
    if (config->id == 0) {
        return STATUS_OK;
    }
    struct cluster *c = mem_zalloc(sizeof(*c));
    if (!c) {
        return STATUS_NO_MEMORY;
    }
    n->cluster = c;
    list_init(&c->hosted);
    list_init(&c->gone);
    list_init(&c->checks);
    buf_init(&c->out, CLUSTER_MESSAGE_BYTES_MAX);
    buf_init(&c->scratch, CLUSTER_MESSAGE_BYTES_MAX);
    enum status s = create_maps(n, c);
    if (s != STATUS_OK) {
        return s; /* node_destroy gives back what there is */
    }
    c->raw_wall_ms = n->now.wall_ms;
    c->correction_ms = config->wall_correction_ms;
    c->warm = true; /* unless it knows of others */
    c->grace_until_ms = n->now.mono_ms + config->lease_ms;
    c->next_beat_ms = n->now.mono_ms;
    c->next_check_ms = n->now.mono_ms;
    c->next_flush_ms = UINT64_MAX;
    c->next_hosts_ms = UINT64_MAX;
    c->next_round_ms = n->now.mono_ms + config->round_ms;
    s = know_members(n, c);
    c->started = dir_clock_now(n->dir, n->now).time;
    return s;
}

void cluster_destroy(struct node *n) {
    struct cluster *c = n->cluster;
    if (!c) {
        return;
    }
    cluster_presence_deinit(n);
    for (size_t i = 0; i < c->members_count; i++) {
        mem_free(c->members[i]);
    }
    mem_free(c->members);
    mem_free(c->hashes);
    buf_deinit(&c->out);
    buf_deinit(&c->scratch);
    n->cluster = NULL;
    mem_free(c);
}

/* A directory without members forgets at once what is dead. Until somebody is heard this node
 * itself is one, which never acknowledges: or a peer that had not heard of a delete would bring the
 * room back. */
enum status cluster_keep_dead(struct node *n) {
    struct cluster *c = n->cluster;
    if (!c || c->keeps_dead || c->members_count > 0) {
        return STATUS_OK;
    }
    enum status s = dir_member_set(n->dir, cluster_id(n), n->boot);
    c->keeps_dead = s == STATUS_OK;
    return s;
}

void cluster_let_go_dead(struct node *n) {
    if (n->cluster->keeps_dead) {
        n->cluster->keeps_dead = false;
        dir_member_remove(n->dir, cluster_id(n));
    }
}

bool cluster_knows(const struct node *n) {
    return BROKEN(KNOWS) || !n->cluster || n->cluster->knows || n->journal_read;
}

uint64_t cluster_id(const struct node *n) {
    return n->config.cluster.id;
}

void cluster_begin(struct node *n, enum cm_kind kind) {
    cm_begin(&n->cluster->out, kind, cluster_id(n), n->boot);
}

void cluster_send(struct node *n, uint64_t to, bool direct, struct effects *fx) {
    struct buf *out = &n->cluster->out;
    size_t mark = fx->count;
    if (!out->failed) {
        struct slice bytes = fx_copy(fx, buf_slice(out));
        struct effect *e = fx_add(fx, FX_PEER);
        e->peer = to;
        e->direct = direct;
        e->bytes = bytes;
    }
    if (out->failed || !fx_ok(fx)) {
        fx_rollback(fx, mark);
        metric_inc(&n->config.metrics->cluster_unsent);
        return;
    }
    metric_inc(&n->config.metrics->cluster_messages_out);
    metric_add(&n->config.metrics->cluster_bytes_out, out->len);
}

static void take(struct node *n, const struct cluster_message *m, struct effects *fx) {
    switch (m->kind) {
    case CM_BEAT: cluster_on_beat(n, m, fx); break;
    case CM_PRESENCE: cluster_on_presence(n, m, fx); break;
    case CM_PRESENCE_ASK: cluster_on_presence_ask(n, m, fx); break;
    case CM_DELTA: {
        struct member *from = cluster_member(n->cluster, m->from);
        if (!from || (!from->must_resync && !from->expelled)) {
            (void)cluster_merge_batch(n, m->batch);
        }
        break;
    }
    case CM_GROUPS: cluster_on_groups(n, m, fx); break;
    case CM_BUCKETS: cluster_on_buckets(n, m, fx); break;
    case CM_HASHES: cluster_on_hashes(n, m, fx); break;
    case CM_PAGE: cluster_on_page(n, m, fx); break;
    case CM_HANDOVER: cluster_on_handover(n, m, fx); break;
    case CM_HANDOVER_REPLY: cluster_on_handover_reply(n, m); break;
    case CM_PROBE: cluster_on_probe(n, m, fx); break;
    case CM_LACKS: cluster_on_lacks(n, m, fx); break;
    case CM_RESYNCED: cluster_on_resynced(n, m); break;
    case CM_KINDS: break;
    }
}

enum status cluster_event(struct node *n, const struct node_event *ev, struct effects *fx) {
    struct cluster_message m;
    if (!n->cluster) {
        return STATUS_BAD_EVENT;
    }
    if (!cm_read(ev->peer.bytes, &m)) {
        metric_inc(&n->config.metrics->cluster_malformed);
        return STATUS_MALFORMED;
    }
    metric_inc(&n->config.metrics->cluster_messages_in);
    metric_add(&n->config.metrics->cluster_bytes_in, ev->peer.bytes.len);
    if (m.from == cluster_id(n)) {
        /* Our own, or another process under our name: its operator must hear of that. */
        if (m.boot != n->boot && m.kind == CM_BEAT && m.beat.started > n->cluster->started) {
            metric_inc(&n->config.metrics->cluster_same_id);
        }
        return STATUS_OK;
    }
    take(n, &m, fx);
    struct member *from = cluster_member(n->cluster, m.from);
    if (from && from->boot == m.boot && from->heard && from->hears_us) {
        from->contact = dir_clock_last(n->dir);
    }
    return STATUS_OK;
}

struct dir_time cluster_time(struct node *n, struct dir_time t) {
    struct cluster *c = n->cluster;
    if (!c) {
        return t;
    }
    c->raw_wall_ms = t.wall_ms;
    int64_t wall_ms = (int64_t)MIN(t.wall_ms, (uint64_t)INT64_MAX / 2) + c->correction_ms;
    return (struct dir_time){.wall_ms = wall_ms > 0 ? (uint64_t)wall_ms : 0, .mono_ms = t.mono_ms};
}

void cluster_look(struct node *n) {
    if (n->cluster && n->now.mono_ms >= n->cluster->next_check_ms) {
        cluster_check_members(n);
    }
}

void cluster_run(struct node *n, struct effects *fx) {
    struct cluster *c = n->cluster;
    if (!c) {
        return;
    }
    uint64_t now_ms = n->now.mono_ms;
    if (n->stopping && !c->said_leaving) {
        c->said_leaving = true;
        c->next_beat_ms = now_ms;
    }
    if (now_ms >= c->next_beat_ms) {
        cluster_beat(n, fx);
        c->next_beat_ms = now_ms + n->config.cluster.beat_ms;
    }
    if (now_ms >= c->next_flush_ms) {
        c->next_flush_ms = UINT64_MAX;
        cluster_flush(n, fx);
        cluster_presence_push(n, fx);
    }
    if (now_ms >= c->next_round_ms) {
        cluster_round_tick(n, fx);
    }
    if (now_ms >= c->next_hosts_ms) {
        c->next_hosts_ms = UINT64_MAX;
        cluster_hosts_look(n);
    }
    (void)cluster_presence_work(n);
    (void)cluster_hosts_work(n, fx);
    arena_reset(&n->work);
}

void cluster_settle(struct node *n) {
    struct cluster *c = n->cluster;
    bool owed = c && (dir_delta_owed(n->dir) > 0 || c->presence_seq > c->presence_pushed);
    if (owed && c->next_flush_ms == UINT64_MAX) {
        c->next_flush_ms = n->now.mono_ms + n->config.cluster.delta_ms;
    }
}

uint64_t cluster_next_ms(const struct node *n) {
    const struct cluster *c = n->cluster;
    if (!c) {
        return UINT64_MAX;
    }
    bool at_once = c->hosts_left > 0 || !list_empty(&c->checks) || c->parts_leave;
    uint64_t next = MIN(c->next_beat_ms, MIN(c->next_check_ms, c->next_flush_ms));
    next = MIN(next, MIN(c->next_round_ms, c->next_hosts_ms));
    return at_once ? n->now.mono_ms : next;
}

size_t node_members(const struct node *n, struct node_member *members, size_t max) {
    size_t count = 0;
    for (size_t i = 0; n->cluster && i < n->cluster->members_count && count < max; i++) {
        const struct member *m = n->cluster->members[i];
        members[count++] = (struct node_member){
            .id = m->id,
            .contact = m->asks_resync ? m->contact_before : m->contact,
            .expelled = m->expelled,
        };
    }
    return count;
}

struct node_cluster_state node_cluster_state(const struct node *n) {
    const struct cluster *c = n->cluster;
    struct node_cluster_state s = {.boot = n->boot};
    if (!c) {
        return s;
    }
    s.island = c->island;
    s.warm = c->warm;
    s.wall_correction_ms = c->correction_ms;
    s.members = c->members_count;
    s.away_parts = c->parts;
    s.hosted = c->hosted.count;
    for (size_t i = 0; i < c->members_count; i++) {
        const struct member *m = c->members[i];
        s.heard += m->heard;
        s.living += m->living;
        s.resyncing += m->asks_resync || m->must_resync;
    }
    return s;
}

const struct dir *node_dir(const struct node *n) {
    return n->dir;
}
