/* stoa-scale: what a large cluster costs and how fast it heals. See ./dev sim scale. */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "dir.h"
#include "scale.h"

struct options {
    struct scale_config config;
    uint64_t real_rooms; /* those of a cluster that this one stands for */
    uint64_t costs;      /* rooms of the measurement with four nodes; 0: not that one */
    bool json;
};

static int usage(void) {
    fputs("stoa-scale [--regions N --nodes N --rooms N --writes N --steady S --cut S --loss PPM\n"
          "            --seed N --real-rooms N --json] | --costs ROOMS\n"
          "  Runs regions of so many nodes each, every node with all rooms; a region is cut off,\n"
          "  returns, and returns with nothing. --costs: four nodes with many rooms instead.\n",
          stderr);
    return 2;
}

static bool set_option(struct options *o, const char *name, uint64_t value) {
    struct scale_config *c = &o->config;
    const struct {
        const char *name;
        uint32_t *number;
    } numbers[] = {
        {"--regions", &c->regions}, {"--nodes", &c->nodes_each}, {"--rooms", &c->rooms},
        {"--writes", &c->writes_s}, {"--steady", &c->steady_s},  {"--cut", &c->cut_s},
        {"--loss", &c->loss_ppm},
    };
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (!strcmp(name, numbers[i].name)) {
            *numbers[i].number = (uint32_t)value;
            return value > 0 || numbers[i].number == &c->loss_ppm;
        }
    }
    if (!strcmp(name, "--seed")) {
        c->seed = value;
    } else if (!strcmp(name, "--real-rooms")) {
        o->real_rooms = value;
    } else if (!strcmp(name, "--costs")) {
        o->costs = value;
    } else {
        return false;
    }
    return true;
}

static bool read_options(int argc, char **argv, struct options *o) {
    for (int i = 1; i < argc; i++) {
        uint64_t value = 0;
        if (!strcmp(argv[i], "--json")) {
            o->json = true;
        } else if (i + 1 == argc || !slice_to_u64(slice_from_cstr(argv[i + 1]), &value) ||
                   value > UINT32_MAX || !set_option(o, argv[i++], value)) {
            return false;
        }
    }
    return true;
}

static void say(const char *what, uint64_t now_ms) {
    fprintf(stderr, "%8.1f s  %s\n", (double)now_ms / 1e3, what);
}

/* A list of hashes grows with the rooms of a bucket; all other messages are as large as there. */
static double real_bytes_s(const struct options *o, const struct scale_traffic *t, size_t kind) {
    double there = (double)o->real_rooms / DIR_BUCKETS * 8;
    double here = (double)o->config.rooms / DIR_BUCKETS * 8;
    return t->bytes_s[kind] + (kind == CM_HASHES ? t->messages_s[kind] * (there - here) : 0);
}

enum row { ROW_BEATS, ROW_DELTAS, ROW_ROUNDS, ROW_OTHERS, ROWS };
static const char *const row_names[ROWS] = {"beats", "deltas", "rounds", "others"};

static enum row row_of(size_t kind) {
    switch (kind) {
    case CM_BEAT: return ROW_BEATS;
    case CM_DELTA: return ROW_DELTAS;
    case CM_GROUPS:
    case CM_BUCKETS:
    case CM_HASHES:
    case CM_PAGE: return ROW_ROUNDS;
    default: return ROW_OTHERS;
    }
}

struct figures {
    double bytes_s[ROWS], real_bytes_s[ROWS], messages_s[ROWS], core[ROWS];
    double rss_node;
};

static struct figures figures_of(const struct options *o, const struct scale_result *r) {
    struct figures f = {0};
    for (size_t k = 0; k < CM_KINDS; k++) {
        enum row row = row_of(k);
        f.bytes_s[row] += r->steady.bytes_s[k];
        f.real_bytes_s[row] += real_bytes_s(o, &r->steady, k);
        f.messages_s[row] += r->steady.messages_s[k];
        f.core[row] += r->steady.core[k];
    }
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    f.rss_node = (double)usage.ru_maxrss * 1024 / r->nodes;
    return f;
}

static void print_lag(const char *what, const struct scale_lag *l) {
    printf("  %s: p50 %" PRIu64 " ms, p99 %" PRIu64 " ms, p99.9 %" PRIu64 " ms, max %" PRIu64
           " ms (%" PRIu64 ")\n",
           what, l->p50_ms, l->p99_ms, l->p999_ms, l->max_ms, l->count);
}

static void print_heal(const char *what, const struct scale_heal *h) {
    printf("  %s: %s %.1f s, %.1f MB into each of its nodes\n", what,
           h->agreed ? "all digests are equal after" : "digests still DIFFER after",
           (double)h->ms / 1e3, h->bytes / 1e6);
}

