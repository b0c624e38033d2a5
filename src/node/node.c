#include <string.h>

#include "mem.h"
#include "node_media.h"

enum {
    TEXT_BYTES_MAX = 8 << 20
}; /* one JSON answer or SDP; larger lists are assembled in slices */

static bool conn_equal(const struct map_node *m, struct slice key) {
    const struct session *s = container_of(m, struct session, by_conn);
    return slice_eq(slice_of(&s->conn, sizeof(s->conn)), key);
}

static bool link_equal(const struct map_node *m, struct slice key) {
    const struct link *l = container_of(m, struct link, by_id);
    return slice_eq(slice_of(&l->id, sizeof(l->id)), key);
}

static bool name_equal(const struct map_node *m, struct slice key) {
    const struct host *h = container_of(m, struct host, by_name);
    return slice_eq(text_slice(&h->room.name), key);
}

static enum status create_directory(struct node *n, struct dir_time now) {
    const struct node_config *c = &n->config;
    struct dir_config config;
    dir_config_init(&config);
    config.boot = n->boot;
    config.map_key = n->map_key;
    memcpy(config.cluster_key, c->cluster_key, sizeof(config.cluster_key));
    config.rooms_max = c->rooms_max;
    config.journal = c->journal;
    config.defaults = (struct dir_settings){
        .empty_timeout_s = c->empty_timeout_s,
        .departure_timeout_s = c->departure_timeout_s,
        .max_participants = c->max_participants,
        .solo_timeout_s = c->solo_timeout_s,
        .max_duration_s = c->max_duration_s,
    };
    const struct node_cluster *cluster = &c->cluster;
    config.lost_timeout_s =
        cluster->lost_timeout_s ? cluster->lost_timeout_s : config.lost_timeout_s;
    config.tombstone_ttl_s =
        cluster->tombstone_ttl_s ? cluster->tombstone_ttl_s : config.tombstone_ttl_s;
    config.tombstones_min =
        cluster->tombstones_min ? cluster->tombstones_min : config.tombstones_min;
    n->dir = dir_create(&config, now);
    return n->dir ? STATUS_OK : STATUS_NO_MEMORY;
}

/* Of each worker's candidates those of TCP: "a=candidate:1 1 tcp ...". */
static enum status keep_tcp_candidates(struct node *n) {
    uint32_t count = n->config.media_workers;
    size_t bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        bytes += n->locals[i].candidates.len;
    }
    buf_init(&n->tcp_candidates, MAX(bytes, (size_t)1)); /* there may be none */
    if (!buf_reserve(&n->tcp_candidates, bytes)) {       /* it does not move from here on */
        return STATUS_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        size_t from = n->tcp_candidates.len;
        struct slice rest = n->locals[i].candidates;
        while (rest.len > 0) {
            size_t len = MIN(slice_find(rest, '\n') + 1, rest.len);
            struct slice line = slice_sub(rest, 0, len), words = line;
            (void)slice_split(&words, ' '); /* foundation */
            (void)slice_split(&words, ' '); /* component */
            if (slice_eq_cstr(slice_split(&words, ' '), "tcp")) {
                buf_put(&n->tcp_candidates, line);
            }
            rest = slice_after(rest, len);
        }
        n->locals_tcp[i] = n->locals[i];
        n->locals_tcp[i].candidates = slice_after(buf_slice(&n->tcp_candidates), from);
    }
    return n->tcp_candidates.failed ? STATUS_NO_MEMORY : STATUS_OK;
}

static enum status create_workers(struct node *n) {
    uint32_t count = n->config.media_workers;
    n->locals = mem_calloc(count, sizeof(*n->locals));
    n->locals_tcp = mem_calloc(count, sizeof(*n->locals_tcp));
    n->worker_load = mem_calloc(count, sizeof(*n->worker_load));
    if (!n->locals || !n->locals_tcp || !n->worker_load) {
        return STATUS_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        n->locals[i] = n->config.peer;
        if (n->config.candidates) {
            n->locals[i].candidates = n->config.candidates[i];
        }
    }
    return keep_tcp_candidates(n);
}

static void init_plain(struct node *n, const struct node_config *config, struct dir_time now) {
    n->config = *config;
    n->now = now;
    n->next_scan_ms = now.mono_ms;
    rng_init(&n->rng, config->random_key);
    n->boot = rng_u64(&n->rng) | 1;
    n->map_key = (struct hash_key){rng_u64(&n->rng), rng_u64(&n->rng)};
    n->id = ident_make(&n->rng, "ND_");
    arena_init(&n->work, STEP_BYTES_MAX);
    buf_init(&n->text, TEXT_BYTES_MAX);
    pool_init(&n->sessions, sizeof(struct session), SESSIONS_MAX);
    heap_init(&n->timers);
    list_init(&n->hosts);
    list_init(&n->closing);
    list_init(&n->ending);
    list_init(&n->unsettled);
    list_init(&n->track_ends);
    list_init(&n->looks);
    list_init(&n->rises);
    list_init(&n->falls);
    list_init(&n->levels);
    list_init(&n->qualities);
    list_init(&n->wishes);
    list_init(&n->responses);
    list_init(&n->held);
    list_init(&n->held_back);
    list_init(&n->sent);
    list_init(&n->holds_owed);
    list_init(&n->holds_posted);
    list_init(&n->holds_sent);
}

