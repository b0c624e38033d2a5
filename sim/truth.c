#include "dir.h"
#include "world.h"

/* What was promised to whom, kept beside the nodes: from the answers that they gave and from the
 * records that they then held, read by model.c. */

static struct truth_life *life_find(struct world *w, size_t room, struct model_stamp birth) {
    for (size_t i = 0; i < w->lives_count; i++) {
        struct truth_life *l = &w->lives[i];
        if (l->room == room && model_stamp_equal(l->birth, birth)) {
            return l;
        }
    }
    return NULL;
}

static struct truth_life *life_get(struct world *w, size_t room, struct model_stamp birth) {
    struct truth_life *l = life_find(w, room, birth);
    if (!l && w->lives_count < SIM_LIVES_MAX) {
        l = &w->lives[w->lives_count++];
        *l = (struct truth_life){.room = room, .birth = birth};
    }
    return l;
}

/* The sid under which the room shows: that of its smallest current birth. */
static void learn_sid(struct world *w, size_t node, size_t room) {
    char name[16];
    struct dir_room shown;
    struct slice key = slice_from_cstr(world_room_name(room, name));
    const struct model_life *identity = model_identity(&w->record);
    if (identity && dir_room_find(node_dir(w->machines[node].node), key, &shown) == STATUS_OK) {
        struct truth_life *l = life_get(w, room, identity->birth);
        if (l) {
            l->sid = shown.sid;
        }
    }
}

static void collect(const struct model_record *r, bool current, struct model_stamp *births,
                    size_t max, size_t *ret_count) {
    size_t count = 0;
    for (size_t i = 0; i < r->lives_count && count < max; i++) {
        if (!current || !r->lives[i].ended) {
            births[count++] = r->lives[i].birth;
        }
    }
    *ret_count = count;
}

/* The lives that the node holds before the call. */
void truth_before(struct world *w, struct op *op) {
    op->births_count = 0;
    if (machine_record(w, op->node, op->room, &w->record)) {
        collect(&w->record, false, op->births, ARRAY_LEN(op->births), &op->births_count);
    }
}

static bool has(const struct op *op, struct model_stamp birth) {
    for (size_t i = 0; i < op->births_count; i++) {
        if (model_stamp_equal(op->births[i], birth)) {
            return true;
        }
    }
    return false;
}

/* What the call did: lives of a create are those that are current now, of a delete those that were
 * held before. */
void truth_after(struct world *w, struct op *op, const struct op *before, bool forever) {
    if (op->kind == OP_DELETE) {
        op->births_count = before->births_count;
        for (size_t i = 0; i < before->births_count; i++) {
            op->births[i] = before->births[i];
            struct truth_life *l = life_find(w, op->room, op->births[i]);
            if (l) {
                l->maybe_deleted = true; /* until it is answered */
            }
        }
        return;
    }
    if (!machine_record(w, op->node, op->room, &w->record)) {
        return;
    }
    collect(&w->record, true, op->births, ARRAY_LEN(op->births), &op->births_count);
    learn_sid(w, op->node, op->room);
    struct truth_write *write = &w->writes[op->write];
    write->births_count = op->births_count;
    for (size_t i = 0; i < op->births_count; i++) {
        write->births[i] = op->births[i];
        struct truth_life *l = life_get(w, op->room, op->births[i]);
        if (l && op->kind == OP_CREATE && !has(before, op->births[i])) {
            l->forever = forever;
        }
    }
    if (op->kind == OP_CREATE) {
        w->machines[op->node].kept_ms[op->room] = world_ms(w);
    }
}

/* A session keeps all lives that it was unified with, whichever was the identity when it came. */
static bool is_hosted(struct world *w, const struct truth_life *l) {
    for (size_t i = 0; i < SIM_CLIENTS_MAX; i++) {
        const struct client *c = &w->clients[i];
        if (c->state != CLIENT_IN || c->room != l->room) {
            continue;
        }
        if (model_stamp_equal(c->birth, l->birth) ||
            (machine_up(w, c->node) && machine_record(w, c->node, c->room, &w->record) &&
             model_current(&w->record, l->birth))) {
            return true;
        }
    }
    return false;
}

