#include "node_media.h"

struct session *node_session_of(struct node *n, const struct participant *p) {
    return pool_resolve(&n->sessions, pool_ref_unpack(p->session));
}

struct session *node_session_by_conn(struct node *n, uint64_t conn) {
    struct map_node *m = map_find(&n->by_conn, slice_of(&conn, sizeof(conn)));
    return m ? container_of(m, struct session, by_conn) : NULL;
}

/* Each of many notes may carry the metadata of the room: half a megabyte. */
static bool notes_fit(const struct effects *fx) {
    return fx->arena.used_bytes < NOTES_BYTES_PER_STEP;
}

void session_forget_conn(struct node *n, struct session *s) {
    if (s->conn != 0) {
        responses_drop(n, s); /* there is nobody left to answer */
        map_remove(&n->by_conn, &s->by_conn);
        s->conn = 0;
        s->participant->conn = 0;
    }
}

/* Its tracks, its subscriptions and all that is owed of them; once more: nothing. */
static void forget_media(struct node *n, struct session *s) {
    session_leave_tracks(n, s);
    session_end_data_tracks(n, s);
    if (s->participant) {
        data_subscriptions_drop(s->participant);
    }
    session_drop_subscriptions(n, s);
    session_drop_wishes(n, s);
    session_forget_watch(n, s);
    heap_remove(&n->timers, &s->negotiate.node);
    heap_remove(&n->timers, &s->simulated.timer.node);
    if (list_node_linked(&s->in_looks)) {
        list_remove(&n->looks, &s->in_looks);
    }
}

void session_free(struct node *n, struct session *s) {
    forget_media(n, s);
    link_destroy(n, &s->main);
    link_destroy(n, &s->sub);
    heap_remove(&n->timers, &s->life.node);
    heap_remove(&n->timers, &s->refresh.node);
    participant_destroy(s->participant);
    text_deinit(&s->destination_room);
    if (list_node_linked(&s->in_unsettled)) {
        list_remove(&n->unsettled, &s->in_unsettled);
    }
    pool_give(&n->sessions, s->ref);
}

void session_end(struct node *n, struct session *s, uint32_t reason,
                 Livekit__LeaveRequest__Action action, bool tell) {
    if (s->is_ending) {
        return; /* the first reason counts */
    }
    s->is_ending = true;
    s->ending = (struct ending){.reason = reason, .action = action, .tell = tell};
    list_push_back(&n->ending, &s->in_ending);
}

/* Tells the others that it is gone, and the room when that changes what is shown of it. */
static void tell_departure(struct node *n, struct session *s, uint32_t reason, struct effects *fx) {
    struct room *room = &s->host->room;
    struct participant *p = s->participant;
    struct change c;
    change_begin(p, &c);
    change_state(&c, PARTICIPANT_DISCONNECTED);
    c.next.disconnect_reason = reason;
    const uint64_t *conns = NULL;
    if (!c.next.permission.hidden) {
        size_t count = room_receivers(room, p, &c.next, p, &fx->arena, &conns);
        node_tell_participant(n, fx, p, &c.next, conns, count);
    }
    struct room_counts without = room_counts_with(room, p, NULL, NULL);
    struct dir_room view;
    if ((without.recorders > 0) != (room->counts.recorders > 0) &&
        dir_room_find(n->dir, text_slice(&room->name), &view) == STATUS_OK) {
        size_t count = room_receivers(room, NULL, NULL, p, &fx->arena, &conns);
        node_tell_room(n, fx, &view, &without, conns, count);
    }
}

/* A leave counts as a use of the room: the departure timeout starts now. Nothing is found when the
 * room was deleted meanwhile. */
static enum status leave_directory(struct node *n, struct session *s) {
    struct room *room = &s->host->room;
    struct room_counts without = room_counts_with(room, s->participant, NULL, NULL);
    enum status st = dir_room_use(n->dir, n->now, text_slice(&room->name));
    if (st != STATUS_NO_MEMORY) {
        st = host_presence(n, s->host, &without);
    }
    return st == STATUS_NO_MEMORY ? st : STATUS_OK;
}

static void close_link(struct effects *fx, const struct link *l, uint32_t worker) {
    if (l->open) {
        fx_add(fx, FX_TRANSPORT_CLOSE)->transport =
            (struct fx_transport){.id = l->id, .worker = worker};
    }
}

static void note_departure(struct node *n, struct session *s, uint32_t reason, struct effects *fx) {
    const struct participant *p = s->participant;
    bool was_in = p->profile.state == PARTICIPANT_ACTIVE;
    struct room_counts without = room_counts_with(&s->host->room, p, NULL, NULL);
    struct change c;
    change_begin(p, &c);
    change_state(&c, PARTICIPANT_DISCONNECTED);
    c.next.disconnect_reason = reason;
    node_note_participant(n, fx,
                          was_in ? NOTE_PARTICIPANT_LEFT : NOTE_PARTICIPANT_CONNECTION_ABORTED,
                          s->host, p, &c.next, &without);
}

