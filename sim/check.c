#include <string.h>

#include "dir.h"
#include "world.h"

/* Judges. They ask the nodes for the bytes of their records and nothing of what these mean. */

void check_step(struct world *w, size_t node) {
    const struct machine *m = &w->machines[node];
    struct dir_counts c;
    dir_counts_get(node_dir(m->node), machine_time(w, m), &c);
    if (c.scan_found != 0) {
        world_object(w, "n%zu lost the deadline of a room", node);
    }
    if (c.tombstones > MAX((uint64_t)m->config.cluster.tombstones_min, c.rooms) + 1) {
        world_object(w, "n%zu holds %llu tombstones", node, (unsigned long long)c.tombstones);
    }
    if (c.delta_dirty > c.records || c.journal_dirty > c.records) {
        world_object(w, "n%zu owes more rooms than there are", node);
    }
    w->counts.checks++;
}

/* ---- agreement ---- */

static bool same_record(struct world *w, size_t a, size_t b, size_t room, bool *ret_alive) {
    bool has_a = machine_record(w, a, room, &w->record);
    bool alive_a = has_a && model_alive(&w->record);
    buf_clear(&w->bytes);
    if (has_a) {
        buf_put(&w->bytes, buf_slice(&w->other));
    }
    bool has_b = machine_record(w, b, room, &w->record);
    bool alive_b = has_b && model_alive(&w->record);
    *ret_alive = alive_a || alive_b;
    return has_a == has_b && (!has_a || slice_eq(buf_slice(&w->bytes), buf_slice(&w->other)));
}

static void check_pair(struct world *w, size_t a, size_t b) {
    bool same = true, rooms = true;
    for (size_t room = 0; room < SIM_ROOMS_MAX; room++) {
        bool alive = false;
        if (!same_record(w, a, b, room, &alive)) {
            same = false;
            rooms = rooms && !alive;
            if (alive) {
                world_object(w, "n%zu and n%zu do not agree on room-%zu", a, b, room);
            }
        }
    }
    bool digests = true;
    for (uint32_t bucket = 0; bucket < DIR_BUCKETS; bucket++) {
        digests = digests && dir_digest(node_dir(w->machines[a].node), bucket) ==
                                 dir_digest(node_dir(w->machines[b].node), bucket);
    }
    if (digests && !rooms) {
        world_object(w, "n%zu and n%zu differ, and their digests do not", a, b);
    }
    if (same && !digests) {
        world_object(w, "n%zu and n%zu hold the same, and their digests differ", a, b);
    }
}

/* What was promised holds at this node. */
static void check_promises(struct world *w, size_t node) {
    for (size_t i = 0; i < w->lives_count; i++) {
        const struct truth_life *l = &w->lives[i];
        bool current =
            machine_record(w, node, l->room, &w->record) && model_current(&w->record, l->birth);
        if (current && l->deleted) {
            world_object(w, "n%zu has a life of room-%zu again that was deleted", node, l->room);
        }
        bool stays = l->forever && l->acked && !l->deleted && !l->maybe_deleted && !l->lost;
        if (stays && !current) {
            world_object(w, "n%zu has lost a life of room-%zu that was to stay", node, l->room);
        }
    }
}

static bool shares_life(const struct model_record *r, const struct truth_write *write) {
    for (size_t i = 0; i < write->births_count; i++) {
        if (model_current(r, write->births[i])) {
            return true;
        }
    }
    return false;
}

/* Nothing leaks from one life into another. */
static void check_metadata(struct world *w, size_t node) {
    for (size_t room = 0; room < SIM_ROOMS_MAX; room++) {
        if (!machine_record(w, node, room, &w->record) || !model_alive(&w->record)) {
            continue;
        }
        struct slice text = model_metadata(&w->record);
        uint64_t write = 0;
        if (text.len == 0) {
            continue;
        }
        bool good = text.data[0] == 'w' && slice_to_u64(slice_after(text, 1), &write) &&
                    write < w->writes_count && w->writes[write].room == room;
        if (!good || !shares_life(&w->record, &w->writes[write])) {
            world_object(w, "n%zu shows metadata in room-%zu that was never written to it", node,
                         room);
        }
    }
}

void check_agreement(struct world *w) {
    for (size_t a = 0; a < w->nodes && !w->objected; a++) {
        check_promises(w, a);
        for (size_t b = a + 1; b < w->nodes; b++) {
            check_pair(w, a, b);
        }
        check_metadata(w, a);
    }
}

/* ---- people ---- */

static uint32_t people_in(const struct world *w, size_t room) {
    uint32_t count = 0;
    for (size_t i = 0; i < SIM_CLIENTS_MAX; i++) {
        count += w->clients[i].state == CLIENT_IN && w->clients[i].room == room;
    }
    return count;
}

static void check_client(struct world *w, const struct client *c, size_t node) {
    unsigned long long conn = (unsigned long long)c->conn;
    bool known = machine_record(w, node, c->room, &w->record) && model_alive(&w->record);
    /* Its first life may be deleted and others, which it was unified with, go on. */
    bool deleted = known && model_deleted(&w->record, c->birth);
    if (!known || (!deleted && !model_current(&w->record, c->birth))) {
        world_object(w, "c%llu is in a life of room-%zu that is not current at n%zu", conn, c->room,
                     node);
        return;
    }
    uint64_t home = model_home(&w->record);
    if (home != node_cluster_state(w->machines[c->node].node).boot) {
        world_object(w, "c%llu is at n%zu, which is not the home of room-%zu", conn, c->node,
                     c->room);
    }
}

