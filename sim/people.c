#include <stdio.h>
#include <string.h>

#include "world.h"

/* ---- what nodes say to people ---- */

static struct client *client_of(struct world *w, uint64_t conn) {
    for (size_t i = 0; conn != 0 && i < SIM_CLIENTS_MAX; i++) {
        if (w->clients[i].state != CLIENT_FREE && w->clients[i].conn == conn) {
            return &w->clients[i];
        }
    }
    return NULL;
}

static size_t room_of(struct slice name) {
    uint64_t room = 0;
    struct slice prefix = SLICE_LIT("room-");
    bool good = slice_starts_with(name, prefix) && slice_to_u64(slice_after(name, 5), &room);
    assert(good && room < SIM_ROOMS_MAX);
    (void)good;
    return (size_t)room;
}

static void gone(struct world *w, struct client *c) {
    if (c->state == CLIENT_IN) {
        w->machines[c->node].kept_ms[c->room] = world_ms(w); /* a leave counts, too */
    }
    c->state = CLIENT_FREE;
}

static void on_note(struct world *w, size_t node, const struct fx_note *note) {
    size_t room = room_of(note->room_name);
    world_trace(w, "n%zu: %s room-%zu %s reason %u", node, note_name(note->kind), room,
                note->room_sid.text, note->disconnect_reason);
    if (note->kind == NOTE_ROOM_FINISHED) {
        w->finished++;
        truth_finished(w, node, note);
    }
    bool left =
        note->kind == NOTE_PARTICIPANT_LEFT || note->kind == NOTE_PARTICIPANT_CONNECTION_ABORTED;
    if (left && note->disconnect_reason == LIVEKIT__DISCONNECT_REASON__MIGRATION) {
        (void)people_join(w, sim_below(&w->rng, w->nodes), room); /* told to come again: it does */
    }
}

static void on_relay(struct world *w, size_t node, const struct effect *e) {
    struct client *c = client_of(w, e->conn);
    size_t to = (size_t)(e->peer - w->machines[0].id);
    if (!c) {
        return;
    }
    bool there = net_reaches(w, node, to, true) && net_reaches(w, to, node, true);
    c->node = there ? to : node;
    uint64_t delay_us = there ? (uint64_t)w->delay_ms[node][to] * 2000 : 1000000;
    struct sim_event *arrival = world_event(w, SE_JOIN, delay_us, (struct slice){0});
    arrival->node = c->node;
    arrival->a = c->conn;
    arrival->b = true;
    world_trace(w, "n%zu: relays c%llu to n%zu%s", node, (unsigned long long)e->conn, to,
                there ? "" : ", in vain");
}

static void on_reply(struct world *w, const struct effect *e) {
    if (e->conn == w->stepping_op) {
        w->stepping_status = e->http_status;
        return;
    }
    for (size_t i = 0; i < w->ops_count; i++) {
        if (w->ops[i].conn == e->conn) {
            struct op op = w->ops[i];
            w->ops[i] = w->ops[--w->ops_count];
            truth_answered(w, &op, e->http_status);
            return;
        }
    }
}

void people_effect(struct world *w, size_t node, const struct effect *e) {
    struct client *c = NULL;
    switch (e->kind) {
    case FX_API_REPLY: on_reply(w, e); break;
    case FX_UPGRADE:
        c = client_of(w, e->conn);
        if (c) {
            c->state = CLIENT_IN;
            c->node = node;
            c->joined_ms = world_ms(w);
        }
        break;
    case FX_TEXT_REPLY:
    case FX_CLOSE_SIGNAL:
        c = client_of(w, e->kind == FX_TEXT_REPLY ? e->conn : e->conns[0]);
        if (c) {
            world_trace(w, "n%zu: c%llu is out (%u)", node, (unsigned long long)c->conn,
                        e->http_status);
            gone(w, c);
        }
        break;
    case FX_TRANSPORT_OPEN:
        if (w->stepping_transport == 0) {
            w->stepping_transport = e->transport.id;
        }
        break;
    case FX_RELAY: on_relay(w, node, e); break;
    case FX_NOTE: on_note(w, node, &e->note); break;
    default: break;
    }
}

