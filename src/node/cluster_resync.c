#include "cluster.h"

/* The return of a node that was expelled, or that missed tombstones which were dropped: what it
 * holds may have been deleted, ended and forgotten by all others. It takes the word of a member
 * that says so: lives born before their last contact which that one neither has nor has deleted are
 * ended, unless somebody is in them here: an end reaches others that hold them and have not been
 * told, or do not know that we ever met. Until then nobody takes records from it. */

void cluster_probe(struct node *n, struct member *m, struct effects *fx) {
    struct cluster *c = n->cluster;
    struct sync_round *r = &c->round;
    buf_clear(&c->scratch);
    bool more =
        dir_bucket_page(n->dir, r->bucket, &r->cursor, NULL, 0, CLUSTER_PAGE_BYTES, &c->scratch);
    r->cursor = more ? r->cursor : 0;
    cluster_begin(n, CM_PROBE);
    cm_put_page(&c->out, r->id, (uint16_t)r->bucket, r->cursor);
    buf_put(&c->out, buf_slice(&c->scratch));
    cluster_send(n, m->id, false, fx);
}

void cluster_on_probe(struct node *n, const struct cluster_message *msg, struct effects *fx) {
    struct cluster *c = n->cluster;
    const struct cm_page *p = &msg->page;
    struct slice batch = p->batch, record, name;
    bool bad = false;
    cluster_begin(n, CM_LACKS);
    cm_put_lacks(&c->out, p->round, p->bucket);
    while (dir_batch_next(&batch, &record, &bad)) {
        struct dir_stamp births[DIR_LIVES_MAX];
        size_t count = 0;
        if (dir_record_lacks(n->dir, record, &name, births, &count) == STATUS_OK && count > 0) {
            cm_put_lack(&c->out, name, births, count);
        }
    }
    if (!bad) {
        cluster_send(n, msg->from, false, fx);
    }
}

void cluster_on_lacks(struct node *n, const struct cluster_message *msg, struct effects *fx) {
    struct cluster *c = n->cluster;
    const struct cm_lacks *l = &msg->lacks;
    struct member *m = cluster_in_round(n, msg, l->round);
    if (!m || !c->round.probing || c->round.outstanding == 0 || l->bucket != c->round.bucket) {
        return;
    }
    struct slice rooms = l->rooms, name, given;
    while (cm_lack_next(&rooms, &name, &given)) {
        struct dir_stamp births[DIR_LIVES_MAX];
        size_t count = 0;
        for (size_t i = 0; i < given.len / sizeof(struct dir_stamp); i++) {
            struct dir_stamp birth = cm_birth_at(given, i);
            /* Its own, too: it may have told us while it did not hear us. */
            if (birth.time <= m->contact_before || birth.boot == m->boot) {
                births[count++] = birth;
            }
        }
        size_t ended = dir_room_let_go(n->dir, n->now, name, births, count);
        metric_add(&n->config.metrics->cluster_forgotten, ended);
    }
    if (c->round.cursor != 0) {
        cluster_probe(n, m, fx);
        return;
    }
    c->round.outstanding--;
    cluster_round_pump(n, m, fx);
}

void cluster_on_resynced(struct node *n, const struct cluster_message *msg) {
    struct member *m = cluster_member(n->cluster, msg->from);
    if (m && m->boot == msg->boot) {
        m->must_resync = false;
        dir_member_resynced(n->dir, m->id);
    }
}
