#include "node_media.h"

/* What clients ask for to try themselves out. It concerns nobody but the one who asks. */

enum { SPEAKS_S_MAX = 600 };

static void end_silently(struct node *n, struct session *s, uint32_t reason) {
    session_end(n, s, reason, LIVEKIT__LEAVE_REQUEST__ACTION__DISCONNECT, false);
}

static void speak(struct node *n, struct session *s, int32_t seconds) {
    uint64_t ms = 1000 * (uint64_t)MIN(MAX(seconds, 0), SPEAKS_S_MAX);
    s->simulated.speaks = true;
    heap_set(&n->timers, &s->simulated.timer.node, n->now.mono_ms + ms);
    session_owe_level(n, s);
}

void session_on_simulate_timer(struct node *n, struct session *s) {
    s->simulated.speaks = false;
    session_owe_level(n, s);
}

/* From now on it is told of TCP alone, or of all ways again; so it comes back with new ICE. TLS is
 * taken for TCP: there is no relay here. */
static enum status switch_protocol(struct node *n, struct session *s, bool tcp,
                                   struct effects *fx) {
    struct participant *p = s->participant;
    if (p->profile.state != PARTICIPANT_ACTIVE) {
        return STATUS_OK;
    }
    enum status st = session_ask_resume(n, s, LIVEKIT__DISCONNECT_REASON__UNKNOWN_REASON, fx);
    if (st == STATUS_OK) {
        p->tcp_only = tcp;
        const struct peer_local *local = session_local(n, p, s->host->worker);
        peer_use_local(s->main.peer, local);
        if (s->sub.peer) {
            peer_use_local(s->sub.peer, local);
        }
    }
    return st;
}

static void fix_bandwidth(const struct session *s, int64_t bitrate_bps, struct effects *fx) {
    const struct link *l = s->single ? &s->main : &s->sub;
    if (l->open && bitrate_bps >= 0) {
        fx_add(fx, FX_TRANSPORT_BANDWIDTH)->transport =
            (struct fx_transport){.id = l->id, .bitrate_bps = (uint64_t)bitrate_bps};
    }
}

/* The one that is missing is handled by the client alone. */
enum status session_on_simulate(struct node *n, struct session *s,
                                const Livekit__SimulateScenario *r, struct effects *fx) {
    switch (r->scenario_case) {
    case LIVEKIT__SIMULATE_SCENARIO__SCENARIO_SWITCH_CANDIDATE_PROTOCOL:
        return switch_protocol(
            n, s, r->switch_candidate_protocol != LIVEKIT__CANDIDATE_PROTOCOL__UDP, fx);
    case LIVEKIT__SIMULATE_SCENARIO__SCENARIO_SUBSCRIBER_BANDWIDTH:
        fix_bandwidth(s, r->subscriber_bandwidth, fx);
        break;
    case LIVEKIT__SIMULATE_SCENARIO__SCENARIO_SPEAKER_UPDATE: speak(n, s, r->speaker_update); break;
    case LIVEKIT__SIMULATE_SCENARIO__SCENARIO_NODE_FAILURE:
    case LIVEKIT__SIMULATE_SCENARIO__SCENARIO_MIGRATION:
        end_silently(n, s, LIVEKIT__DISCONNECT_REASON__MIGRATION);
        break;
    case LIVEKIT__SIMULATE_SCENARIO__SCENARIO_SERVER_LEAVE:
        session_end(n, s, LIVEKIT__DISCONNECT_REASON__SERVER_SHUTDOWN,
                    LIVEKIT__LEAVE_REQUEST__ACTION__DISCONNECT, true);
        break;
    case LIVEKIT__SIMULATE_SCENARIO__SCENARIO_DISCONNECT_SIGNAL_ON_RESUME:
        s->simulated.drop = SIMULATED_DROP_AFTER;
        s->simulated.drop_until_ms = n->now.mono_ms + SIMULATED_DROP_MS;
        break;
    case LIVEKIT__SIMULATE_SCENARIO__SCENARIO_DISCONNECT_SIGNAL_ON_RESUME_NO_MESSAGES:
        s->simulated.drop = SIMULATED_DROP_BEFORE;
        s->simulated.drop_until_ms = n->now.mono_ms + SIMULATED_DROP_MS;
        break;
    default: break;
    }
    return node_ok(n, fx) ? STATUS_OK : STATUS_NO_MEMORY;
}

enum simulated_drop session_takes_drop(const struct node *n, struct session *s) {
    enum simulated_drop drop = s->simulated.drop;
    s->simulated.drop = SIMULATED_NO_DROP; /* once */
    return n->now.mono_ms <= s->simulated.drop_until_ms ? drop : SIMULATED_NO_DROP;
}