void check_people(struct world *w) {
    for (size_t i = 0; i < SIM_CLIENTS_MAX; i++) {
        for (size_t node = 0; node < w->nodes && w->clients[i].state == CLIENT_IN; node++) {
            check_client(w, &w->clients[i], node);
        }
    }
    for (size_t room = 0; room < SIM_ROOMS_MAX; room++) {
        uint32_t in = people_in(w, room);
        for (size_t node = 0; node < w->nodes; node++) {
            bool alive = world_alive(w, node, room);
            if (alive && world_participants(w, node, room) != in) {
                world_object(w, "n%zu counts %u in room-%zu, where %u are", node,
                             world_participants(w, node, room), room, in);
            }
        }
    }
}

/* ---- what is not there ---- */

/* Could it have the life from anybody, and early enough? Nothing kept messages from it. */
static bool all_others_tell(struct world *w, size_t node, const struct truth_life *l) {
    uint64_t up_ms = world_ms(w) - w->machines[node].started_ms;
    bool all = w->nodes > 1;
    for (size_t i = 0; i < w->nodes && all; i++) {
        bool same_clock = w->machines[i].skew_ms == w->machines[node].skew_ms;
        all = i == node ||
              (same_clock && machine_up(w, i) && !net_was_bad(w, i, node, up_ms) &&
               !net_was_bad(w, node, i, up_ms) && machine_record(w, i, l->room, &w->record) &&
               model_current(&w->record, l->birth));
    }
    return all;
}

/* Of a name that everybody else knows nobody says that it does not exist because it has come up
 * with nothing. Of one that was made while the node was there it may not have heard yet. */
void check_missing(struct world *w, size_t node, size_t room) {
    const struct machine *m = &w->machines[node];
    bool clear = w->loss == 0 && w->late == 0 && w->skew_most_ms == 0 && !w->config.member_ttl_s;
    for (size_t i = 0; i < w->lives_count && clear && m->began_blank; i++) {
        const struct truth_life *l = &w->lives[i];
        bool stays = l->forever && l->acked && !l->deleted && !l->maybe_deleted && !l->lost;
        bool older = l->acked_ms < m->started_ms;
        if (l->room == room && stays && older && all_others_tell(w, node, l)) {
            world_object(w, "n%zu says that room-%zu does not exist", node, room);
        }
    }
}

/* ---- the end ---- */

/* Only what was to stay is left. */
void check_ended(struct world *w) {
    for (size_t room = 0; room < SIM_ROOMS_MAX; room++) {
        if (!machine_record(w, 0, room, &w->record) || !model_alive(&w->record)) {
            continue;
        }
        bool stays = false;
        for (size_t i = 0; i < w->lives_count; i++) {
            const struct truth_life *l = &w->lives[i];
            stays = stays || (l->forever && l->room == room && model_current(&w->record, l->birth));
        }
        if (!stays) {
            world_object(w, "room-%zu has not ended", room);
        }
    }
}

void check_drained(struct world *w) {
    for (size_t node = 0; node < w->nodes; node++) {
        const struct machine *m = &w->machines[node];
        struct dir_counts c;
        dir_counts_get(node_dir(m->node), machine_time(w, m), &c);
        struct node_cluster_state s = node_cluster_state(m->node);
        if (c.delta_dirty != 0 || c.journal_dirty != 0 || node_journal(m->node).held != 0) {
            world_object(w, "n%zu still owes: %llu to peers, %llu to the journal", node,
                         (unsigned long long)c.delta_dirty, (unsigned long long)c.journal_dirty);
        }
        if (c.tombstones != 0) {
            world_object(w, "n%zu still holds %llu tombstones", node,
                         (unsigned long long)c.tombstones);
        }
        if (s.away_parts != 0 || s.island || s.resyncing != 0) {
            world_object(w, "n%zu still sees %llu elsewhere, island %d, resyncing %zu", node,
                         (unsigned long long)s.away_parts, s.island, s.resyncing);
        }
    }
}

/* ---- for directed histories ---- */

bool world_alive(const struct world *w, size_t node, size_t room) {
    struct dir_room found;
    char name[16];
    struct node *n = w->machines[node].node;
    return n && dir_room_find(node_dir(n), slice_from_cstr(world_room_name(room, name)), &found) ==
                    STATUS_OK;
}

static struct dir_room find(const struct world *w, size_t node, size_t room) {
    struct dir_room found = {0};
    char name[16];
    struct slice key = slice_from_cstr(world_room_name(room, name));
    if (!w->machines[node].node ||
        dir_room_find(node_dir(w->machines[node].node), key, &found) != STATUS_OK) {
        return (struct dir_room){0};
    }
    return found;
}

uint64_t world_home(const struct world *w, size_t node, size_t room) {
    return find(w, node, room).home;
}

uint32_t world_participants(const struct world *w, size_t node, size_t room) {
    return find(w, node, room).participants;
}

struct node *world_node(const struct world *w, size_t node) {
    return w->machines[node].node;
}
