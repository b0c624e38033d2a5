/* The journal on this disk: records a second and time from post to answer, by records a post, with
 * and without waiting for the sync; the same written by hand, as the limit; and what a start takes
 * to read a million small records back. Then through a real server: CreateRoom at a steady rate
 * with and without the journal, side by side, and a start with many rooms.
 * Usage: bench_journal [--seconds N] [--records N] [--rate N] [--rooms N] [--server] [--json]
 * --server: only through a server.
 * The files go to a new folder in the working directory, and are deleted. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench_journal_server.h"
#include "clock.h"
#include "fd.h"
#include "file.h"
#include "journal.h"
#include "mem.h"

enum { RECORD_BYTES = 300, SMALL_BYTES = 160, SAMPLES_MAX = 1 << 20, GROUP_MAX = 1024 };

static const uint32_t group_sizes[] = {1, 64, 1024};

struct figures {
    double records_per_s;
    uint32_t p50_us, p99_us;
};

static char folder[] = "bench_journal_XXXXXX";
static uint32_t *samples;
static uint8_t batch[GROUP_MAX * (4 + RECORD_BYTES)];

static void fail(const char *what) {
    fprintf(stderr, "bench_journal: %s\n", what);
    exit(1);
}

static bool remove_one(void *arg, const char *name) {
    char path[512];
    (void)arg;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return unlink(path) == 0;
}

static void clear(void) {
    if (file_each(folder, remove_one, NULL) != STATUS_OK) {
        fail("cannot delete what was there");
    }
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static struct figures figures_of(size_t count, uint32_t group, uint64_t elapsed_us) {
    size_t kept = MIN(count, (size_t)SAMPLES_MAX);
    qsort(samples, kept, sizeof samples[0], compare);
    return (struct figures){
        .records_per_s = (double)count * group * 1e6 / (double)elapsed_us,
        .p50_us = samples[kept / 2],
        .p99_us = samples[kept - 1 - kept / 100],
    };
}

static struct slice make_batch(uint32_t group, size_t bytes) {
    uint8_t *at = batch;
    for (uint32_t i = 0; i < group; i++, at += 4 + bytes) {
        memset(at, (int)(i & 0xff), 4 + bytes);
        at[0] = at[1] = 0;
        at[2] = (uint8_t)(bytes >> 8);
        at[3] = (uint8_t)bytes;
    }
    return slice_of(batch, (size_t)(at - batch));
}

static struct journal *open_journal(bool always, journal_visit_fn visit, void *arg,
                                    struct journal_report *ret_report) {
    struct journal *j;
    const struct journal_config config = {.path = folder, .sync_always = always};
    if (journal_open(&config, visit, arg, ret_report, &j) != STATUS_OK) {
        fail("cannot open");
    }
    return j;
}

/* Waits until `sequence` is told; false for other news. */
static void wait_written(struct journal *j, uint64_t sequence) {
    for (;;) {
        struct journal_event events[16];
        struct pollfd p = {.fd = journal_fd(j), .events = POLLIN};
        if (poll(&p, 1, 10 * 1000) <= 0) {
            fail("no answer in 10 s");
        }
        size_t count = journal_events(j, events, ARRAY_LEN(events));
        for (size_t i = 0; i < count; i++) {
            if (events[i].kind == JOURNAL_WRITTEN && events[i].sequence >= sequence) {
                return;
            }
        }
    }
}

/* One post at a time, as a single caller sees it. */
static struct figures one_at_a_time(uint32_t group, bool always, uint64_t for_us) {
    struct journal_report report;
    struct journal *j = open_journal(always, NULL, NULL, &report);
    struct slice posted = make_batch(group, RECORD_BYTES);
    uint64_t sequence = 0, began_us = clock_mono_us(), now_us = began_us;
    while (now_us - began_us < for_us) {
        uint64_t from_us = now_us;
        if (!journal_post(j, JOURNAL_ROOM, posted, sequence + 1)) {
            fail("a post was refused");
        }
        wait_written(j, sequence + 1);
        now_us = clock_mono_us();
        samples[sequence++ % SAMPLES_MAX] = (uint32_t)(now_us - from_us);
    }
    j = journal_close(j, 10 * 1000);
    clear();
    return figures_of((size_t)sequence, group, now_us - began_us);
}

/* As many as it takes. */
static double all_at_once(uint32_t group, bool always, uint64_t for_us) {
    struct journal_report report;
    struct journal *j = open_journal(always, NULL, NULL, &report);
    struct slice posted = make_batch(group, RECORD_BYTES);
    uint64_t sequence = 0, began_us = clock_mono_us();
    while (clock_mono_us() - began_us < for_us) {
        if (journal_room(j) < posted.len) {
            wait_written(j, sequence / 2); /* of what is posted: the rest keeps it busy */
            while (journal_room(j) < posted.len) {
                usleep(50);
            }
        }
        if (journal_post(j, JOURNAL_ROOM, posted, sequence + 1)) {
            sequence++;
        }
    }
    wait_written(j, sequence);
    uint64_t elapsed_us = clock_mono_us() - began_us;
    j = journal_close(j, 10 * 1000);
    clear();
    return (double)sequence * group * 1e6 / (double)elapsed_us;
}

