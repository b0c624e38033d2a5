#include <string.h>

#include "broken.h"
#include "cluster.h"

/* Records: pushed when they change, and found by comparing digests when a push was lost. */

enum {
    WINDOW = 64,             /* buckets of a round asked for at once */
    IDLE_BUCKETS = 64,       /* asked for without learning anything: enough for this round */
    WINDOW_FIRST = 8,        /* in one step */
    ROUND_TIMEOUT_MS = 3000, /* since its last answer */
    DELTAS_PER_FLUSH = 4,
};

/* ---- records in ---- */

bool cluster_merge(struct node *n, struct slice record) {
    struct dir_merged m;
    if (dir_merge(n->dir, n->now, record, &m) != STATUS_OK || m.result != DIR_MERGE_CHANGED) {
        return false; /* counted by the directory; anti-entropy brings it again */
    }
    if (m.is_alive && !m.was_alive) {
        cluster_presence_apply(n, m.name);
    }
    struct host *h = node_host_find(n, m.name);
    if (h) {
        h->cluster.tell = h->cluster.tell || m.visible_changed || m.sid_changed;
        cluster_host_look(n, h);
    }
    return true;
}

uint64_t cluster_merge_batch(struct node *n, struct slice batch) {
    struct slice record;
    bool bad = false;
    uint64_t changed = 0;
    while (dir_batch_next(&batch, &record, &bad)) {
        changed += cluster_merge(n, record);
    }
    if (bad) {
        metric_inc(&n->config.metrics->cluster_malformed);
    }
    return changed;
}

/* ---- records out ---- */

void cluster_flush(struct node *n, struct effects *fx) {
    struct cluster *c = n->cluster;
    for (int i = 0; i < DELTAS_PER_FLUSH && dir_delta_owed(n->dir) > 0; i++) {
        cluster_begin(n, CM_DELTA);
        if (dir_delta_next(n->dir, CLUSTER_PAGE_BYTES, &c->out) == 0) {
            return; /* no memory now, or one that is too large for any message: it stays owed */
        }
        cluster_send(n, 0, false, fx);
    }
}

/* ---- digests ---- */

static uint64_t group_digest(const struct node *n, uint32_t group) {
    return dir_digest_sum(n->dir, group * CM_GROUPS_COUNT, CM_GROUPS_COUNT);
}

static void put_bucket_digests(struct node *n, uint32_t group) {
    for (uint32_t i = 0; i < CM_GROUPS_COUNT; i++) {
        buf_put_be64(&n->cluster->out, dir_digest(n->dir, group * CM_GROUPS_COUNT + i));
    }
}

static void ack_group(struct node *n, const struct member *m, uint32_t group, uint64_t seq) {
    dir_member_acked_range(n->dir, m->id, group * CM_GROUPS_COUNT, CM_GROUPS_COUNT, seq);
}

/* Who is known under this boot, and whose word counts. */
static struct member *speaker(struct node *n, const struct cluster_message *msg) {
    struct member *m = cluster_member(n->cluster, msg->from);
    return m && m->boot == msg->boot ? m : NULL;
}

/* ---- hashes of a bucket ---- */

static void sift(uint64_t *values, size_t at, size_t count) {
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        child += child + 1 < count && values[child + 1] > values[child];
        if (values[at] >= values[child]) {
            return;
        }
        uint64_t moved = values[at];
        values[at] = values[child];
        values[child] = moved;
    }
}

static void sort(uint64_t *values, size_t count) {
    for (size_t i = count / 2; i-- > 0;) {
        sift(values, i, count);
    }
    for (size_t end = count; end > 1; end--) {
        uint64_t most = values[0];
        values[0] = values[end - 1];
        values[end - 1] = most;
        sift(values, 0, end - 1);
    }
}

static size_t hashes_of(struct node *n, uint32_t bucket) {
    struct cluster *c = n->cluster;
    uint32_t cursor = 0;
    size_t count = 0;
    /* Of a bucket with more than fit, the rest comes again though it is here: a waste, no harm. */
    (void)dir_bucket_hashes(n->dir, bucket, &cursor, c->hashes, CLUSTER_HASHES_MAX, &count);
    sort(c->hashes, count);
    return count;
}

static void put_hashes(struct cluster *c, size_t count) {
    for (size_t i = 0; i < count; i++) {
        buf_put_be64(&c->out, c->hashes[i]);
    }
}

/* ---- rounds that we begin ---- */

