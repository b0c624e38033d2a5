/* stoa-sim: runs worlds. See ./dev sim. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static void print_line(void *arg, const char *line) {
    fprintf(arg, "%s\n", line);
}

struct options {
    uint64_t first, seeds;
    bool trace, go_on;
    uint32_t nodes, minutes;
};

static int usage(void) {
    fputs("stoa-sim [--seeds N] [--first SEED] [--nodes N] [--minutes N] [--trace] [--go-on]\n"
          "  Runs N worlds from SEED on. 0: all is well. 1: a checker objected; its seed is "
          "printed.\n"
          "  --trace: tells what happens. --go-on: does not stop at the first objection.\n",
          stderr);
    return 2;
}

static bool read_number(const char *text, uint64_t *ret_value) {
    return text && slice_to_u64(slice_from_cstr(text), ret_value);
}

static bool read_options(int argc, char **argv, struct options *o) {
    for (int i = 1; i < argc; i++) {
        uint64_t value = 0;
        if (!strcmp(argv[i], "--trace")) {
            o->trace = true;
        } else if (!strcmp(argv[i], "--go-on")) {
            o->go_on = true;
        } else if (i + 1 < argc && read_number(argv[i + 1], &value)) {
            if (!strcmp(argv[i], "--seeds")) {
                o->seeds = value;
            } else if (!strcmp(argv[i], "--first")) {
                o->first = value;
            } else if (!strcmp(argv[i], "--nodes")) {
                o->nodes = (uint32_t)value;
            } else if (!strcmp(argv[i], "--minutes")) {
                o->minutes = (uint32_t)value;
            } else {
                return false;
            }
            i++;
        } else {
            return false;
        }
    }
    return o->nodes <= SIM_NODES_MAX && o->nodes != 1;
}

static void add(struct sim_counts *sum, const struct sim_counts *c) {
    for (size_t i = 0; i < SIM_FAULT_KINDS; i++) {
        sum->faults[i] += c->faults[i];
    }
    sum->steps += c->steps;
    sum->messages += c->messages;
    sum->bytes += c->bytes;
    sum->calls += c->calls;
    sum->joins += c->joins;
    sum->ends += c->ends;
    sum->deletes += c->deletes;
    sum->early += c->early;
    sum->island_ends += c->island_ends;
    sum->unheard_ends += c->unheard_ends;
    sum->simulated_ms += c->simulated_ms;
}

static void print_counts(const struct sim_counts *c, uint64_t worlds, uint64_t objections) {
    printf("%" PRIu64 " worlds, %" PRIu64 " objections; %" PRIu64 " hours simulated, %" PRIu64
           " steps, %" PRIu64 " messages (%" PRIu64 " MB)\n",
           worlds, objections, c->simulated_ms / 3600000, c->steps, c->messages, c->bytes >> 20);
    printf("people: %" PRIu64 " calls, %" PRIu64 " deletes, %" PRIu64 " joins, %" PRIu64
           " rooms ended, %" PRIu64 " of them while a join was on its way, %" PRIu64
           " by their home on an island, %" PRIu64
           " with somebody in at a node that could not be heard\n",
           c->calls, c->deletes, c->joins, c->ends, c->early, c->island_ends, c->unheard_ends);
    printf("faults:");
    for (size_t i = 0; i < SIM_FAULT_KINDS; i++) {
        printf("%s %s %" PRIu64, i ? "," : "", sim_fault_names[i], c->faults[i]);
    }
    printf("\n");
}

int main(int argc, char **argv) {
    struct options o = {.first = 1, .seeds = 100};
    if (!read_options(argc, argv, &o)) {
        return usage();
    }
    struct sim_counts sum = {0};
    uint64_t objections = 0, worlds = 0;
    for (uint64_t seed = o.first; seed < o.first + o.seeds; seed++) {
        struct sim_config config = {.seed = seed,
                                    .story = true,
                                    .nodes = o.nodes,
                                    .minutes = o.minutes,
                                    .trace = o.trace ? print_line : NULL,
                                    .trace_arg = stdout};
        struct world *w = world_create(&config);
        if (!w) {
            fputs("out of memory\n", stderr);
            return 2;
        }
        bool good = world_run(w);
        add(&sum, world_counts(w));
        worlds++;
        if (!good) {
            printf("seed %" PRIu64 ": %s\n", seed, world_objection(w));
            objections++;
        } else if (o.trace) {
            printf("seed %" PRIu64 ": hash %016" PRIx64 "\n", seed, world_hash(w));
        }
        world_destroy(w);
        if (!good && !o.go_on) {
            break;
        }
        if (worlds % 1000 == 0) {
            fprintf(stderr, "%" PRIu64 " worlds, %" PRIu64 " objections\n", worlds, objections);
        }
    }
    print_counts(&sum, worlds, objections);
    return objections ? 1 : 0;
}