/* The limit: the same bytes, by the caller's own hand. */
static struct figures by_hand(uint32_t group, bool always, uint64_t for_us) {
    char path[512];
    snprintf(path, sizeof path, "%s/by_hand", folder);
    _cleanup_(fd_close) int fd = -1;
    if (file_open_append(path, 0600, &fd) != STATUS_OK) {
        fail("cannot open");
    }
    struct slice data = make_batch(group, RECORD_BYTES);
    uint64_t count = 0, began_us = clock_mono_us(), now_us = began_us;
    while (now_us - began_us < for_us) {
        uint64_t from_us = now_us;
        if (file_append(fd, data) != STATUS_OK || (always && file_sync(fd) != STATUS_OK)) {
            fail("cannot write");
        }
        now_us = clock_mono_us();
        samples[count++ % SAMPLES_MAX] = (uint32_t)(now_us - from_us);
    }
    (void)(file_sync(fd) == STATUS_OK); /* so that the next one does not pay for it */
    clear();
    return figures_of((size_t)count, group, now_us - began_us);
}

static enum status count_one(void *arg, enum journal_type type, struct slice payload) {
    (void)type;
    *(uint64_t *)arg += payload.len > 0;
    return STATUS_OK;
}

/* Returns milliseconds. */
static double reload(uint64_t records, double *ret_bytes) {
    struct journal_report report;
    struct journal *j = open_journal(false, NULL, NULL, &report);
    uint64_t sequence = 0;
    for (uint64_t left = records; left > 0;) {
        uint32_t group = (uint32_t)MIN(left, (uint64_t)GROUP_MAX);
        struct slice posted = make_batch(group, SMALL_BYTES);
        if (journal_room(j) < posted.len || !journal_post(j, JOURNAL_ROOM, posted, sequence + 1)) {
            usleep(100);
            continue;
        }
        sequence++;
        left -= group;
    }
    wait_written(j, sequence);
    j = journal_close(j, 60 * 1000);
    uint64_t count = 0;
    j = open_journal(false, count_one, &count, &report);
    j = journal_close(j, 10 * 1000);
    clear();
    if (count != records) {
        fail("not all came back");
    }
    *ret_bytes = (double)report.bytes;
    return (double)report.elapsed_us / 1000;
}

struct options {
    uint64_t us, records, rate, rooms;
    bool json, server_alone;
};

static struct options options_of(int argc, char **argv) {
    uint64_t seconds = 1;
    struct options o = {.records = 1000 * 1000, .rate = 1000, .rooms = 100000};
    const struct {
        const char *name;
        uint64_t *value;
    } numbers[] = {{"--seconds", &seconds},
                   {"--records", &o.records},
                   {"--rate", &o.rate},
                   {"--rooms", &o.rooms}};
    for (int i = 1; i < argc; i++) {
        uint64_t value = 0;
        bool number = i + 1 < argc && slice_to_u64(slice_from_cstr(argv[i + 1]), &value);
        size_t k = 0;
        while (k < ARRAY_LEN(numbers) && strcmp(argv[i], numbers[k].name) != 0) {
            k++;
        }
        if (strcmp(argv[i], "--json") == 0) {
            o.json = true;
        } else if (strcmp(argv[i], "--server") == 0) {
            o.server_alone = true;
        } else if (k < ARRAY_LEN(numbers) && number && value > 0) {
            *numbers[k].value = value;
            i++;
        } else {
            fail("usage: bench_journal [--seconds N] [--records N] [--rate N] [--rooms N] "
                 "[--server] [--json]");
        }
    }
    o.us = seconds * 1000 * 1000;
    return o;
}

/* ---- through a server ---- */

static struct server_figures calls(const struct options *o, const char *dir, const char *sync) {
    size_t count = (size_t)(o->rate * 10 * (o->us / 1000) / 1000);
    struct server_figures f = bench_server_calls(dir, sync, count, (double)o->rate);
    if (dir) {
        clear();
    }
    return f;
}

/* Two servers at the same time: what else the machine does happens to both. One after the other,
 * the difference was mostly that. */
static void calls_side_by_side(const struct options *o, struct server_figures *ret_without,
                               struct server_figures *ret_with) {
    int way[2];
    if (pipe(way) != 0) {
        fail("cannot make a pipe");
    }
    pid_t child = fork();
    if (child == 0) {
        struct server_figures f = calls(o, NULL, NULL);
        _exit(write(way[1], &f, sizeof f) == (ssize_t)sizeof f ? 0 : 1);
    }
    *ret_with = calls(o, folder, NULL);
    close(way[1]);
    bool told =
        child > 0 && read(way[0], ret_without, sizeof *ret_without) == (ssize_t)sizeof *ret_without;
    close(way[0]);
    if (!told || waitpid(child, NULL, 0) != child) {
        fail("the other half of the measurement is gone");
    }
}