void truth_answered(struct world *w, struct op *op, unsigned status) {
    for (size_t i = 0; i < op->births_count; i++) {
        struct truth_life *l = life_get(w, op->room, op->births[i]);
        if (!l) {
            continue;
        }
        if (op->kind == OP_CREATE && status == 200) {
            l->acked_ms = l->acked ? l->acked_ms : world_ms(w);
            l->acked = true;
        } else if (op->kind == OP_DELETE && status == 200) {
            /* A returning node keeps what it hosts. */
            l->maybe_deleted = w->config.member_ttl_s != 0 && is_hosted(w, l);
            l->deleted = !l->maybe_deleted;
        }
    }
    w->counts.deletes += op->kind == OP_DELETE && status == 200;
}

void truth_unanswered(struct world *w, const struct op *op) {
    (void)w; /* a delete left its lives marked, a create promised nothing */
    (void)op;
}

void truth_came_in(struct world *w, struct client *c) {
    w->machines[c->node].kept_ms[c->room] = world_ms(w);
    if (!machine_record(w, c->node, c->room, &w->record) || !model_alive(&w->record)) {
        world_object(w, "c%llu came into room-%zu, which is not alive at n%zu",
                     (unsigned long long)c->conn, c->room, c->node);
        return;
    }
    c->birth = model_identity(&w->record)->birth;
    for (size_t i = 0; i < w->lives_count && w->config.member_ttl_s; i++) {
        struct truth_life *l = &w->lives[i];
        if (l->room == c->room && l->deleted && model_current(&w->record, l->birth)) {
            l->deleted = false; /* deleted where this one was expelled: it keeps what it hosts */
            l->maybe_deleted = true;
        }
    }
    learn_sid(w, c->node, c->room);
}

/* ---- ends ---- */

enum {
    UNHEARD_MS = 10 * 1000, /* what is so young may be on its way to whoever ends the room */
    SLACK_MS = 1000,        /* clocks drift */
};

/* Was this node the home that showed? Of the lives that ended just now, and which those were does
 * not show any more: of some life, then. */
static bool was_home(const struct model_record *r, uint64_t boot) {
    for (size_t i = 0; i < r->lives_count; i++) {
        if (r->lives[i].home.boot == boot) {
            return true;
        }
    }
    return false;
}

static void check_nobody_in(struct world *w, size_t node, size_t room) {
    for (size_t i = 0; i < SIM_CLIENTS_MAX; i++) {
        const struct client *c = &w->clients[i];
        const struct model_life *l =
            c->state == CLIENT_IN && c->room == room ? model_life(&w->record, c->birth) : NULL;
        if (!l || !l->ended) {
            continue;
        }
        struct node_cluster_state s = node_cluster_state(w->machines[node].node);
        bool of_island =
            s.island && was_home(&w->record, s.boot); /* a whole Stoa for what it hosts */
        w->counts.island_ends += of_island;
        if (of_island) {
            continue;
        }
        if (net_was_bad(w, c->node, node, UNHEARD_MS)) {
            w->counts.unheard_ends++;
            continue;
        }
        if (world_ms(w) < c->joined_ms + UNHEARD_MS) {
            w->counts.early++;
            continue;
        }
        world_object(w,
                     "n%zu tells that room-%zu finished, and c%llu has been in it at n%zu since "
                     "%llu ms",
                     node, room, (unsigned long long)c->conn, c->node,
                     (unsigned long long)c->joined_ms);
    }
}