/* One that asks us to forget comes first; else whom we have not compared with for longest. */
static struct member *choose(struct cluster *c, uint64_t own_digest) {
    struct member *best = NULL;
    for (size_t i = 0; i < c->members_count; i++) {
        struct member *m = c->members[i];
        bool differs = m->digest != own_digest || m->asks_resync;
        if (!m->heard || m->unsure || m->leaving || !differs ||
            (m->must_resync && !m->asks_resync)) {
            continue;
        }
        bool better = !best || (m->asks_resync && !best->asks_resync) ||
                      (m->asks_resync == best->asks_resync && m->synced_ms < best->synced_ms);
        best = better ? m : best;
    }
    return best;
}

static void begin_round(struct node *n, struct member *m, struct effects *fx) {
    struct cluster *c = n->cluster;
    c->round = (struct sync_round){
        .active = true,
        .probing = m->asks_resync,
        .id = ++c->last_round,
        .member = m->id,
        .seq = dir_change_seq(n->dir),
        .deadline_ms = n->now.mono_ms + ROUND_TIMEOUT_MS,
        .word = c->round.word, /* where the one before ended */
        .words_left = DIR_BUCKETS / 64,
    };
    m->synced_ms = n->now.mono_ms;
    cluster_begin(n, CM_GROUPS);
    cm_put_round(&c->out, CM_GROUPS, c->round.id, 0);
    for (uint32_t g = 0; g < CM_GROUPS_COUNT; g++) {
        buf_put_be64(&c->out, group_digest(n, g));
    }
    cluster_send(n, m->id, false, fx);
    metric_inc(&n->config.metrics->cluster_rounds);
}

static void end_round(struct node *n, bool whole, struct effects *fx) {
    struct cluster *c = n->cluster;
    struct member *m = cluster_member(c, c->round.member);
    c->round.active = false;
    c->next_round_ms = n->now.mono_ms + n->config.cluster.round_ms;
    if (!m || !whole) {
        return;
    }
    cluster_compared(n, m);
    if (c->round.probing) {
        m->asks_resync = false;
        cluster_begin(n, CM_RESYNCED);
        cluster_send(n, m->id, false, fx);
        c->next_round_ms = n->now.mono_ms; /* now we take from it as everybody does */
    }
}

void cluster_round_tick(struct node *n, struct effects *fx) {
    struct cluster *c = n->cluster;
    if (c->round.active && n->now.mono_ms < c->round.deadline_ms) {
        c->next_round_ms = c->round.deadline_ms;
        return;
    }
    c->round.active = false;
    struct member *m = BROKEN(ROUNDS) ? NULL : choose(c, dir_digest_all(n->dir));
    if (m) {
        begin_round(n, m, fx);
    }
    c->next_round_ms = n->now.mono_ms + (m ? ROUND_TIMEOUT_MS : n->config.cluster.round_ms);
}

struct member *cluster_in_round(struct node *n, const struct cluster_message *msg, uint64_t round) {
    struct cluster *c = n->cluster;
    struct member *m = speaker(n, msg);
    if (!m || !c->round.active || c->round.id != round || c->round.member != m->id) {
        return NULL;
    }
    c->round.deadline_ms = n->now.mono_ms + ROUND_TIMEOUT_MS;
    return m;
}

static void ask_bucket(struct node *n, const struct member *m, uint32_t bucket, uint32_t cursor,
                       bool back, uint64_t round, struct effects *fx) {
    size_t count = hashes_of(n, bucket);
    struct cm_hashes h = {
        .round = round, .bucket = (uint16_t)bucket, .cursor = cursor, .back = back};
    cluster_begin(n, CM_HASHES);
    cm_put_hashes(&n->cluster->out, &h);
    put_hashes(n->cluster, count);
    cluster_send(n, m->id, false, fx);
}

/* The next bucket that differs; true: it was asked for. Where much is written, many buckets differ
 * at any time by what is on its way: a round that learns nothing from some of them ends there, and
 * the next one goes on behind. */
static bool ask_next(struct node *n, struct member *m, struct effects *fx) {
    struct sync_round *r = &n->cluster->round;
    if (!r->probing && r->asked >= IDLE_BUCKETS + IDLE_BUCKETS * r->learned) {
        return false;
    }
    while (r->words_left > 0 && r->pending[r->word] == 0) {
        r->word = (r->word + 1) % ARRAY_LEN(r->pending);
        r->words_left--;
    }
    if (r->words_left == 0) {
        return false;
    }
    uint32_t bit = (uint32_t)__builtin_ctzll(r->pending[r->word]);
    r->pending[r->word] &= r->pending[r->word] - 1;
    r->asked++;
    r->outstanding++;
    r->bucket = r->word * 64 + bit;
    r->cursor = 0;
    if (r->probing) {
        cluster_probe(n, m, fx);
    } else {
        ask_bucket(n, m, r->bucket, 0, true, r->id, fx);
    }
    return true;
}

/* Some at first, then two for each that is done, up to the window: no step is long, and after a few
 * trips as many are on their way as may be. */
