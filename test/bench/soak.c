/* Clients that come and go for as long as asked: they join with an offer, shake hands, send and
 * take media, resume, and leave, or vanish. At the end nobody is there, and the server must be
 * what it was: no session, transport, track, association or room is left, as many descriptors as
 * before, and no more memory than it held when everybody had been there once.
 *   soak [--minutes M | --seconds S] [--clients N] [--json]     exits with 1 when something is left
 * In less than two minutes nobody vanishes: who does is waited for until the server knows it. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load_peer.h"
#include "rng.h"

enum {
    MINUTES = 15,
    CLIENTS = 100,
    CLIENTS_MAX = 1000,
    THREADS = 4,
    PER_ROOM = 4,
    TURN_US = 40000, /* a packet of sound each; one of a picture in each fifth */
    LIFE_MS_MIN = 1000,
    LIFE_MS_MAX = 9000,
    VANISH_S_MIN = 120, /* of a run, for anybody to vanish */
    GONE_S_MAX = 120,
    REPORT_S = 10,
    STILL_S = 10, /* whoever stopped us so long may have cost sessions their transports */
    RSS_GROWTH_MB_MAX = 8,
};

struct one {
    struct load_peer peer;
    bool is_in, resumed;
    uint64_t resume_us, leave_us;
    uint16_t sequence[2];
    uint32_t turns;
};

static struct soak {
    uint64_t seconds, clients;
    struct load_server server;
    struct one *all;
    atomic_bool stop;
    _Atomic uint64_t joins, resumes, leaves, vanished, packets_in;
    _Atomic uint64_t ended; /* by the server, for no reason of ours */
    bool stood_still, vanish;
} soak = {.seconds = MINUTES * 60, .clients = CLIENTS};

/* ---- clients ----------------------------------------------------------------------------------
 */

struct names {
    char room[32], identity[32];
};

static struct names names_of(size_t i) {
    struct names n;
    (void)snprintf(n.room, sizeof(n.room), "soak-%zu", i / PER_ROOM);
    (void)snprintf(n.identity, sizeof(n.identity), "client-%zu", i);
    return n;
}

static void come(struct one *o, size_t i, struct rng *rng) {
    const struct names n = names_of(i);
    load_peer_join(&o->peer, soak.server.port, n.room, n.identity,
                   LOAD_PEER_PUBLISHES | LOAD_PEER_SUBSCRIBES | LOAD_PEER_DATA);
    if (!load_peer_connect(&o->peer)) {
        soak.ended++;
        load_peer_drop(&o->peer);
        return;
    }
    uint64_t life_ms = LIFE_MS_MIN + rng_below(rng, LIFE_MS_MAX - LIFE_MS_MIN);
    uint64_t now_us = load_now_us();
    o->is_in = true;
    o->resumed = rng_below(rng, 4) != 0;
    o->resume_us = now_us + 500 * life_ms;
    o->leave_us = now_us + 1000 * life_ms;
    soak.joins++;
}

static void go(struct one *o, bool vanishes) {
    soak.packets_in += o->peer.rtp.rtp_count;
    if (vanishes) {
        load_peer_drop(&o->peer);
        soak.vanished++;
    } else {
        load_peer_leave(&o->peer);
        soak.leaves++;
    }
    o->is_in = false;
}

static void send_media(struct one *o) {
    static const uint8_t key_frame[600] = {0x10, 0};
    load_peer_send(&o->peer, false, o->sequence[0], 960u * o->sequence[0], slice_of(key_frame, 100),
                   false);
    o->sequence[0]++;
    if (o->turns++ % 5 == 0) {
        load_peer_send(&o->peer, true, o->sequence[1], 3000 * o->turns,
                       slice_of(key_frame, sizeof(key_frame)), true);
        o->sequence[1]++;
    }
}

static void turn(struct one *o, size_t i, struct rng *rng) {
    uint64_t now_us = load_now_us();
    if (!o->is_in) {
        come(o, i, rng);
        return;
    }
    if (!o->resumed && now_us >= o->resume_us) {
        const struct names n = names_of(i);
        load_peer_resume(&o->peer, soak.server.port, n.room, n.identity);
        o->resumed = true;
        soak.resumes++;
    }
    send_media(o);
    if (!load_peer_turn(&o->peer)) {
        soak.ended++;
        load_peer_drop(&o->peer);
        o->is_in = false;
    } else if (now_us >= o->leave_us) {
        go(o, soak.vanish && rng_below(rng, 4) == 0);
    }
}

static void *work(void *arg) {
    size_t thread = (size_t)(uintptr_t)arg;
    uint8_t seed[32] = {(uint8_t)thread, 1};
    struct rng rng;
    rng_init(&rng, seed);
    uint64_t due_us = load_now_us();
    while (!soak.stop) {
        for (size_t i = thread; i < soak.clients && !soak.stop; i += THREADS) {
            turn(&soak.all[i], i, &rng);
        }
        uint64_t now_us = load_now_us();
        due_us = MAX(due_us + TURN_US, now_us); /* late is late: nothing is made up for */
        usleep((useconds_t)(due_us - now_us));
    }
    for (size_t i = thread; i < soak.clients; i += THREADS) {
        if (soak.all[i].is_in) {
            go(&soak.all[i], false);
        }
    }
    return NULL;
}

/* ---- what is left -----------------------------------------------------------------------------
 */

static const char *const gauges[] = {
    "stoa_sessions",        "stoa_transports",
    "stoa_tracks_received", "stoa_tracks_sent",
    "stoa_dtls_queued",     "stoa_sctp_associations",
    "stoa_ice_tcp_links",   "stoa_data_recent_bytes",
    "livekit_room_total",   "livekit_participant_total",
    "stoa_websockets",
};

