#include <string.h>

#include "cluster.h"
#include "mem.h"

enum {
    ISLAND_WINDOW_MS = 60 * 1000, /* whom it heard in the last minute */
    GREET_MS = 50,                /* a new one hears of us soon, many new ones by one beat */
    BEHIND_MS = 500,              /* by then what was lost has been asked for */
    CHECK_MS = 500,               /* at least so often, for what no lease announces */
    TRIP_MS = 1000,               /* of a beat; what it says of silence is older by as much */
    AHEAD = 24,                   /* of a beat's names: fetched from memory meanwhile */
};

/* ---- the table ---- */

/* Where the id is, or would be. */
static size_t place_of(const struct cluster *c, uint64_t id) {
    size_t low = 0, high = c->members_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c->members[mid]->id < id) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

struct member *cluster_member(struct cluster *c, uint64_t id) {
    size_t at = place_of(c, id);
    return at < c->members_count && c->members[at]->id == id ? c->members[at] : NULL;
}

struct member *cluster_member_of_boot(struct cluster *c, uint64_t boot) {
    for (size_t i = 0; boot != 0 && i < c->members_count; i++) {
        if (c->members[i]->boot == boot && c->members[i]->living) {
            return c->members[i];
        }
    }
    return NULL;
}

static bool reserve_place(struct cluster *c) {
    if (c->members_count < c->members_cap) {
        return true;
    }
    size_t cap = MAX((size_t)8, 2 * c->members_cap);
    struct member **members = mem_realloc(c->members, cap * sizeof(struct member *));
    if (members) {
        c->members = members;
        c->members_cap = cap;
    }
    return members != NULL;
}

struct member *cluster_member_add(struct node *n, uint64_t id) {
    struct cluster *c = n->cluster;
    assert(id != cluster_id(n) && !cluster_member(c, id));
    if (c->members_count == DIR_MEMBERS_MAX || !reserve_place(c)) {
        metric_inc(&n->config.metrics->cluster_refused_members);
        return NULL;
    }
    struct member *m = mem_zalloc(sizeof(*m));
    if (!m || dir_member_set(n->dir, id, 0) != STATUS_OK) {
        mem_free(m);
        return NULL;
    }
    m->id = id;
    m->heard_ms = (int64_t)n->now.mono_ms;
    list_init(&m->parts);
    size_t at = place_of(c, id);
    memmove(c->members + at + 1, c->members + at,
            (c->members_count - at) * sizeof(struct member *));
    c->members[at] = m;
    c->members_count++;
    return m;
}

/* Another process of this member, or the first that we hear of. Nothing of the old one counts. */
static void set_boot(struct node *n, struct member *m, uint64_t boot) {
    if (m->boot == boot) {
        return;
    }
    if (m->boot != 0) {
        cluster_presence_void(n, m);
    }
    m->boot = boot;
    m->started = m->beat = m->digest = 0;
    m->presence_goal = 0;
    m->leaving = false;
    n->cluster->next_check_ms = n->now.mono_ms; /* its boot is in the order of enders */
    enum status s = dir_member_set(n->dir, m->id, boot);
    (void)s; /* it is in already: no memory is asked for */
}

/* One that was expelled is a member again, and must forget before it may tell. */
static bool readmit(struct node *n, struct member *m) {
    if (m->expelled) {
        if (dir_member_set(n->dir, m->id, m->boot) != STATUS_OK) {
            return false;
        }
        m->expelled = false;
        m->must_resync = true;
        m->unsure = true;
    }
    return true;
}

/* ---- beats ---- */

/* `g` NULL: it does not name us. */
static void gossip_of_us(struct member *from, const struct cm_member *g) {
    bool hears_us = g && (g->flags & CM_MEMBER_HEARD);
    bool apart = !from->heard || !from->hears_us || !hears_us;
    if (apart && !from->asks_resync) {
        from->contact_before = from->contact;
    }
    from->hears_us = hears_us;
    if (g) {
        from->asks_resync = (g->flags & CM_MEMBER_RESYNC) != 0;
        from->unsure = from->unsure && !hears_us;
    }
}

bool cluster_holds_back(const struct node *n) {
    const struct cluster *c = n->cluster;
    bool holds = n->now.mono_ms < c->grace_until_ms && n->config.cluster.known_count > 0;
    for (size_t i = 0; i < c->members_count; i++) {
        const struct member *m = c->members[i];
        holds = holds || (m->heard && (m->unsure || m->asks_resync));
    }
    return holds;
}