void session_leave_effects(struct node *n, struct session *s, const struct ending *ending,
                           bool tell_others, struct effects *fx) {
    const struct participant *p = s->participant;
    if (ending->tell) {
        node_tell_leave(fx, s->conn, s->protocol, ending);
    }
    fx_close(fx, s->conn, 1000);
    fx_add(fx, FX_ROUTE_REMOVE)->route =
        (struct fx_route){.participant = p->key, .room_key = s->host->room.key};
    close_link(fx, &s->main, s->host->worker);
    close_link(fx, &s->sub, s->host->worker);
    rpcs_gone_effects(n, s, fx);
    session_leave_tracks_effects(n, s, fx);
    note_departure(n, s, ending->reason, fx);
    if (tell_others) {
        tell_departure(n, s, ending->reason, fx);
    }
}

void session_leave_commit(struct node *n, struct session *s) {
    struct host *h = s->host;
    rpcs_free(n, s);
    session_forget_conn(n, s);
    if (s->is_ending) {
        list_remove(&n->ending, &s->in_ending);
    }
    forget_media(n, s);
    room_remove(&h->room, s->participant);
    departures_add(&h->room.departures, s->participant, s->ending.reason, n->now.wall_ms);
    assert(n->worker_load[h->worker] > 0);
    n->worker_load[h->worker]--;
    host_plan_update(n, h);
    session_free(n, s);
}

/* One session goes, whole or not at all. False: no memory now, it stays owed. */
static bool leave_now(struct node *n, struct session *s, const struct ending *ending,
                      struct effects *fx) {
    size_t mark = fx->count;
    struct host *h = s->host;
    arena_reset(&n->work); /* each may need as much as a step may take */
    session_leave_effects(n, s, ending, !h->closing, fx);
    if (!node_ok(n, fx) || (!h->closing && leave_directory(n, s) != STATUS_OK)) {
        node_rollback(n, fx, mark);
        return false;
    }
    session_leave_commit(n, s);
    return true;
}

static bool finish_closing(struct node *n, struct host *h, struct effects *fx) {
    size_t mark = fx->count;
    node_note_closed(n, fx, h);
    if (!fx_ok(fx)) {
        node_rollback(n, fx, mark);
        return false;
    }
    host_destroy(n, h);
    return true;
}

/* Who has many subscriptions takes longer to let go. */
static size_t leave_cost(const struct session *s) {
    enum { SUBSCRIPTIONS_A_LEAVE = 16 };
    return 1 + s->participant->subscriptions.count / SUBSCRIPTIONS_A_LEAVE;
}

void node_run_endings(struct node *n, struct effects *fx) {
    size_t budget = LEAVES_PER_STEP_MAX;
    while (budget > 0 && !list_empty(&n->ending) && notes_fit(fx)) {
        struct session *s = container_of(list_first(&n->ending), struct session, in_ending);
        struct host *h = s->host;
        struct ending ending = s->ending;
        budget -= MIN(budget, leave_cost(s));
        if (!leave_now(n, s, &ending, fx)) {
            return;
        }
        host_drop_if_empty(n, h);
    }
    while (budget > 0 && !list_empty(&n->closing) && notes_fit(fx)) {
        struct host *h = container_of(list_first(&n->closing), struct host, in_hosts);
        struct list_node *first = list_first(&h->room.participants);
        if (!first) {
            budget--;
            if (!finish_closing(n, h, fx)) {
                return;
            }
            continue;
        }
        struct session *s = node_session_of(n, container_of(first, struct participant, in_room));
        struct ending ending = {.reason = h->close_reason, .tell = true};
        budget -= MIN(budget, leave_cost(s));
        if (!leave_now(n, s, &ending, fx)) {
            return;
        }
    }
}

/* What a change of this participant does to what is shown of the room. */
static enum status change_counts(struct node *n, struct session *s, const struct change *c,
                                 struct effects *fx) {
    struct room *room = &s->host->room;
    struct room_counts next = room_counts_with(room, NULL, s->participant, &c->next);
    if ((next.recorders > 0) != (room->counts.recorders > 0)) {
        struct dir_room view;
        const uint64_t *conns = NULL;
        if (dir_room_find(n->dir, text_slice(&room->name), &view) == STATUS_OK) {
            size_t count = room_receivers(room, NULL, NULL, NULL, &fx->arena, &conns);
            node_tell_room(n, fx, &view, &next, conns, count);
        }
    }
    if (!node_ok(n, fx)) {
        return STATUS_NO_MEMORY;
    }
    if (next.participants == room->counts.participants &&
        next.dependents == room->counts.dependents && next.publishers == room->counts.publishers &&
        next.recorders == room->counts.recorders) {
        return STATUS_OK;
    }
    enum status st = s->host->closing ? STATUS_OK : host_presence(n, s->host, &next);
    if (st == STATUS_NO_MEMORY) {
        return st;
    }
    host_plan_update(n, s->host);
    return STATUS_OK;
}