static void print_calls(const char *name, const struct server_figures *f) {
    printf("%-28s p50 %6.2f ms, p99 %6.2f ms, p99.9 %6.2f ms\n", name, f->p50_ms, f->p99_ms,
           f->p999_ms);
    fflush(stdout);
}

static void through_a_server(const struct options *o, struct buf *json) {
    printf("CreateRoom, %lu a second for %lu s, through a server:\n", (unsigned long)o->rate,
           (unsigned long)(10 * (o->us / 1000000)));
    struct server_figures without, with;
    calls_side_by_side(o, &without, &with);
    print_calls("without the journal", &without);
    print_calls("with it, at the same time", &with);
    struct server_figures always = calls(o, folder, "always");
    print_calls("with it, sync always", &always);
    struct start_figures start = bench_server_start(folder, o->rooms);
    clear();
    printf(
        "%lu rooms made at %.0f a second, %.0f MB; ready %.0f ms after the start behind SIGKILL\n",
        (unsigned long)o->rooms, start.fill_per_s, start.bytes / 1e6, start.ready_ms);
    buf_printf(json,
               ",\"p50_ms_without\":%.3f,\"p99_ms_without\":%.3f,\"p50_ms_with\":%.3f,"
               "\"p99_ms_with\":%.3f,\"p50_ms_always\":%.3f,\"p99_ms_always\":%.3f,"
               "\"start_rooms\":%lu,\"start_ms\":%.0f,\"fill_per_s\":%.0f",
               without.p50_ms, without.p99_ms, with.p50_ms, with.p99_ms, always.p50_ms,
               always.p99_ms, (unsigned long)o->rooms, start.ready_ms, start.fill_per_s);
}

static void put_cell(struct buf *json, bool sync, uint32_t group, const struct figures *f,
                     double most, const struct figures *limit) {
    printf("%-8s %5u   %10.0f %7u %7u   %10.0f   %10.0f %7u %7u\n", sync ? "sync" : "no sync",
           group, f->records_per_s, f->p50_us, f->p99_us, most, limit->records_per_s, limit->p50_us,
           limit->p99_us);
    fflush(stdout);
    buf_printf(json,
               "%s{\"sync\":%s,\"group\":%u,\"records_per_s\":%.0f,\"p50_us\":%u,\"p99_us\":%u,"
               "\"records_per_s_most\":%.0f,\"limit_records_per_s\":%.0f,\"limit_p50_us\":%u,"
               "\"limit_p99_us\":%u}",
               json->len > 0 ? "," : "", sync ? "true" : "false", group, f->records_per_s,
               f->p50_us, f->p99_us, most, limit->records_per_s, limit->p50_us, limit->p99_us);
}

static void by_itself(const struct options *o, struct buf *cells, struct buf *json) {
    printf("%d-byte records; one post at a time; most: as many posts as it takes; by hand: write"
           " and fdatasync alone\n",
           RECORD_BYTES);
    printf(
        "         group    records/s  p50 us  p99 us       most/s    by hand/s  p50 us  p99 us\n");
    double headline = 0;
    for (int sync = 0; sync < 2; sync++) {
        for (size_t i = 0; i < ARRAY_LEN(group_sizes); i++) {
            uint32_t group = group_sizes[i];
            struct figures f = one_at_a_time(group, sync != 0, o->us);
            double most = all_at_once(group, sync != 0, o->us);
            struct figures limit = by_hand(group, sync != 0, o->us);
            put_cell(cells, sync != 0, group, &f, most, &limit);
            headline = sync == 0 && group == 64 ? f.records_per_s : headline;
        }
    }
    double bytes, ms = reload(o->records, &bytes);
    printf("reload: %lu records of %d bytes, %.0f MB, in %.0f ms\n", (unsigned long)o->records,
           SMALL_BYTES, bytes / 1e6, ms);
    buf_printf(json,
               ",\"records_per_s\":%.0f,\"reload_records\":%lu,\"reload_ms\":%.0f,"
               "\"reload_bytes\":%.0f",
               headline, (unsigned long)o->records, ms, bytes);
}

int main(int argc, char **argv) {
    struct options o = options_of(argc, argv);
    struct buf cells, json;
    buf_init(&cells, 1 << 16);
    buf_init(&json, 1 << 16);
    samples = mem_calloc(SAMPLES_MAX, sizeof *samples);
    if (!samples || !mkdtemp(folder)) {
        fail("no memory or no folder");
    }
    if (!o.server_alone) {
        by_itself(&o, &cells, &json);
    }
    through_a_server(&o, &json);
    if (o.json) {
        printf("{\"bench\":\"journal\"%.*s,\"cells\":[%.*s]}\n", SLICE_ARG(buf_slice(&json)),
               SLICE_ARG(buf_slice(&cells)));
    }
    buf_deinit(&cells);
    buf_deinit(&json);
    mem_free(samples);
    return rmdir(folder) == 0 ? 0 : 1;
}