/* ---- joins ---- */

size_t people_join(struct world *w, size_t node, size_t room) {
    for (size_t i = 0; i < SIM_CLIENTS_MAX; i++) {
        struct client *c = &w->clients[i];
        if (c->state == CLIENT_FREE) {
            *c = (struct client){
                .state = CLIENT_COMING, .node = node, .room = room, .conn = w->next_conn++};
            struct sim_event *e =
                world_event(w, SE_JOIN, sim_between(&w->rng, 1, 400) * 1000, (struct slice){0});
            e->node = node;
            e->a = c->conn;
            return i;
        }
    }
    return SIM_CLIENTS_MAX;
}

static void step_join(struct world *w, size_t node, struct client *c, bool here) {
    char name[16], identity[24];
    snprintf(identity, sizeof(identity), "c%llu", (unsigned long long)c->conn);
    struct claims claims = {
        .has_video = true,
        .identity = slice_from_cstr(identity),
        .has_expires = true,
        .expires_s = (double)(SIM_START_MS / 1000 + 360000),
        .video = {.room_join = true, .room = slice_from_cstr(world_room_name(c->room, name))},
    };
    Livekit__ClientInfo client = LIVEKIT__CLIENT_INFO__INIT;
    client.protocol = 17;
    Livekit__JoinRequest request = LIVEKIT__JOIN_REQUEST__INIT;
    request.client_info = &client;
    struct node_event ev = {.kind = EV_JOIN, .conn = c->conn, .claims = &claims};
    ev.join.request = &request;
    ev.join.here = here;
    w->stepping_transport = 0;
    machine_step(w, node, &ev);
}

void people_arrive(struct world *w, const struct sim_event *e) {
    struct client *c = client_of(w, e->a);
    if (!c || c->state != CLIENT_COMING) {
        return;
    }
    if (!machine_up(w, e->node) || world_ms(w) < w->machines[e->node].frozen_until_ms) {
        c->state = CLIENT_FREE;
        return;
    }
    uint64_t conn = c->conn;
    step_join(w, e->node, c, e->b != 0);
    w->counts.joins++;
    world_trace(w, "n%zu: c%llu joins room-%zu%s: %s", e->node, (unsigned long long)conn, c->room,
                e->b ? " here" : "", c->state == CLIENT_IN ? "in" : "not in");
    if (c->conn == conn && c->state == CLIENT_IN) {
        c->transport = w->stepping_transport;
        truth_came_in(w, c);
        struct sim_event *up =
            world_event(w, SE_UP, sim_between(&w->rng, 50, 900) * 1000, (struct slice){0});
        up->node = e->node;
        up->incarnation = w->machines[e->node].incarnation;
        up->a = conn;
    }
}

void people_up(struct world *w, const struct sim_event *e) {
    struct client *c = client_of(w, e->a);
    if (c && c->state == CLIENT_IN && c->node == e->node &&
        w->machines[e->node].incarnation == e->incarnation) {
        struct node_event ev = {.kind = EV_TRANSPORT_UP, .transport = {.id = c->transport}};
        machine_step(w, e->node, &ev);
    }
}

void people_leave(struct world *w, size_t client) {
    struct client *c = &w->clients[client];
    if (c->state == CLIENT_COMING) {
        c->state = CLIENT_FREE;
    } else if (c->state == CLIENT_IN && machine_up(w, c->node)) {
        struct node_event ev = {.kind = EV_TRANSPORT_LOST,
                                .transport = {.id = c->transport, .reason = STATUS_TIMEOUT}};
        world_trace(w, "n%zu: c%llu leaves room-%zu", c->node, (unsigned long long)c->conn,
                    c->room);
        machine_step(w, c->node, &ev);
    }
}

void people_crashed(struct world *w, size_t node) {
    for (size_t i = 0; i < SIM_CLIENTS_MAX; i++) {
        struct client *c = &w->clients[i];
        if (c->state != CLIENT_FREE && c->node == node) {
            size_t room = c->room;
            c->state = CLIENT_FREE;
            if (w->config.story && sim_chance(&w->rng, 600)) {
                (void)people_join(w, sim_below(&w->rng, w->nodes), room);
            }
        }
    }
    for (size_t i = 0; i < w->ops_count;) {
        if (w->ops[i].node == node) {
            truth_unanswered(w, &w->ops[i]);
            w->ops[i] = w->ops[--w->ops_count];
        } else {
            i++;
        }
    }
}