enum status session_change(struct node *n, struct session *s, struct change *c, bool new_token,
                           struct effects *fx) {
    struct participant *p = s->participant;
    const uint64_t *conns = NULL;
    size_t count = room_receivers(&s->host->room, p, &c->next, NULL, &fx->arena, &conns);
    node_tell_participant(n, fx, p, &c->next, conns, count);
    bool new_permission = !permission_equal(&c->next.permission, &p->profile.permission);
    if (new_permission || c->next.state != p->profile.state) {
        node_put_route(fx, s, &s->host->room, &c->next);
    }
    struct video_grant grant = s->grant;
    if (new_permission) {
        permission_into_grant(&c->next.permission, &s->grant);
    }
    if (new_token) {
        session_send_token(n, s, &c->next, fx);
    }
    enum status st = change_counts(n, s, c, fx);
    if (st != STATUS_OK) {
        s->grant = grant;
        change_drop(c);
        return st;
    }
    room_commit(&s->host->room, p, c);
    if (new_permission) {
        session_permission_changed(n, s);
    }
    return STATUS_OK;
}

void session_signal_closed(struct node *n, struct session *s) {
    session_forget_conn(n, s);
    s->away_wall_ms = n->now.wall_ms - RESUME_LOOKBACK_MS;
    if (s->participant->profile.state != PARTICIPANT_ACTIVE) {
        session_end(n, s, LIVEKIT__DISCONNECT_REASON__SIGNAL_CLOSE,
                    LIVEKIT__LEAVE_REQUEST__ACTION__DISCONNECT, false);
        return;
    }
    heap_set(&n->timers, &s->life.node, n->now.mono_ms + SIGNAL_GRACE_MS);
}

void session_on_timer(struct node *n, struct session *s, const struct timer *t,
                      struct effects *fx) {
    if (t->kind == TIMER_LIFE) {
        bool joined = s->participant->profile.state == PARTICIPANT_ACTIVE;
        bool silent = s->main.silent || s->sub.silent;
        session_end(n, s,
                    !joined  ? LIVEKIT__DISCONNECT_REASON__JOIN_FAILURE
                    : silent ? LIVEKIT__DISCONNECT_REASON__CONNECTION_TIMEOUT
                             : LIVEKIT__DISCONNECT_REASON__SIGNAL_CLOSE,
                    LIVEKIT__LEAVE_REQUEST__ACTION__DISCONNECT, true);
        return;
    }
    session_send_token(n, s, &s->participant->profile, fx);
}

struct link *node_link_of(struct node *n, uint64_t id) {
    struct map_node *m = map_find(&n->links, slice_of(&id, sizeof(id)));
    return m ? container_of(m, struct link, by_id) : NULL;
}

bool session_publishes(const struct session *s, const struct permission *as) {
    list_each (at, &s->participant->tracks) {
        const struct track *t = container_of(at, struct track, in_publisher);
        if (s->main.up && t->state != TRACK_PENDING &&
            track_source_allowed(as, (uint32_t)t->info->source)) {
            return true;
        }
    }
    return false;
}

/* The next track of which others are not told yet. */
static struct track *next_bound(const struct session *s) {
    list_each (at, &s->participant->tracks) {
        struct track *t = container_of(at, struct track, in_publisher);
        if (t->state == TRACK_BOUND && !t->is_backup && !list_node_linked(&t->in_ends)) {
            return t;
        }
    }
    return NULL;
}

/* What has just been told of its tracks is so for everybody. */
static void publish_tracks(struct node *n, struct session *s) {
    struct track *t;
    bool some = false;
    while ((t = next_bound(s)) != NULL) {
        room_track_publish(t);
        node_count_published(n, t, true);
        track_owe_quality(n, t);
        some = true;
    }
    if (some) {
        host_owe_look(n, s->host, s);
    }
}

static void note_bound(struct node *n, struct session *s, struct effects *fx) {
    list_each (at, &s->participant->tracks) {
        const struct track *t = container_of(at, struct track, in_publisher);
        if (t->state == TRACK_BOUND && !t->is_backup && !list_node_linked(&t->in_ends)) {
            node_note_track(n, fx, NOTE_TRACK_PUBLISHED, s->host, s->participant, t);
        }
    }
}