/* The first gauge that is not 0 after the time that the server may take to notice; NULL: none. */
static const char *wait_until_gone(void) {
    const char *left = NULL;
    for (int ms = 0; ms < GONE_S_MAX * 1000; ms += 200) {
        left = NULL;
        for (size_t i = 0; i < ARRAY_LEN(gauges) && !left; i++) {
            left = load_metric(soak.server.metrics_port, gauges[i]) != 0 ? gauges[i] : NULL;
        }
        if (!left) {
            return NULL;
        }
        usleep(200 * 1000);
    }
    return left;
}

static double rss_mb(void) {
    return (double)load_memory(soak.server.pid).rss / 1e6;
}

static void run_for(uint64_t seconds, const char *what) {
    pthread_t threads[THREADS];
    soak.stop = false;
    for (size_t i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, work, (void *)i) != 0) {
            load_fail("no thread");
        }
    }
    for (uint64_t s = 0; s < seconds; s++) {
        uint64_t slept_us = load_now_us();
        sleep(1);
        soak.stood_still |= load_now_us() - slept_us > STILL_S * 1000000;
        if (s % REPORT_S == REPORT_S - 1) {
            printf("%s, %llu s: %llu joins, %llu resumes, %llu left, %llu vanished; %.1f MB, %llu "
                   "descriptors\n",
                   what, (unsigned long long)s + 1, (unsigned long long)soak.joins,
                   (unsigned long long)soak.resumes, (unsigned long long)soak.leaves,
                   (unsigned long long)soak.vanished, rss_mb(),
                   (unsigned long long)load_descriptors(soak.server.pid));
            (void)fflush(stdout);
        }
    }
    soak.stop = true;
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    const char *left = wait_until_gone();
    if (left) {
        load_fail("%s is %.0f after everybody has gone", left,
                  load_metric(soak.server.metrics_port, left));
    }
}

/* A connection that the server is about to close is nothing that leaked. */
static uint64_t fewest_descriptors(void) {
    enum { LOOKS = 50, LOOK_US = 20000 };
    uint64_t fewest = UINT64_MAX;
    for (int i = 0; i < LOOKS; i++) {
        fewest = MIN(fewest, load_descriptors(soak.server.pid));
        usleep(LOOK_US);
    }
    return fewest;
}

static bool read_options(int argc, char **argv) {
    bool json = false;
    for (int i = 1; i < argc; i++) {
        uint64_t value = 0;
        bool minutes = strcmp(argv[i], "--minutes") == 0,
             clients = strcmp(argv[i], "--clients") == 0;
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if ((!minutes && !clients && strcmp(argv[i], "--seconds") != 0) || i + 1 == argc ||
                   !slice_to_u64(slice_from_cstr(argv[++i]), &value) || value == 0 ||
                   (clients && value > CLIENTS_MAX)) {
            load_fail("usage: soak [--minutes M | --seconds S] [--clients N] [--json]");
        } else {
            *(clients ? &soak.clients : &soak.seconds) = value * (minutes ? 60 : 1);
        }
    }
    return json;
}

int main(int argc, char **argv) {
    bool json = read_options(argc, argv);
    soak.all = calloc(soak.clients, sizeof(*soak.all));
    soak.server = load_start(-1, (const char *const[]){"--room.departure_timeout", "1",
                                                       "--room.empty_timeout", "1", NULL});
    uint64_t warm_s = MIN(soak.seconds / 4 + 1, (uint64_t)60);
    run_for(warm_s, "warm-up");
    double base_mb = rss_mb();
    uint64_t base_descriptors = fewest_descriptors();
    soak.vanish = soak.seconds >= VANISH_S_MIN;
    run_for(soak.seconds, "soak");
    double last_mb = rss_mb();
    uint64_t descriptors = fewest_descriptors();
    load_stop(&soak.server);
    bool good = (soak.ended == 0 || soak.stood_still) && descriptors <= base_descriptors &&
                last_mb - base_mb < RSS_GROWTH_MB_MAX;
    printf("%llu clients for %llu s: %llu joins, %llu resumes, %llu vanished, %llu ended by the "
           "server, %llu packets came; "
           "memory %.1f MB before, %.1f MB after; descriptors %llu and %llu; all gauges 0: %s\n",
           (unsigned long long)soak.clients, (unsigned long long)soak.seconds,
           (unsigned long long)soak.joins, (unsigned long long)soak.resumes,
           (unsigned long long)soak.vanished, (unsigned long long)soak.ended,
           (unsigned long long)soak.packets_in, base_mb, last_mb,
           (unsigned long long)base_descriptors, (unsigned long long)descriptors,
           good ? "nothing is left" : "SOMETHING IS LEFT");
    if (json) {
        printf(
            "{\"bench\":\"soak\",\"seconds\":%llu,\"clients\":%llu,\"joins\":%llu,\"resumes\":%llu,"
            "\"vanished\":%llu,\"ended\":%llu,\"packets_in\":%llu,\"rss_before_mb\":%.2f,\"rss_"
            "after_mb\":%.2f,"
            "\"descriptors_before\":%llu,\"descriptors_after\":%llu,\"leaked\":%s}\n",
            (unsigned long long)soak.seconds, (unsigned long long)soak.clients,
            (unsigned long long)soak.joins, (unsigned long long)soak.resumes,
            (unsigned long long)soak.vanished, (unsigned long long)soak.ended,
            (unsigned long long)soak.packets_in, base_mb, last_mb,
            (unsigned long long)base_descriptors, (unsigned long long)descriptors,
            good ? "false" : "true");
    }
    return good ? 0 : 1;
}