/* Beats name members by id, as they stand here: the next one is not far behind place *at. */
static struct member *member_behind(const struct cluster *c, size_t *at, uint64_t id) {
    if (*at > 0 && c->members[*at - 1]->id >= id) {
        *at = 0; /* of one that names them otherwise */
    }
    while (*at < c->members_count && c->members[*at]->id < id) {
        (*at)++;
    }
    if (*at + AHEAD < c->members_count) {
        __builtin_prefetch(c->members[*at + AHEAD]);
    }
    return *at < c->members_count && c->members[*at]->id == id ? c->members[*at] : NULL;
}

/* What a beat says of a third one; *at: where the one before stands. */
static void gossip(struct node *n, const struct cm_member *g, size_t *at) {
    struct cluster *c = n->cluster;
    uint64_t ttl_s = n->config.cluster.member_ttl_s;
    struct member *m = member_behind(c, at, g->id);
    if (g->id == 0 || (!m && g->silent_s >= ttl_s)) {
        return;
    }
    if (!m) {
        m = cluster_member_add(n, g->id);
        if (!m) {
            return;
        }
        m->heard_ms = (int64_t)n->now.mono_ms - (int64_t)g->silent_s * 1000;
    }
    int64_t heard_ms = (int64_t)n->now.mono_ms - (int64_t)g->silent_s * 1000;
    if (heard_ms > m->heard_ms && !m->expelled) {
        m->heard_ms = heard_ms;
    }
    if (g->boot == 0 || !(g->flags & CM_MEMBER_HEARD) || m->heard) {
        return; /* what we hear ourselves we know better */
    }
    if (g->boot != m->boot && !m->living) {
        set_boot(n, m, g->boot);
    }
    if (g->boot == m->boot) {
        m->vouched_until_ms = n->now.mono_ms + n->config.cluster.lease_ms;
        c->next_check_ms = m->living ? c->next_check_ms : n->now.mono_ms;
    }
}

static void take_beat(struct node *n, struct member *m, const struct cm_beat *b) {
    struct cluster *c = n->cluster;
    m->beat = b->number;
    m->started = b->started;
    m->heard_ms = (int64_t)n->now.mono_ms;
    m->lease_until_ms = n->now.mono_ms + n->config.cluster.lease_ms;
    m->offset_ms = (int64_t)b->wall_ms - (int64_t)c->raw_wall_ms;
    m->digest = b->digest;
    m->sessions = b->sessions;
    m->rooms = b->rooms;
    m->warm = (b->flags & CM_BEAT_WARM) != 0;
    m->lags = (b->flags & CM_BEAT_LAGS) != 0;
    bool leaving = (b->flags & CM_BEAT_LEAVING) != 0;
    if (!m->heard || m->leaving != leaving) {
        c->next_check_ms = n->now.mono_ms;
    }
    m->leaving = leaving;
    (void)dir_clock_observe(n->dir, n->now, b->clock); /* not one that is off by too much */
    m->presence_goal = b->presence_seq;
    c->next_check_ms = MIN(c->next_check_ms, n->now.mono_ms + BEHIND_MS);
}

void cluster_on_beat(struct node *n, const struct cluster_message *msg, struct effects *fx) {
    struct cluster *c = n->cluster;
    const struct cm_beat *b = &msg->beat;
    struct member *m = cluster_member(c, msg->from);
    if (!m) {
        m = cluster_member_add(n, msg->from);
    }
    if (!m || !readmit(n, m)) {
        return;
    }
    bool is_new = m->boot != msg->boot;
    if (is_new && m->heard && b->started <= m->started) {
        return; /* of a process before this one, come late */
    }
    if (!is_new && b->number <= m->beat) {
        return; /* repeated, or overtaken */
    }
    set_boot(n, m, msg->boot);
    take_beat(n, m, b);
    if (is_new) {
        c->next_beat_ms = MIN(c->next_beat_ms, n->now.mono_ms + GREET_MS);
        c->next_round_ms = MIN(c->next_round_ms, n->now.mono_ms + 2 * GREET_MS);
    }
    if (b->digest == dir_digest_all(n->dir)) {
        /* It holds what we hold: it may be told so without a round. */
        dir_member_acked_all(n->dir, m->id, dir_change_seq(n->dir));
        m->synced_ms = n->now.mono_ms;
        cluster_compared(n, m);
    }
    struct cm_member us = {0};
    size_t at = 0;
    for (size_t i = 0; i < cm_members_count(b->members); i++) {
        struct cm_member g = cm_member_at(b->members, i);
        if (g.id == cluster_id(n)) {
            us = g;
        } else if (g.id != m->id) {
            gossip(n, &g, &at);
        }
    }
    gossip_of_us(m, us.id != 0 ? &us : NULL);
    cluster_presence_want(n, m, fx);
}

