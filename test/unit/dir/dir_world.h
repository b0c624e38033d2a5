/* dir_world.h: a few directories, their clocks and the wires between them, for tests of dir.
 * Owns: the directories.
 * Never: sleeps or reads a clock; a test moves the time.
 * Invariant: nothing travels but what a test sends.
 * Callers: the tests in this folder. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dir.h"

enum { WORLD_NODES_MAX = 4, WORLD_BYTES_MAX = 8 << 20 };
enum { A = 0, B = 1, C = 2, D = 3 };
#define WORLD_START_MS UINT64_C(1700000000000)

struct world {
    struct dir *nodes[WORLD_NODES_MAX];
    struct dir_config cfg[WORLD_NODES_MAX];
    int64_t skew_ms[WORLD_NODES_MAX]; /* of the wall */
    uint64_t now_ms;                  /* since the start */
    size_t count;
};

/* `count` nodes that know each other as members. cfg NULL: the defaults. */
void world_init(struct world *w, size_t count, const struct dir_config *cfg);
void world_deinit(struct world *w); /* checks all directories first */
/* The node's process starts again with an empty directory and a new boot id. */
void world_restart(struct world *w, size_t node);
struct dir_time world_time(const struct world *w, size_t node);
uint64_t world_boot(const struct world *w, size_t node);

/* from's record of the name goes to `to`. */
struct dir_merged world_send(struct world *w, size_t from, size_t to, const char *name);
/* Everybody tells everybody until nothing is new. */
void world_heal(struct world *w, const char *name);
/* All pairs: digests of all buckets match, and each acknowledges it to the other. */
void world_ack(struct world *w);
/* The record as bytes; out is cleared. */
void world_encode(const struct world *w, size_t node, const char *name, struct buf *out);
bool world_equal(const struct world *w, size_t a, size_t b, const char *name);

/* Calls that must succeed. create: true when it made a new life. */
bool world_create(struct world *w, size_t node, const char *name);
bool world_create_with(struct world *w, size_t node, const char *name, const char *metadata);
void world_use(struct world *w, size_t node, const char *name);
void world_join(struct world *w, size_t node, const char *name); /* create, home, presence 1 */
void world_leave(struct world *w, size_t node, const char *name);
void world_end(struct world *w, size_t node, const char *name);
void world_delete(struct world *w, size_t node, const char *name);
void world_metadata(struct world *w, size_t node, const char *name, const char *metadata);
bool world_alive(const struct world *w, size_t node, const char *name);
struct dir_room world_find(const struct world *w, size_t node, const char *name);
/* Takes all deltas and sends them nowhere: tests send by world_send. */
void world_lose_deltas(struct world *w, size_t node);
/* Loses deltas, then sweeps until nothing is due; returns how many rooms ended, the last reason in
 * *ret_reason. */
size_t world_sweep(struct world *w, size_t node, enum dir_end_reason *ret_reason);

#define assert_ok(expr) assert_int_equal((expr), STATUS_OK)
#define assert_text(slice, text) assert_true(slice_eq_cstr((slice), (text)))
#define test(f) cmocka_unit_test(f)
