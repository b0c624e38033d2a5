#include "cursor.h"
#include "dir.h"
#include "world.h"

/* A journal as the shell writes it: what the kernel has outlives the process, what was not synced
 * dies with the power. Batches stand one behind the other, and a snapshot takes the place of all.
 */

enum { LOG_BYTES_MAX = 256 << 10, BATCH_BYTES = 1 << 20 };

/* Returns the sequence up to which the node's posts are on it. */
static uint64_t append(struct world *w, struct sim_disk *d, struct node *n, struct slice batch) {
    uint64_t sequence = 0;
    size_t start = d->log.len;
    buf_put_be64(&d->log, node_journal_clock_next(n, &sequence));
    buf_put_be32(&d->log, (uint32_t)batch.len);
    buf_put(&d->log, batch);
    assert(!d->log.failed);
    if (d->marks_count == SIM_DISK_MARKS) {
        d->marks_count = 0; /* all of them are old: many a second are not written here */
    }
    d->marks[d->marks_count].start = start;
    d->marks[d->marks_count].ms = world_ms(w);
    d->marks_count++;
    return sequence;
}

static void snapshot(struct world *w, struct machine *m) {
    uint32_t cursor = 0;
    bool more = true;
    buf_clear(&m->disk.log);
    m->disk.marks_count = 0;
    while (more) {
        buf_clear(&w->bytes);
        more = node_journal_page(m->node, &cursor, BATCH_BYTES, &w->bytes);
        (void)append(w, &m->disk, m->node, buf_slice(&w->bytes));
    }
    m->disk.marks_count = 0; /* a snapshot counts once it is synced */
    m->disk.gaps = node_journal(m->node).gaps;
}

static void tell_well(struct world *w, size_t node) {
    struct machine *m = &w->machines[node];
    bool well = !m->disk.full && m->disk.slow_ms < 20;
    if (well != m->told_well) {
        m->told_well = well;
        struct node_event ev = {.kind = EV_JOURNAL_STATE, .journal = {.well = well}};
        machine_step(w, node, &ev);
    }
}

void disk_take(struct world *w, size_t node) {
    struct machine *m = &w->machines[node];
    if (w->config.no_journal || m->disk.full || node_journal(m->node).owed == 0) {
        if (!w->config.no_journal && m->told_well == m->disk.full) {
            tell_well(w, node);
        }
        return;
    }
    buf_clear(&w->bytes);
    uint64_t sequence = 0;
    if (node_journal_next(m->node, BATCH_BYTES, &w->bytes, &sequence) == 0) {
        return;
    }
    sequence = append(w, &m->disk, m->node, buf_slice(&w->bytes));
    struct sim_event *e =
        world_event(w, SE_WRITTEN, 200 + (uint64_t)m->disk.slow_ms * 1000, (struct slice){0});
    e->node = node;
    e->incarnation = m->incarnation;
    e->a = sequence;
    if (node_journal(m->node).gaps != m->disk.gaps || m->disk.log.len > LOG_BYTES_MAX) {
        snapshot(w, m);
    }
    tell_well(w, node);
}

void disk_written(struct world *w, size_t node, uint64_t sequence) {
    struct machine *m = &w->machines[node];
    m->written = MAX(m->written, sequence);
    struct node_event ev = {.kind = EV_JOURNAL_WRITTEN, .journal = {.sequence = m->written}};
    machine_step(w, node, &ev);
}

void disk_crash(struct world *w, size_t node, enum sim_crash how) {
    struct sim_disk *d = &w->machines[node].disk;
    if (how == CRASH_POWER_LOSS) {
        size_t keep = d->log.len;
        for (size_t i = d->marks_count; i-- > 0 && d->marks[i].ms + SIM_SYNC_MS > world_ms(w);) {
            keep = d->marks[i].start;
        }
        d->log.len = keep;
    } else if (how == CRASH_DISK_LOSS) {
        buf_clear(&d->log);
    }
    d->marks_count = 0;
}

/* Each batch of it; false at the end. */
static bool next_batch(struct cursor *c, uint64_t *ret_clock, struct slice *ret_batch) {
    *ret_clock = cursor_be64(c);
    *ret_batch = cursor_take(c, cursor_be32(c));
    return !c->failed;
}

void disk_load(struct world *w, size_t node) {
    struct machine *m = &w->machines[node];
    struct cursor c = cursor_over(buf_slice(&m->disk.log));
    uint64_t clock;
    struct slice batch, record;
    bool bad = false;
    while (cursor_left(&c) > 0 && next_batch(&c, &clock, &batch)) {
        while (dir_batch_next(&batch, &record, &bad)) {
            enum status s = node_journal_load(m->node, machine_time(w, m), record);
            if (s != STATUS_OK) {
                world_object(w, "n%zu does not take its own journal: %s", node, status_name(s));
            }
        }
        node_journal_clock(m->node, clock);
    }
}

bool disk_record(struct world *w, size_t node, size_t room, struct model_record *ret_record) {
    struct cursor c = cursor_over(buf_slice(&w->machines[node].disk.log));
    char name[16];
    struct slice key = slice_from_cstr(world_room_name(room, name)), batch, record, found = {0};
    uint64_t clock;
    bool bad = false;
    while (cursor_left(&c) > 0 && next_batch(&c, &clock, &batch)) {
        while (dir_batch_next(&batch, &record, &bad)) {
            struct slice its;
            if (dir_encoded_name(record, &its) == STATUS_OK && slice_eq(its, key)) {
                found = record;
            }
        }
    }
    return found.len > 0 && model_read(found, ret_record);
}