void cluster_beat(struct node *n, struct effects *fx) {
    struct cluster *c = n->cluster;
    struct dir_counts counts;
    dir_counts_get(n->dir, n->now, &counts);
    struct cm_beat b = {
        .number = ++c->beats,
        .started = c->started,
        .presence_seq = c->presence_seq,
        .wall_ms = c->raw_wall_ms,
        .clock = dir_clock_now(n->dir, n->now).time,
        .digest = dir_digest_all(n->dir),
        .sessions = n->sessions.count,
        .rooms = (uint32_t)MIN(counts.rooms, (uint64_t)UINT32_MAX),
        .flags = (uint8_t)((c->warm ? CM_BEAT_WARM : 0u) | (n->stopping ? CM_BEAT_LEAVING : 0u) |
                           (node_journal_lags(n) ? CM_BEAT_LAGS : 0u)),
        .region = slice_sub(text_slice(&n->region), 0, CM_REGION_BYTES_MAX),
    };
    cluster_begin(n, CM_BEAT);
    cm_put_beat(&c->out, &b);
    for (size_t i = 0; i < c->members_count; i++) {
        const struct member *m = c->members[i];
        if (m->expelled) {
            continue;
        }
        /* Rather more than less: each passes it on, and it would go round and never grow. */
        int64_t silent_s = ((int64_t)n->now.mono_ms - m->heard_ms + TRIP_MS + 999) / 1000;
        bool resync = m->must_resync || dir_member_must_resync(n->dir, m->id);
        struct cm_member g = {
            .id = m->id,
            .boot = m->boot,
            .silent_s = (uint32_t)MIN(MAX(silent_s, 0), (int64_t)UINT32_MAX),
            .flags = (uint8_t)((m->heard && !m->leaving ? CM_MEMBER_HEARD : 0u) |
                               (resync ? CM_MEMBER_RESYNC : 0u)),
        };
        cm_put_member(&c->out, &g);
    }
    cluster_send(n, 0, false, fx);
}

/* ---- what follows from who is heard ---- */

/* Fewer than half of those heard in the last minute: then rather we are cut off than they are gone.
 * It lasts until half of them are heard again. */
static void check_island(struct node *n) {
    struct cluster *c = n->cluster;
    uint64_t now_ms = n->now.mono_ms;
    size_t known = 0, heard = 0;
    for (size_t i = 0; i < c->members_count; i++) {
        struct member *m = c->members[i];
        if (!c->island) {
            bool lately = m->heard || (m->lost_ms != 0 && now_ms < m->lost_ms + ISLAND_WINDOW_MS);
            m->in_reference = lately && !m->leaving;
        }
        bool counts = m->in_reference && !m->expelled && !m->leaving;
        known += counts;
        heard += counts && m->heard;
    }
    bool island = 2 * heard < known;
    if (island != c->island) {
        c->island = island;
        dir_island_set(n->dir, n->now, island);
        metric_set(&n->config.metrics->cluster_island, island);
    }
}

/* Whom it hosts is not known here. Who falls silent in that state leaves us as blind as one who
 * lives: its rooms wait as long as those that we knew of. */
static bool is_unseen(const struct node *n, struct member *m) {
    uint64_t now_ms = n->now.mono_ms;
    bool behind = m->heard && (m->presence_seq < m->presence_goal || m->anew || m->voiding);
    m->behind_ms = !behind ? 0 : m->behind_ms ? m->behind_ms : now_ms;
    bool late = behind && now_ms >= m->behind_ms + BEHIND_MS;
    if (late || (m->living && !m->heard)) {
        m->unseen_until_ms = now_ms + dir_lost_timeout_ms(n->dir);
    } else if ((m->heard && !behind) || m->leaving) {
        m->unseen_until_ms = 0; /* who is heard again has not told yet what was missed */
    }
    return now_ms < m->unseen_until_ms;
}

/* Is everybody heard who lives, and what they told of their presence whole? A moment of being
 * behind is nothing: a beat may overtake what it speaks of. */