enum status node_create(const struct node_config *config, struct dir_time now,
                        struct node **ret_node) {
    assert(config->media_workers > 0 && config->metrics);
    struct node *n = mem_zalloc(sizeof(*n));
    if (!n) {
        return STATUS_NO_MEMORY;
    }
    init_plain(n, config, now);
    enum status s = text_copy(config->region, &n->region);
    if (s == STATUS_OK) {
        s = text_copy(config->version, &n->version);
    }
    if (s == STATUS_OK) {
        s = node_codecs_init(&n->codecs);
    }
    if (s == STATUS_OK) {
        s = map_init(&n->by_conn, n->map_key, conn_equal);
    }
    if (s == STATUS_OK) {
        s = map_init(&n->links, n->map_key, link_equal);
    }
    if (s == STATUS_OK) {
        s = map_init(&n->by_name, n->map_key, name_equal);
    }
    if (s == STATUS_OK) {
        s = map_init(&n->rpcs, n->map_key, rpc_equal);
    }
    if (s == STATUS_OK) {
        s = map_init(&n->tracks, n->map_key, track_equal);
    }
    if (s == STATUS_OK) {
        s = map_init(&n->sends, n->map_key, send_equal);
    }
    if (s == STATUS_OK) {
        s = create_workers(n);
    }
    if (s == STATUS_OK) {
        s = create_directory(n, now);
    }
    if (s == STATUS_OK) {
        s = cluster_create(n);
    }
    if (s != STATUS_OK) {
        node_destroy(n);
        return s;
    }
    *ret_node = n;
    return STATUS_OK;
}

static void destroy_hosts(struct node *n, struct list *hosts) {
    while (!list_empty(hosts)) {
        struct host *h = container_of(list_first(hosts), struct host, in_hosts);
        while (!room_empty(&h->room)) {
            struct list_node *first = list_first(&h->room.participants);
            struct participant *p = container_of(first, struct participant, in_room);
            session_leave_commit(n, node_session_of(n, p));
        }
        host_destroy(n, h);
    }
}

struct node *node_destroy(struct node *n) {
    if (!n) {
        return NULL;
    }
    destroy_hosts(n, &n->hosts);
    destroy_hosts(n, &n->closing);
    node_free_ended_tracks(n);
    node_free_held(n);
    node_free_holds(n);
    cluster_destroy(n);
    dir_destroy(n->dir);
    pool_deinit(&n->sessions);
    map_deinit(&n->by_conn);
    map_deinit(&n->links);
    map_deinit(&n->by_name);
    map_deinit(&n->rpcs);
    map_deinit(&n->tracks);
    map_deinit(&n->sends);
    heap_deinit(&n->timers);
    arena_deinit(&n->work);
    buf_deinit(&n->text);
    node_codecs_deinit(&n->codecs);
    mem_free(n->locals);
    mem_free(n->locals_tcp);
    buf_deinit(&n->tcp_candidates);
    mem_free(n->worker_load);
    text_deinit(&n->region);
    text_deinit(&n->version);
    mem_free(n);
    return NULL;
}

uint64_t node_new_id(struct node *n) {
    return ++n->last_id;
}

bool node_ok(const struct node *n, const struct effects *fx) {
    return fx_ok(fx) && !n->work.failed;
}

void node_rollback(struct node *n, struct effects *fx, size_t mark) {
    fx_rollback(fx, mark);
    n->work.failed = false;
}

enum status node_reserve_timers(struct node *n, uint32_t hosts, uint32_t sessions) {
    size_t all_hosts = n->hosts.count + n->closing.count + hosts;
    size_t all_sessions = n->sessions.count + sessions;
    return heap_reserve(&n->timers, (uint32_t)(TIMERS_OF_HOST * all_hosts +
                                               TIMERS_OF_SESSION * all_sessions + RPCS_MAX));
}

/* Everybody goes; rooms without participants here are the directory's to keep or to lose. */
static void stop(struct node *n) {
    n->draining = n->stopping = true;
    while (!list_empty(&n->hosts)) {
        host_close(n, container_of(list_first(&n->hosts), struct host, in_hosts),
                   LIVEKIT__DISCONNECT_REASON__SERVER_SHUTDOWN);
    }
}

static void tick(struct node *n, struct effects *fx) {
    node_sweep(n, fx);
    node_run_timers(n, fx);
    node_run_held(n, fx);
}

