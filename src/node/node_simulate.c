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

/* Those that are missing are about ways of media that there are not here, or handled by the client
 * alone. */
void session_on_simulate(struct node *n, struct session *s, const Livekit__SimulateScenario *r) {
    switch (r->scenario_case) {
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
}

enum simulated_drop session_takes_drop(const struct node *n, struct session *s) {
    enum simulated_drop drop = s->simulated.drop;
    s->simulated.drop = SIMULATED_NO_DROP; /* once */
    return n->now.mono_ms <= s->simulated.drop_until_ms ? drop : SIMULATED_NO_DROP;
}
