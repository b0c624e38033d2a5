/* One publisher, many subscribers, one worker: what a forwarded packet costs beside what the kernel
 * and the cipher alone would, how long the server holds it, and what a join costs it. The media
 * plane runs in a process of its own, on a processor of its own where there are two; camera frames
 * of 2 Mbit/s leave 30 times a second, in one burst, and audio 50 times a second. The latency of a
 * packet goes from the kernel's stamp at the socket of the server to its stamp at the socket of the
 * subscriber, so that neither generator nor probes count; other programs do not, because the server
 * goes before them while latencies are taken (of a user who may ask for that: root); what the host
 * of a virtual machine took away in between is seen by a thread of ours and subtracted
 * (sfu_stalls.h), and told with it; seconds of which it took more than a fiftieth are not counted,
 * as what comes behind is late, too. The limit (sfu_limit.h) and the server under frames without a
 * pause are measured in turns, second by second. bench_sfu [--json] [--subscribers N] [--seconds S]
 * Without a number of subscribers: 10, 30 and 100. The figures told as JSON are those of 30, a room
 * in which all see one speaker. A worker sends a frame to one subscriber after another: the last of
 * 100 waits for 693 packets before its own, which at the limit itself takes 2 ms. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sfu_call.h"
#include "sfu_limit.h"

enum { SUBSCRIBERS = 30, TABLE = 3, ROUNDS_MIN = 3, ROUNDS_MAX = 9 };

struct result {
    unsigned subscribers;
    double ns, limit_ns, ratio, group, call_ns, p50_us, p99_us, passed_p99_us, stalled, waited,
        bytes;
    double joins_per_s;
    unsigned long long packets, messages, unsent;
    unsigned calm_s; /* that latencies are of; 0: none was calm, they are of all */
};

static void must(bool good, const char *what) {
    if (!good) {
        fprintf(stderr, "bench_sfu: %s\n", what);
        exit(1);
    }
}

static double ns_between(const struct sfu_figures *before, const struct sfu_figures *after) {
    must(after->forwarded > before->forwarded && after->messages > before->messages,
         "nothing was forwarded");
    return (double)(after->cpu_ns - before->cpu_ns) /
           (double)(after->forwarded - before->forwarded);
}

struct round {
    double ns, limit_ns;
};

static int compare_rounds(const void *a, const void *b) {
    const struct round *x = a, *y = b;
    double left = x->limit_ns / x->ns, right = y->limit_ns / y->ns;
    return (left > right) - (left < right);
}

static void saturate(struct result *r, struct sfu_call *call, struct round *round) {
    struct sfu_figures before, after;
    sfu_server_read(&call->server, &before);
    sfu_call_saturate(call, 1);
    sfu_server_read(&call->server, &after);
    round->ns = ns_between(&before, &after);
    r->packets += after.forwarded - before.forwarded;
    r->messages += after.messages - before.messages;
    r->unsent += after.unsent - before.unsent;
}

/* In turns, so that a slow moment of the machine is one of both; the round of the middle counts. */
static void compare_with_limit(struct result *r, struct sfu_call *call, unsigned rounds) {
    struct round list[ROUNDS_MAX];
    rounds = MIN(rounds, (unsigned)ROUNDS_MAX);
    sfu_call_saturate(call, 1.5); /* until the pacers know its rate */
    for (unsigned i = 0; i < rounds; i++) {
        saturate(r, call, &list[i]);
        r->group = (double)r->packets / (double)r->messages;
        unsigned run = (unsigned)MIN(MAX(r->group + 0.5, 1.0), 16.0);
        list[i].limit_ns = sfu_limit_ns(SFU_VIDEO_BYTES, r->subscribers, run, 1);
    }
    qsort(list, rounds, sizeof *list, compare_rounds);
    r->ns = list[rounds / 2].ns;
    r->limit_ns = list[rounds / 2].limit_ns;
    r->ratio = r->limit_ns / r->ns;
}