static enum status dispatch(struct node *n, const struct node_event *ev, struct effects *fx) {
    struct session *s;
    switch (ev->kind) {
    case EV_TICK: tick(n, fx); return STATUS_OK;
    case EV_API: return node_api(n, ev, fx);
    case EV_VALIDATE: return node_validate(n, ev, fx);
    case EV_JOIN:
        return node_session_by_conn(n, ev->conn) ? STATUS_BAD_EVENT : node_join(n, ev, fx);
    case EV_SIGNAL: return node_signal(n, ev, fx);
    case EV_SIGNAL_CLOSED:
        s = node_session_by_conn(n, ev->conn);
        if (s) {
            session_signal_closed(n, s);
        }
        return STATUS_OK;
    case EV_TRANSPORT_UP: node_transport_up(n, ev->transport.id); return STATUS_OK;
    case EV_TRANSPORT_SILENT: return node_transport_silent(n, ev->transport.id, fx);
    case EV_TRANSPORT_LOST: node_transport_lost(n, ev->transport.id); return STATUS_OK;
    case EV_DATA_OPEN: return STATUS_OK; /* the data thread routes by itself */
    case EV_DATA_HEARD:
        node_data_heard(n, ev->transport.id, ev->transport.sequence);
        return STATUS_OK;
    case EV_RPC: return node_rpc(n, ev, fx);
    case EV_LEVELS: node_levels(n, ev); return STATUS_OK;
    case EV_QUALITY: node_qualities(n, ev); return STATUS_OK;
    case EV_STREAM_STATE: node_stream_state(n, ev, fx); return STATUS_OK;
    case EV_REPLY_MORE: node_reply_more(n, ev->conn); return STATUS_OK;
    case EV_REPLY_GONE:
        node_reply_gone(n, ev->conn);
        node_hold_gone(n, ev->conn);
        return STATUS_OK;
    case EV_JOURNAL_WRITTEN:
    case EV_JOURNAL_STATE: node_journal_told(n, ev); return STATUS_OK;
    case EV_PEER: return cluster_event(n, ev, fx);
    case EV_PAGE: return node_page(n, ev, fx);
    case EV_DRAIN: n->draining = true; return STATUS_OK;
    case EV_STOP: stop(n); return STATUS_OK;
    }
    return STATUS_BAD_EVENT;
}

/* Whoever waits for an answer gets one, from memory that is there already. */
static void refuse(const struct node_event *ev, struct effects *fx) {
    if (ev->kind == EV_API || ev->kind == EV_PAGE) {
        node_api_refuse(ev, fx);
    } else if (ev->kind == EV_JOIN || ev->kind == EV_VALIDATE) {
        fx_text(fx, ev->conn, 503, SLICE_LIT("node is out of memory"));
    }
}

enum status node_step(struct node *n, const struct node_event *ev, struct effects *fx) {
    assert(ev->time.mono_ms >= n->now.mono_ms);
    n->now = cluster_time(n, ev->time);
    node_free_sent(n);
    node_free_holds_sent(n);
    cluster_look(n);
    size_t mark = fx->count;
    enum status s = dispatch(n, ev, fx);
    if (s != STATUS_OK) {
        node_rollback(n, fx, mark);
    }
    if (s == STATUS_NO_MEMORY) {
        metric_inc(&n->config.metrics->steps_refused);
        refuse(ev, fx);
    }
    cluster_run(n, fx);
    node_run_track_ends(n, fx);
    node_run_settling(n, fx);
    node_run_looks(n, fx); /* after what announces tracks */
    node_run_wishes(n, fx);
    node_run_watch(n, fx);
    node_run_endings(n, fx);
    node_run_responses(n, fx);
    node_run_holds(n, fx);
    node_journal_look(n);
    cluster_settle(n);
    arena_reset(&n->work);
#ifdef STOA_CHECKS
    node_check(n);
#endif
    return s;
}

uint64_t node_next_deadline_ms(const struct node *n) {
    bool at_once = n->sweep_more || !list_empty(&n->held) || !list_empty(&n->ending) ||
                   !list_empty(&n->closing) || !list_empty(&n->unsettled) ||
                   !list_empty(&n->track_ends) || !list_empty(&n->looks);
    if (at_once) {
        return n->now.mono_ms;
    }
    uint64_t next = MIN(dir_next_deadline_ms(n->dir), heap_next_key(&n->timers));
    next = MIN(next, responses_next_ms(n));
    next = MIN(next, node_held_back_until_ms(n));
    next = MIN(next, node_holds_next_ms(n));
    next = MIN(next, cluster_next_ms(n));
    next = MIN(next, wishes_next_ms(n));
    next = MIN(next, watch_next_ms(n));
    return MIN(next, n->next_scan_ms);
}

struct node_counts node_counts(const struct node *n) {
    struct dir_counts counts;
    dir_counts_get(n->dir, n->now, &counts);
    uint64_t next = dir_next_deadline_ms(n->dir);
    uint64_t left = next - MIN(next, n->now.mono_ms);
    return (struct node_counts){
        .rooms = counts.rooms,
        .participants = n->sessions.count,
        .sessions = n->sessions.count,
        .overdue_rooms = counts.overdue_ms > 0,
        .oldest_overdue_ms = counts.overdue_ms,
        .scan_findings = n->scan_findings,
        .swept_at_ms = n->swept_at_ms,
        .next_end_ms = next == UINT64_MAX ? 0 : n->now.wall_ms + left,
    };
}

const struct ident *node_id(const struct node *n) {
    return &n->id;
}