static struct truth_life *life_of_sid(struct world *w, size_t room, const struct ident *sid) {
    for (size_t i = 0; i < w->lives_count; i++) {
        if (w->lives[i].room == room && ident_equal(&w->lives[i].sid, ident_slice(sid))) {
            return &w->lives[i];
        }
    }
    return NULL;
}

void truth_finished(struct world *w, size_t node, const struct fx_note *note) {
    uint64_t number = 0;
    bool good = slice_to_u64(slice_after(note->room_name, 5), &number);
    size_t room = good ? (size_t)number : 0;
    struct machine *m = &w->machines[node];
    if (!machine_record(w, node, room, &w->record)) {
        return; /* a node alone forgets at once */
    }
    struct truth_life *named = life_of_sid(w, room, &note->room_sid);
    if (named && model_deleted(&w->record, named->birth)) {
        return;
    }
    bool ended = false;
    for (size_t i = 0; i < w->record.lives_count; i++) {
        const struct model_life *l = &w->record.lives[i];
        struct truth_life *t = life_find(w, room, l->birth);
        ended = ended || l->ended;
        bool stays = t && t->forever && !t->maybe_deleted && !t->deleted && !t->lost;
        if (l->ended && stays) {
            world_object(w, "n%zu ended room-%zu, which is to stay", node, room);
        }
    }
    if (!ended || model_alive(&w->record)) {
        return; /* deleted, or another life goes on */
    }
    w->counts.ends++;
    struct node_cluster_state s = node_cluster_state(m->node);
    if (s.island && !was_home(&w->record, s.boot)) {
        world_object(w, "n%zu is cut off and ended room-%zu, which it does not host", node, room);
    }
    check_nobody_in(w, node, room);
    uint64_t least_ms = (uint64_t)MIN(w->empty_s, MIN(w->departure_s, w->lost_s)) * 1000 - SLACK_MS;
    if (m->kept_ms[room] != 0 && world_ms(w) < m->kept_ms[room] + least_ms) {
        world_object(w, "n%zu ended room-%zu %llu ms after it was used there", node, room,
                     (unsigned long long)(world_ms(w) - m->kept_ms[room]));
    }
}

/* ---- losses ---- */

/* Who holds something about this life that is not forgotten: in memory or on a disk. */
static size_t holders(struct world *w, const struct truth_life *l, bool deleted) {
    size_t count = 0;
    for (size_t i = 0; i < w->nodes; i++) {
        bool has_record = machine_up(w, i) ? machine_record(w, i, l->room, &w->record)
                                           : disk_record(w, i, l->room, &w->record);
        count += has_record && (deleted ? model_deleted(&w->record, l->birth)
                                        : model_life(&w->record, l->birth) != NULL);
    }
    return count;
}

void truth_crashed(struct world *w, size_t node, enum sim_crash how, bool was_well) {
    for (size_t i = 0; i < w->lives_count; i++) {
        struct truth_life *l = &w->lives[i];
        if (l->deleted && holders(w, l, true) == 0) {
            l->deleted = false; /* or forgotten by all: then nobody has it any more, either */
            l->maybe_deleted = true;
        }
        bool counts = l->forever && !l->deleted && !l->maybe_deleted && !l->lost;
        if (counts && holders(w, l, false) == 0) {
            if (l->acked && how == CRASH_KILL && was_well) {
                world_object(w, "n%zu was killed and took an acknowledged life of room-%zu along",
                             node, l->room);
            }
            l->lost = true;
        }
    }
}

void truth_healed(struct world *w) {
    if (!w->config.member_ttl_s) {
        return;
    }
    for (size_t i = 0; i < w->lives_count; i++) {
        struct truth_life *l = &w->lives[i];
        bool counts = l->forever && !l->deleted && !l->lost;
        if (counts && holders(w, l, false) < w->nodes) {
            l->lost = true; /* those who have it may return, and let it go */
        }
        if (l->deleted && is_hosted(w, l)) {
            l->deleted = false;
            l->maybe_deleted = true;
        }
    }
}