static void measure(struct result *r, unsigned subscribers, unsigned seconds) {
    static struct sfu_call call;
    struct sfu_figures empty, before, after;
    sfu_call_begin(&call, subscribers);
    sfu_server_read(&call.server, &empty);
    sfu_call_join(&call);
    sfu_call_publish(&call, 1); /* until it has settled */
    sfu_server_read(&call.server, &before);
    sfu_call_publish(&call, seconds);
    sfu_server_read(&call.server, &after);
    *r = (struct result){.subscribers = subscribers,
                         .call_ns = ns_between(&before, &after),
                         .p50_us = sfu_call_added_us(&call, 0.5),
                         .p99_us = sfu_call_added_us(&call, 0.99),
                         .passed_p99_us = sfu_call_passed_us(&call, 0.99),
                         .stalled = sfu_call_stalled_ms_per_s(&call),
                         .waited =
                             (double)(after.waited_ns - before.waited_ns) / 1e6 / call.published_s,
                         .calm_s = call.calm_s,
                         .bytes = (double)(after.rss_bytes - empty.rss_bytes) / (subscribers + 1),
                         .joins_per_s = 1e6 / call.join_cpu_us};
    compare_with_limit(r, &call, MAX(seconds / 2, (unsigned)ROUNDS_MIN));
    sfu_call_end(&call);
}

static void print_json(const struct result *r) {
    printf("{\"subscribers\": %u, \"ratio_to_limit\": %.3f, \"ns_per_packet\": %.0f, "
           "\"limit_ns_per_packet\": %.0f, \"group_mean\": %.2f, "
           "\"ns_per_packet_in_call\": %.0f, \"added_latency_us_p50\": %.0f, "
           "\"added_latency_us_p99\": %.0f, \"passed_us_p99\": %.0f, "
           "\"processor_away_ms_per_s\": %.1f, \"processor_waited_ms_per_s\": %.1f, "
           "\"calm_seconds\": %u, \"bytes_per_participant\": %.0f, "
           "\"joins_per_s\": %.0f, \"packets\": %llu, \"unsent\": %llu}\n",
           r->subscribers, r->ratio, r->ns, r->limit_ns, r->group, r->call_ns, r->p50_us, r->p99_us,
           r->passed_p99_us, r->stalled, r->waited, r->calm_s, r->bytes, r->joins_per_s, r->packets,
           r->unsent);
}

static void print_table(const struct result *list, size_t count) {
    printf("subscribers  ns busy  limit  ratio  group  ns in call  p50 us  p99 us  passed  away  "
           "waited  calm s  bytes each  joins/s\n");
    for (size_t i = 0; i < count; i++) {
        const struct result *r = &list[i];
        printf("%11u %8.0f %6.0f %6.2f %6.2f %11.0f %7.0f %7.0f %7.0f %5.1f %7.1f %7u %11.0f "
               "%8.0f%s\n",
               r->subscribers, r->ns, r->limit_ns, r->ratio, r->group, r->call_ns, r->p50_us,
               r->p99_us, r->passed_p99_us, r->stalled, r->waited, r->calm_s, r->bytes,
               r->joins_per_s, r->unsent > 0 ? "  (packets were not sent)" : "");
    }
    printf("ns busy: processor time of a forwarded packet while frames come without a pause, as in "
           "the limit; in a call\n         the worker sleeps between frames, and its caches are "
           "cold when one comes.\n");
    printf(
        "p50, p99: from the server's socket to a subscriber's, by the kernel's stamps, less the "
        "time for which the\n         host had taken the processor away (away: ms of each second, "
        "-1: not known).\n"
        "passed: the 99th percentile with that time.\n"
        "calm s: the seconds that p50 and p99 are of, each with less than 20 ms away; 0: of all, "
        "as "
        "none was.\n"
        "waited: ms of each second in which the worker could have run and did not: other programs "
        "did, or the\n         host. On a calm machine it is a few.\n"
        "bytes each: what the process grew by, a participant with two transports (dual mode).\n"
        "joins/s: of one processor of the media process; a join is two transports with ICE, DTLS "
        "and SRTP, and two subscriptions.\n");
}

int main(int argc, char **argv) {
    unsigned subscribers = 0, seconds = 5;
    bool json = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--subscribers") == 0 && i + 1 < argc) {
            subscribers = (unsigned)strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc) {
            seconds = (unsigned)strtoul(argv[++i], NULL, 10);
        }
    }
    must(seconds >= 1, "at least a second");
    static const unsigned table[TABLE] = {10, 30, 100};
    struct result results[TABLE];
    size_t count = subscribers == 0 && !json ? TABLE : 1;
    for (size_t i = 0; i < count; i++) {
        unsigned n = count == TABLE ? table[i] : subscribers == 0 ? SUBSCRIBERS : subscribers;
        measure(&results[i], n, seconds);
    }
    if (json) {
        print_json(&results[0]);
    } else {
        print_table(results, count);
    }
    return 0;
}