void cluster_round_pump(struct node *n, struct member *m, struct effects *fx) {
    struct sync_round *r = &n->cluster->round;
    uint32_t window = r->probing ? 1 : WINDOW;
    uint32_t most = r->outstanding == 0 ? WINDOW_FIRST : 2;
    for (uint32_t i = 0; i < most && r->outstanding < window && ask_next(n, m, fx); i++) {
    }
    if (r->outstanding == 0) {
        end_round(n, true, fx);
    }
}

void cluster_on_buckets(struct node *n, const struct cluster_message *msg, struct effects *fx) {
    struct sync_round *r = &n->cluster->round;
    const struct cm_round *b = &msg->round;
    struct member *m = cluster_in_round(n, msg, b->round);
    if (!m || r->outstanding > 0) {
        return;
    }
    size_t at = 0;
    for (uint32_t g = 0; g < CM_GROUPS_COUNT; g++) {
        if (!(b->groups >> g & 1)) {
            ack_group(n, m, g, r->seq);
            continue;
        }
        for (uint32_t i = 0; i < CM_GROUPS_COUNT; i++) {
            uint32_t bucket = g * CM_GROUPS_COUNT + i;
            if (cm_u64_at(b->digests, at++) == dir_digest(n->dir, bucket)) {
                dir_member_acked(n->dir, m->id, bucket, dir_change_seq(n->dir));
            } else {
                r->pending[g] |= UINT64_C(1) << i;
            }
        }
    }
    cluster_round_pump(n, m, fx);
}

void cluster_on_page(struct node *n, const struct cluster_message *msg, struct effects *fx) {
    struct cluster *c = n->cluster;
    const struct cm_page *p = &msg->page;
    struct member *m = speaker(n, msg);
    if (!m || m->must_resync || m->expelled) {
        return; /* what it tells may be what we dropped */
    }
    uint64_t learned = cluster_merge_batch(n, p->batch);
    if (p->cursor != 0) {
        ask_bucket(n, m, p->bucket, p->cursor, false, p->round, fx);
        c->round.learned += cluster_in_round(n, msg, p->round) ? learned : 0;
        return;
    }
    if (cluster_in_round(n, msg, p->round) && c->round.outstanding > 0 && !c->round.probing) {
        c->round.outstanding--;
        c->round.learned += learned;
        cluster_round_pump(n, m, fx);
    }
}

/* ---- rounds that others begin: nothing of them is kept here ---- */

void cluster_on_groups(struct node *n, const struct cluster_message *msg, struct effects *fx) {
    struct cluster *c = n->cluster;
    const struct cm_round *r = &msg->round;
    struct member *m = speaker(n, msg);
    if (!m) {
        return;
    }
    uint64_t differ = 0;
    for (uint32_t g = 0; g < CM_GROUPS_COUNT; g++) {
        if (cm_u64_at(r->digests, g) == group_digest(n, g)) {
            ack_group(n, m, g, dir_change_seq(n->dir));
        } else {
            differ |= UINT64_C(1) << g;
        }
    }
    m->synced_ms = n->now.mono_ms;
    cluster_begin(n, CM_BUCKETS);
    cm_put_round(&c->out, CM_BUCKETS, r->round, differ);
    for (uint32_t g = 0; g < CM_GROUPS_COUNT; g++) {
        if (differ >> g & 1) {
            put_bucket_digests(n, g);
        }
    }
    cluster_send(n, m->id, false, fx);
}

void cluster_on_hashes(struct node *n, const struct cluster_message *msg, struct effects *fx) {
    struct cluster *c = n->cluster;
    const struct cm_hashes *h = &msg->hashes;
    struct member *m = speaker(n, msg);
    if (!m) {
        return;
    }
    if (cluster_holds_back(n)) {
        return; /* first we forget what others dropped, then we tell */
    }
    m->contact = dir_clock_last(n->dir); /* it takes what it lacks, whether or not it says so */
    size_t count = h->hashes.len / 8;
    for (size_t i = 0; i < count; i++) {
        c->hashes[i] = cm_u64_at(h->hashes, i);
    }
    uint32_t cursor = h->cursor;
    buf_clear(&c->scratch);
    bool more = dir_bucket_page(n->dir, h->bucket, &cursor, c->hashes, count, CLUSTER_PAGE_BYTES,
                                &c->scratch);
    cluster_begin(n, CM_PAGE);
    cm_put_page(&c->out, h->round, h->bucket, more ? cursor : 0);
    buf_put(&c->out, buf_slice(&c->scratch));
    cluster_send(n, m->id, false, fx);
    if (h->back && !m->must_resync && !m->expelled) {
        ask_bucket(n, m, h->bucket, 0, false, 0, fx); /* 0: no round of ours */
    }
}