void cluster_check_sight(struct node *n) {
    struct cluster *c = n->cluster;
    bool blind = c->island || n->now.mono_ms < c->grace_until_ms;
    for (size_t i = 0; i < c->members_count; i++) {
        blind = is_unseen(n, c->members[i]) || blind;
    }
    if (blind != c->blind) {
        c->blind = blind;
        dir_blind_set(n->dir, blind);
    }
}

/* What somebody acknowledged and did not write goes with its process. */
static void check_doubt(struct node *n) {
    const struct cluster *c = n->cluster;
    bool doubt = false;
    for (size_t i = 0; i < c->members_count; i++) {
        const struct member *m = c->members[i];
        doubt = doubt || (!m->expelled && (!m->heard || m->lags));
    }
    dir_doubt_set(n->dir, doubt);
}

/* Our own wall counts as one of them: two nodes would else take each other's, and stay apart. */
static void correct_wall(struct node *n) {
    struct cluster *c = n->cluster;
    int64_t offsets[DIR_MEMBERS_MAX + 1];
    size_t count = 0;
    for (size_t i = 0; i < c->members_count; i++) {
        if (c->members[i]->heard) {
            offsets[count++] = c->members[i]->offset_ms;
        }
    }
    if (count > 0) {
        offsets[count++] = 0;
    }
    c->correction_ms = dir_wall_correction(offsets, count, c->correction_ms);
}

void cluster_compared(struct node *n, const struct member *m) {
    struct cluster *c = n->cluster;
    c->warm = c->warm || m->warm;
    c->knows = c->knows || m->warm;
}

/* Nobody was there before, and nobody was heard in the time of a lease. */
static void check_alone(struct node *n) {
    struct cluster *c = n->cluster;
    bool alone = n->now.mono_ms >= c->grace_until_ms;
    for (size_t i = 0; i < c->members_count; i++) {
        alone = alone && c->members[i]->expelled;
    }
    c->knows = c->knows || alone;
    if (alone || c->members_count > 0) {
        cluster_let_go_dead(n);
    }
}

static void tell_living(struct node *n) {
    struct cluster *c = n->cluster;
    uint64_t boots[DIR_MEMBERS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < c->members_count; i++) {
        if (c->members[i]->living) {
            boots[count++] = c->members[i]->boot;
        }
    }
    enum status s = dir_living_set(n->dir, boots, count);
    (void)s; /* there are never more than fit */
    metric_set(&n->config.metrics->cluster_living, count);
    cluster_hosts_look(n);
}

void cluster_member_expel(struct node *n, struct member *m) {
    m->expelled = true;
    m->asks_resync = false;
    dir_member_remove(n->dir, m->id);
}

static void check_member(struct node *n, struct member *m, uint64_t *next_ms) {
    uint64_t now_ms = n->now.mono_ms;
    bool heard = now_ms < m->lease_until_ms, was_living = m->living;
    if (m->heard && !heard) {
        m->lost_ms = now_ms;
    }
    m->heard = heard;
    m->living = m->boot != 0 && !m->leaving && (heard || now_ms < m->vouched_until_ms);
    if (was_living && !m->living) {
        cluster_presence_void(n, m);
    }
    int64_t ttl_ms = (int64_t)n->config.cluster.member_ttl_s * 1000;
    if (!m->expelled && !m->living && (int64_t)now_ms - m->heard_ms >= ttl_ms) {
        cluster_member_expel(n, m);
        metric_inc(&n->config.metrics->cluster_expelled);
    }
    *next_ms = heard ? MIN(*next_ms, m->lease_until_ms) : *next_ms;
    *next_ms = m->living && !heard ? MIN(*next_ms, m->vouched_until_ms) : *next_ms;
}

void cluster_check_members(struct node *n) {
    struct cluster *c = n->cluster;
    uint64_t next_ms = n->now.mono_ms + CHECK_MS;
    uint64_t living = 0;
    for (size_t i = 0; i < c->members_count; i++) {
        check_member(n, c->members[i], &next_ms);
        /* Order-free, and different for each set of boots. */
        living +=
            c->members[i]->living ? hash64(&n->map_key, slice_of(&c->members[i]->boot, 8)) : 0;
    }
    c->next_check_ms = next_ms;
    if (living != c->living_sum) {
        c->living_sum = living;
        tell_living(n);
    }
    check_island(n);
    cluster_check_sight(n);
    check_doubt(n);
    check_alone(n);
    correct_wall(n);
}
