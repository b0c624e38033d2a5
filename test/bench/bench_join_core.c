/* The steps of the control plane when clients join a room that is already large, without sockets
 * and threads: none may take over 1 ms.
 *   bench_join_core [--participants N] [--json] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kit_media.h"

enum { PARTICIPANTS = 1500, MEASURED = 100 };

static double now_us(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

struct times {
    double sum, max;
};

static void note(struct times *t, double us) {
    t->sum += us;
    t->max = us > t->max ? us : t->max;
}

/* The join itself, then what it leaves to later steps. */
static void join(struct kit *k, uint64_t conn, const char *offer, struct times *joins,
                 struct times *rest) {
    char identity[64];
    (void)snprintf(identity, sizeof(identity), "participant-%u", (unsigned)conn);
    struct claims claims = kit_join_claims("large", identity);
    claims.name = SLICE_LIT("Somebody with a Name");
    claims.metadata = SLICE_LIT("{\"picture\":\"https://example.org/pictures/1234567890.jpeg\"}");
    const struct kit_join j = {
        .conn = conn, .claims = &claims, .single = true, .auto_subscribe = true, .offer = offer};
    double begin_us = now_us();
    if (kit_join(k, &j) != STATUS_OK) {
        exit(1);
    }
    note(joins, now_us() - begin_us);
    const struct effect *open = kit_effect(k, FX_TRANSPORT_OPEN, 0);
    uint64_t transport = open ? open->transport.id : 0;
    for (int i = 0; i < 100 && node_next_deadline_ms(k->n) <= k->now.mono_ms; i++) {
        struct node_event tick = {.kind = EV_TICK};
        begin_us = now_us();
        (void)!kit_step(k, &tick);
        note(rest, now_us() - begin_us);
    }
    begin_us = now_us();
    kit_up(k, transport);
    note(rest, now_us() - begin_us);
}

int main(int argc, char **argv) {
    uint64_t participants = PARTICIPANTS;
    bool json = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--participants") != 0 || i + 1 == argc ||
                   !slice_to_u64(slice_from_cstr(argv[++i]), &participants)) {
            fprintf(stderr, "usage: bench_join_core [--participants N] [--json]\n");
            return 1;
        }
    }
    struct kit k;
    struct times before = {0}, joins = {0}, rest = {0};
    kit_open(&k, NULL);
    char *offer = strdup(kit_offer(&k, "a0< a1< a2< v3< v4< v5< d6"));
    for (uint64_t i = 0; i < participants; i++) {
        join(&k, i + 1, offer, &before, &before);
    }
    for (uint64_t i = 0; i < MEASURED; i++) {
        join(&k, participants + i + 1, offer, &joins, &rest);
    }
    free(offer);
    kit_close(&k);
    if (json) {
        printf("{\"bench\":\"join_core\",\"participants\":%llu,\"join_us_mean\":%.0f,"
               "\"join_us_max\":%.0f,\"step_us_max\":%.0f}\n",
               (unsigned long long)participants, joins.sum / MEASURED, joins.max, rest.max);
    } else {
        printf(
            "into a room of %llu: a join takes %.0f us, %.0f at most; later steps %.0f at most\n",
            (unsigned long long)participants, joins.sum / MEASURED, joins.max, rest.max);
    }
    return 0;
}