/* Makes the participant what its transports and tracks say: ACTIVE, publisher. */
static enum status settle(struct node *n, struct session *s, struct effects *fx) {
    struct participant *p = s->participant;
    const struct link *primary = s->subscriber_primary ? &s->sub : &s->main;
    struct change c;
    change_begin(p, &c);
    bool activates = primary->up && p->profile.state == PARTICIPANT_JOINED;
    if (activates) {
        change_state(&c, PARTICIPANT_ACTIVE);
    }
    bool publishes = s->main.up && next_bound(s);
    c.next.is_publisher = session_publishes(s, &c.next.permission);
    if (!activates && !s->news && !publishes && c.next.is_publisher == p->profile.is_publisher) {
        return STATUS_OK;
    }
    if (activates) {
        node_note_participant(n, fx, NOTE_PARTICIPANT_JOINED, s->host, p, &c.next,
                              &s->host->room.counts);
    }
    if (publishes) {
        note_bound(n, s, fx);
    }
    enum status st = session_change(n, s, &c, false, fx);
    if (st != STATUS_OK) {
        return st;
    }
    s->news = false;
    if (publishes) {
        publish_tracks(n, s);
    }
    if (activates) {
        heap_remove(&n->timers, &s->life.node);
        session_owe_look(n, s, false);
    }
    return STATUS_OK;
}

void node_transport_up(struct node *n, uint64_t id) {
    struct link *l = node_link_of(n, id);
    if (l && !l->up) {
        l->up = true;
        if (!list_node_linked(&l->session->in_unsettled)) {
            list_push_back(&n->unsettled, &l->session->in_unsettled);
        }
    }
}

void node_run_settling(struct node *n, struct effects *fx) {
    for (size_t i = 0; i < LEAVES_PER_STEP_MAX && !list_empty(&n->unsettled); i++) {
        if (!notes_fit(fx)) {
            return;
        }
        arena_reset(&n->work);
        struct list_node *first = list_first(&n->unsettled);
        struct session *s = container_of(first, struct session, in_unsettled);
        size_t mark = fx->count;
        if (!s->is_ending && settle(n, s, fx) != STATUS_OK) {
            node_rollback(n, fx, mark);
            return; /* no memory now: it stays owed */
        }
        list_remove(&n->unsettled, first);
    }
}

enum status session_ask_resume(struct node *n, struct session *s, uint32_t reason,
                               struct effects *fx) {
    const struct ending ending = {.reason = reason,
                                  .action = LIVEKIT__LEAVE_REQUEST__ACTION__RESUME};
    uint64_t due_ms = n->now.mono_ms + SILENT_GRACE_MS;
    bool had_conn = s->conn != 0;
    if (had_conn) {
        node_tell_leave(fx, s->conn, s->protocol, &ending);
        fx_close(fx, s->conn, 1000);
    } else if (heap_has(&s->life.node)) {
        due_ms = MIN(due_ms, s->life.node.key);
    }
    if (!node_ok(n, fx)) {
        return STATUS_NO_MEMORY;
    }
    if (had_conn) {
        session_signal_closed(n, s);
    }
    heap_set(&n->timers, &s->life.node, due_ms);
    return STATUS_OK;
}

enum status node_transport_silent(struct node *n, uint64_t id, struct effects *fx) {
    struct link *l = node_link_of(n, id);
    struct session *s = l ? l->session : NULL;
    if (!s || s->is_ending || s->participant->profile.state != PARTICIPANT_ACTIVE) {
        return STATUS_OK; /* what is not ACTIVE has its time already */
    }
    l->silent = true;
    enum status st = session_ask_resume(n, s, LIVEKIT__DISCONNECT_REASON__CONNECTION_TIMEOUT, fx);
    if (st != STATUS_OK) { /* this event does not come again */
        session_end(n, s, LIVEKIT__DISCONNECT_REASON__CONNECTION_TIMEOUT,
                    LIVEKIT__LEAVE_REQUEST__ACTION__RECONNECT, true);
    }
    return st;
}

void node_data_heard(struct node *n, uint64_t id, uint32_t sequence) {
    struct link *l = node_link_of(n, id);
    if (l) {
        l->session->data_heard = MAX(l->session->data_heard, sequence);
    }
}

void node_transport_lost(struct node *n, uint64_t id) {
    struct link *l = node_link_of(n, id);
    if (l) {
        l->open = false; /* the shell has closed it already */
        session_end(n, l->session, LIVEKIT__DISCONNECT_REASON__CONNECTION_TIMEOUT,
                    LIVEKIT__LEAVE_REQUEST__ACTION__RECONNECT, true);
    }
}