static void print_text(const struct options *o, const struct scale_result *r) {
    const struct scale_config *c = &o->config;
    struct figures f = figures_of(o, r);
    printf("%u nodes in %u regions, %u rooms on each (one stands for %.0f of %" PRIu64
           "), %u writes a second, %u of a million messages lost:\n",
           r->nodes, c->regions, c->rooms, (double)o->real_rooms / c->rooms, o->real_rooms,
           c->writes_s, c->loss_ppm);
    printf("  all hear all after %.1f s\n", (double)r->meet_ms / 1e3);
    for (size_t i = 0; i < ROWS; i++) {
        printf("  into a node, %s: %.0f KB/s (%.0f with all rooms), %.0f messages/s, %.2f%% of a "
               "core\n",
               row_names[i], f.bytes_s[i] / 1e3, f.real_bytes_s[i] / 1e3, f.messages_s[i],
               f.core[i] * 100);
    }
    printf("  ticks of a node: %.2f%% of a core\n", r->steady.core_ticks * 100);
    printf("  a write, with all that it costs: %.0f bytes at each node\n",
           f.bytes_s[ROW_DELTAS] / c->writes_s);
    print_lag("a create, until another node has it", &r->one);
    print_lag("a create, until all have it", &r->all);
    printf("  that some node never had: %" PRIu64 "\n", r->missing);
    printf("  memory of a node: %.1f MB counted, %.1f MB of the process; %" PRIu64
           " rooms, %" PRIu64 " tombstones\n",
           (double)r->node_bytes / 1e6, f.rss_node / 1e6, r->rooms_end, r->tombstones_end);
    printf("  a region is cut off for %u s, %" PRIu64 " writes:\n", c->cut_s, r->cut_writes);
    print_heal("it returns", &r->back);
    print_heal("it returns with nothing", &r->anew);
    printf("  nodes that were told to forget first: %" PRIu64 "\n", r->resync_asked);
}

static void print_json(const struct options *o, const struct scale_result *r) {
    const struct scale_config *c = &o->config;
    struct figures f = figures_of(o, r);
    printf("{\"nodes\":%u,\"regions\":%u,\"rooms\":%u,\"stands_for\":%.0f,\"writes_s\":%u,"
           "\"loss_ppm\":%u,\"meet_ms\":%" PRIu64,
           r->nodes, c->regions, c->rooms, (double)o->real_rooms / c->rooms, c->writes_s,
           c->loss_ppm, r->meet_ms);
    for (size_t i = 0; i < ROWS; i++) {
        printf(",\"%s_bytes_s\":%.0f,\"%s_real_bytes_s\":%.0f,\"%s_messages_s\":%.1f,"
               "\"%s_core\":%.5f",
               row_names[i], f.bytes_s[i], row_names[i], f.real_bytes_s[i], row_names[i],
               f.messages_s[i], row_names[i], f.core[i]);
    }
    const struct scale_lag *lags[] = {&r->one, &r->all};
    const char *const names[] = {"lag_one", "lag_all"};
    for (size_t i = 0; i < ARRAY_LEN(lags); i++) {
        printf(",\"%s_p50_ms\":%" PRIu64 ",\"%s_p99_ms\":%" PRIu64 ",\"%s_p999_ms\":%" PRIu64
               ",\"%s_max_ms\":%" PRIu64,
               names[i], lags[i]->p50_ms, names[i], lags[i]->p99_ms, names[i], lags[i]->p999_ms,
               names[i], lags[i]->max_ms);
    }
    printf(",\"missing\":%" PRIu64 ",\"write_bytes\":%.0f,\"node_bytes\":%" PRIu64
           ",\"node_rss_bytes\":%.0f,\"rooms_end\":%" PRIu64 ",\"tombstones_end\":%" PRIu64
           ",\"cut_writes\":%" PRIu64 ",\"back_agreed\":%s,\"back_ms\":%" PRIu64
           ",\"back_bytes\":%.0f,\"anew_agreed\":%s,\"anew_ms\":%" PRIu64 ",\"anew_bytes\":%.0f}\n",
           r->missing, f.bytes_s[ROW_DELTAS] / c->writes_s, r->node_bytes, f.rss_node, r->rooms_end,
           r->tombstones_end, r->cut_writes, r->back.agreed ? "true" : "false", r->back.ms,
           r->back.bytes, r->anew.agreed ? "true" : "false", r->anew.ms, r->anew.bytes);
}

int main(int argc, char **argv) {
    struct options o = {
        .config = {.regions = 50,
                   .nodes_each = 10,
                   .rooms = 2000,
                   .writes_s = 350,
                   .loss_ppm = 100,
                   .steady_s = 15,
                   .cut_s = 60,
                   .seed = 1},
        .real_rooms = 10000000,
    };
    if (!read_options(argc, argv, &o)) {
        return usage();
    }
    if (o.costs > 0) {
        scale_costs(o.costs);
        return 0;
    }
    o.config.say = say;
    /* Most of the acknowledgements, 8 GB of 500 nodes, are never written: so that calloc need not
     * clear them, each comes fresh from the system. */
    (void)mallopt(M_TOP_PAD, 0);
    struct scale_result r;
    if (!scale_run(&o.config, &r)) {
        fputs("stoa-scale: no memory, or the nodes never met\n", stderr);
        return 1;
    }
    (o.json ? print_json : print_text)(&o, &r);
    return r.back.agreed && r.anew.agreed && r.missing == 0 ? 0 : 1;
}