/* ---- calls ---- */

static void step_call(struct world *w, size_t node, const struct op *op, bool forever) {
    char name[16], metadata[24];
    world_room_name(op->room, name);
    snprintf(metadata, sizeof(metadata), "w%zu", op->write);
    struct claims claims = {.has_video = true};
    claims.video.room_create = true;
    claims.video.room_admin = op->kind == OP_METADATA;
    claims.video.room = slice_from_cstr(name);
    Livekit__CreateRoomRequest create = LIVEKIT__CREATE_ROOM_REQUEST__INIT;
    create.name = name;
    create.metadata = metadata;
    create.empty_timeout = forever ? UINT32_MAX : w->empty_s;
    create.departure_timeout = forever ? UINT32_MAX : w->departure_s;
    Livekit__DeleteRoomRequest delete = LIVEKIT__DELETE_ROOM_REQUEST__INIT;
    delete.room = name;
    Livekit__UpdateRoomMetadataRequest update = LIVEKIT__UPDATE_ROOM_METADATA_REQUEST__INIT;
    update.room = name;
    update.metadata = metadata;
    struct node_event ev = {.kind = EV_API, .conn = op->conn, .claims = &claims};
    ev.api.coding = API_PROTOBUF;
    ev.api.method = api_method_at(op->kind == OP_CREATE   ? API_CREATE_ROOM
                                  : op->kind == OP_DELETE ? API_DELETE_ROOM
                                                          : API_UPDATE_ROOM_METADATA);
    ev.api.request = op->kind == OP_CREATE   ? &create.base
                     : op->kind == OP_DELETE ? &delete.base
                                             : &update.base;
    w->stepping_op = op->conn;
    w->stepping_status = 0;
    machine_step(w, node, &ev);
    w->stepping_op = 0;
}

void people_call(struct world *w, size_t node, enum op_kind kind, size_t room, bool forever) {
    static const char *const names[] = {"create", "delete", "metadata"};
    bool room_left = w->ops_count < SIM_OPS_MAX && w->writes_count < SIM_WRITES_MAX &&
                     w->lives_count + 8 < SIM_LIVES_MAX;
    if (!machine_up(w, node) || world_ms(w) < w->machines[node].frozen_until_ms || !room_left) {
        return;
    }
    struct op op = {.kind = kind,
                    .conn = w->next_conn++,
                    .node = node,
                    .room = room,
                    .incarnation = w->machines[node].incarnation,
                    .ms = world_ms(w)};
    struct op before = op;
    truth_before(w, &before);
    op.write = w->writes_count++;
    w->writes[op.write] = (struct truth_write){.room = room};
    w->counts.calls++;
    step_call(w, node, &op, forever);
    world_trace(w, "n%zu: %s room-%zu%s: %u", node, names[kind], room, forever ? " forever" : "",
                w->stepping_status);
    truth_after(w, &op, &before, forever);
    if (w->stepping_status == 404) {
        check_missing(w, node, room);
    }
    if (w->stepping_status != 0) {
        truth_answered(w, &op, w->stepping_status);
    } else {
        w->ops[w->ops_count++] = op;
    }
}

/* ---- directed ---- */

void world_room(struct world *w, size_t node, size_t room, bool forever) {
    people_call(w, node, OP_CREATE, room, forever);
}
void world_delete(struct world *w, size_t node, size_t room) {
    people_call(w, node, OP_DELETE, room, false);
}
void world_metadata(struct world *w, size_t node, size_t room) {
    people_call(w, node, OP_METADATA, room, false);
}
size_t world_join(struct world *w, size_t node, size_t room) {
    return people_join(w, node, room);
}
void world_leave(struct world *w, size_t client) {
    people_leave(w, client);
}
bool world_is_in(const struct world *w, size_t client) {
    return w->clients[client].state == CLIENT_IN;
}
size_t world_where(const struct world *w, size_t client) {
    return w->clients[client].node;
}
