/* kit.h: a folder with a journal, and an owner of a few numbers who writes them to it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "journal_priv.h"

enum {
    KIT_KEYS = 16,
    KIT_WAIT_MS = 20000, /* for what must come; far above what it takes */
    KIT_RECORD_BYTES_MAX = 8 + 60,
};

/* The owner's state is a number for each key. Post n sets key n % KIT_KEYS to n, so that what must
 * be there after a crash follows from the sequence that was acknowledged. */
struct kit {
    char folder[64];
    struct journal_config config;
    struct journal *j;
    struct journal_report report;
    uint64_t state[KIT_KEYS]; /* posted */
    uint64_t seen[KIT_KEYS];  /* read back */
    uint64_t records, others; /* read back: numbers, and records of another type */
    uint64_t last;            /* the last number read */
    uint64_t sequence;        /* posted */
    uint64_t written, synced; /* told */
    unsigned wanted, done;    /* told */
    bool by_hand;             /* no thread: kit_turn is */
};

void kit_init(struct kit *k); /* a fresh folder, segments of 1 GB, nothing compacted */
void kit_deinit(struct kit *k);
/* Forgets what was read; the state becomes what the journal says. */
enum status kit_open(struct kit *k);
void kit_close(struct kit *k); /* with grace */
void kit_crash(struct kit *k); /* by hand: nothing more is written */

struct slice kit_record(uint64_t n, uint8_t out[KIT_RECORD_BYTES_MAX]);
bool kit_post(struct kit *k); /* one number */
void kit_post_many(struct kit *k, uint64_t count);
void kit_listen(struct kit *k); /* takes events that are there */
void kit_turn(struct kit *k);   /* by hand: one pass, and listens; else waits a moment */
bool kit_wait_written(struct kit *k);
bool kit_wait_synced(struct kit *k);
bool kit_snapshot(struct kit *k); /* begin, pages, end; false: no room */
/* By hand: turns until nothing is left to do. */
void kit_settle(struct kit *k);

struct journal_health kit_health(struct kit *k); /* now */
uint64_t kit_counter(const struct kit *k, size_t offset);
#define KIT_COUNTER(k, field) kit_counter((k), offsetof(struct metrics, field))

/* All numbers up to `acknowledged` are there, and none that was not posted. */
bool kit_is_whole(const struct kit *k, uint64_t acknowledged);
/* Reads the folder as the next start would, without touching it. */
enum status kit_read(struct kit *k);

void kit_path(const struct kit *k, uint64_t segment, char out[JOURNAL_PATH_BYTES]);
struct bytes kit_file(const char *path); /* its content */
void kit_put_file(const char *path, struct slice content);
size_t kit_segments(const struct kit *k);
void kit_clear(const struct kit *k); /* deletes all files */
