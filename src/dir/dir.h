/* dir.h: the replicated room directory: one name is one room in every region.
 * Owns: a record for each room name, its deadlines, digests and sets of owed work.
 * Never: waits, reads a clock or entropy, scans on a path of a call. Create, find, update and
 *   delete are O(1), a deadline is O(log n); background work takes a budget.
 * Invariant: a call that does not return STATUS_OK has changed nothing.
 * Source: docs/DIRECTORY.md. Views (struct dir_room) hold until the next call that changes the
 *   directory; who keeps a byte copies it.
 * Callers: node, on the control thread; the simulator. */
#pragma once

#include "buf.h"
#include "dir_stamp.h"
#include "hash.h"
#include "ident.h"

enum {
    DIR_BUCKETS = 4096,          /* digests; a million rooms are 244 a bucket */
    DIR_SKEW_MAX_MS = 60 * 1000, /* a record stamped further ahead waits for anti-entropy */
    DIR_RANK_DELAY_MS = 15000,   /* the next ender acts so much later than the one before */
    DIR_ENDED_LIVES_MAX = 64,    /* past this the oldest is closed without acknowledgement */
    DIR_LIVES_MAX = 256,         /* of one name: more cannot come from honest nodes */
    DIR_ROWS_MAX = 1024,         /* creators of one name; only one that never rests collects them */
    DIR_MEMBERS_MAX = 1024,      /* nodes of a cluster; 32 KB of acknowledgements each */
    DIR_EXTRA_BYTES_MAX = 32768, /* opaque part of settings: agents, egress, tags */
    DIR_TURN_PASSWORD_LEN = 43,  /* 250 bits and more in base 62 */
};

/* Every changing call gets the time. wall_ms: corrected wall clock (see dir_wall_correction);
 * mono_ms: the monotonic clock of this process, never going back, on which all deadlines run. */
struct dir_time {
    uint64_t wall_ms, mono_ms;
};

/* Settings of one room, resolved: 0 is a value here, not "the default". */
struct dir_settings {
    uint32_t empty_timeout_s;     /* UINT32_MAX: never */
    uint32_t departure_timeout_s; /* UINT32_MAX: never */
    uint32_t max_participants;    /* 0: no limit; carried, not enforced here */
    uint32_t min_playout_delay_ms, max_playout_delay_ms;
    uint32_t solo_timeout_s; /* 0: none */
    uint32_t max_duration_s; /* 0: none */
    bool sync_streams;
    struct slice extra; /* opaque bytes of node's own, at most DIR_EXTRA_BYTES_MAX */
};

struct dir_config {
    uint64_t boot;                /* fresh for each process start, not 0 */
    struct hash_key map_key;      /* unguessable, of this process */
    uint8_t cluster_key[16];      /* the same on all nodes: sids, digests, turn passwords */
    uint64_t rooms_max;           /* living rooms; creates beyond are EXHAUSTED */
    struct dir_settings defaults; /* shown while no settings were given; extra is not copied */
    uint32_t lost_timeout_s;      /* from presence void, when above the departure timeout */
    uint32_t tombstone_ttl_s;
    uint32_t tombstones_min; /* the bound on dead records is never below this */
    bool journal;            /* dead records stay until dir_journal_next took them */
};
/* The documented defaults: 300 s empty, 20 s departure, 60 s lost, 120 s tombstones. Keys and boot
 * are left zero. */
void dir_config_init(struct dir_config *cfg);

struct dir;
struct dir_record;
/* So many rooms are about to be loaded: what would grow with them is made at once. */
void dir_expect(struct dir *d, uint64_t rooms);
/* NULL without memory. defaults.extra must be empty or outlive the directory. */
struct dir *dir_create(const struct dir_config *cfg, struct dir_time t);
struct dir *dir_destroy(struct dir *d); /* NULL: fine; returns NULL */

/* Counts of sessions in one room on the local node. */
struct dir_presence {
    uint32_t participants; /* not dependent: these keep a room open */
    uint32_t dependents;   /* agents, egress: these do not */
    uint32_t publishers;   /* of both kinds */
    bool recording;
};

/* One living room as a caller sees it; concurrent lives of the name show as one. */
struct dir_room {
    struct slice name;
    struct ident sid;
    uint64_t created_ms;
    struct dir_settings settings;
    struct slice metadata;
    uint64_t home;         /* boot id of the home node, 0: nobody hosted it yet */
    uint32_t lives;        /* current lives: lives - 1 aliases */
    uint32_t participants; /* not dependent, on all nodes as far as known */
    struct dir_presence local;
    struct dir_stamp birth;          /* of the identity: the smallest current birth */
    const struct dir_record *record; /* for the accessors below */
};

/* ---- calls of the API and of hosts ----------------------------------------------------------- */

/* What the request gave; what it did not give is NULL / not set, and no register is written. */
struct dir_create {
    const struct dir_settings *settings; /* NULL: not given */
    bool has_metadata;
    struct slice metadata;
};
/* Alive: used := now on all current lives, the other fields are not applied. Else a new life.
 * INVALID name, TOO_LARGE metadata or extra, EXHAUSTED at rooms_max, NO_MEMORY. */
must_check enum status dir_room_create(struct dir *d, struct dir_time t, struct slice name,
                                       const struct dir_create *given, struct dir_room *ret_room,
                                       bool *ret_created);
/* NOT_FOUND when not alive; so do all below. */
must_check enum status dir_room_find(const struct dir *d, struct slice name,
                                     struct dir_room *ret_room);
/* Final for every birth seen here. NOT_FOUND writes nothing. */
must_check enum status dir_room_delete(struct dir *d, struct dir_time t, struct slice name);
must_check enum status dir_room_set_metadata(struct dir *d, struct dir_time t, struct slice name,
                                             struct slice metadata);
must_check enum status dir_room_set_settings(struct dir *d, struct dir_time t, struct slice name,
                                             const struct dir_settings *settings);
/* A join, a leave or a move: used := now on all current lives. */
must_check enum status dir_room_use(struct dir *d, struct dir_time t, struct slice name);
/* This node becomes the home. Only a host calls it: the first, or when the home's lease ran out. */
must_check enum status dir_room_set_home(struct dir *d, struct dir_time t, struct slice name);
/* An observed end asked for by node (a closed room), as the sweep writes it. */
must_check enum status dir_room_end(struct dir *d, struct dir_time t, struct slice name);

/* Presence of this node. Also for a room that just died and still has sessions here. Drives the
 * deadlines: nobody (not dependent) in starts them, somebody in stops empty and departure. */
must_check enum status dir_presence_set(struct dir *d, struct dir_time t, struct slice name,
                                        const struct dir_presence *presence);
/* Sum of the valid presence of all other nodes. lost: it became 0 because a lease ran out, not
 * because anybody left; the deadline is then lost_timeout. */
must_check enum status dir_presence_set_remote(struct dir *d, struct dir_time t, struct slice name,
                                               uint32_t participants, bool lost);

/* The i-th current life, 0 = identity; i < room->lives. */
struct dir_stamp dir_room_birth(const struct dir_room *room, uint32_t i);
/* Sid of the i-th current life: 0 is room->sid, the others are aliases. */
struct ident dir_room_sid(const struct dir *d, const struct dir_room *room, uint32_t i);
/* On the monotonic clock: since when the room is as it is (a use, a leave, so many in it), and when
 * it ends unless something happens; UINT64_MAX: never. */
struct dir_times {
    uint64_t since_ms, deadline_ms;
};
struct dir_times dir_room_times(const struct dir *d, const struct dir_room *room);
/* Base 62 of 256 keyed-hash bits of the birth, with a NUL; nothing is stored. */
void dir_room_turn_password(const struct dir *d, const struct dir_room *room,
                            char out[DIR_TURN_PASSWORD_LEN + 1]);

/* ---- time ------------------------------------------------------------------------------------ */

enum dir_end_reason {
    DIR_END_EMPTY,        /* nobody came */
    DIR_END_DEPARTED,     /* the last one left */
    DIR_END_LOST,         /* the host of the last one is gone */
    DIR_END_SOLO,         /* one participant, here, alone for too long: node closes its session */
    DIR_END_MAX_DURATION, /* written as a delete: node closes all sessions */
};
/* Sees the room as it was; called just before the end is written. Must not change the directory. */
typedef void (*dir_ended_fn)(void *arg, const struct dir_room *room, enum dir_end_reason reason);
/* Handles what is due, at most `budget` deadlines; returns how many. == budget: ask again. */
size_t dir_sweep(struct dir *d, struct dir_time t, size_t budget, dir_ended_fn ended, void *arg);
/* On the monotonic clock; UINT64_MAX: nothing waits. */
uint64_t dir_next_deadline_ms(const struct dir *d);
/* Second line: looks at `budget` slots for rooms whose deadline the heap should have held. Returns
 * what it found (and repaired): anything but 0 is a bug. */
size_t dir_scan(struct dir *d, struct dir_time t, size_t budget);

/* Nodes heard now, by boot id, without this one (for the order of enders). Copied. */
must_check enum status dir_living_set(struct dir *d, const uint64_t *boots, size_t count);
/* True: this node hears too few; what it does not host stands still until it is told false. */
void dir_island_set(struct dir *d, struct dir_time t, bool island);
/* True: there are nodes whose presence this one does not know just now. Nothing ends here by a
 * deadline of emptiness until it is told false, but for what an island hosts: it may be alone. */
void dir_blind_set(struct dir *d, bool blind);
uint64_t dir_lost_timeout_ms(const struct dir *d);
/* True: a member is silent, or what it acknowledged may not be on its disk. Tombstones wait. */
void dir_doubt_set(struct dir *d, bool doubt);

/* ---- lists and counts ------------------------------------------------------------------------ */

/* Visits living rooms from slot *cursor on (0 to begin), looking at no more than `budget` slots.
 * True: there is more, call again with the same cursor, also after changes in between: rooms that
 * live throughout are visited exactly once. visit returns false to stop early; the room it was
 * shown counts as visited. */
bool dir_iterate(const struct dir *d, uint32_t *cursor, size_t budget,
                 bool (*visit)(void *arg, const struct dir_room *room), void *arg);

struct dir_counts {
    uint64_t rooms;      /* alive */
    uint64_t records;    /* held, dead ones too */
    uint64_t tombstones; /* dead */
    uint64_t overdue_ms; /* age of the oldest deadline that is due and not handled */
    uint64_t swept, ended, deleted, created;
    uint64_t scan_found;         /* must stay 0 */
    uint64_t merged, merge_same; /* records taken from outside; those that said nothing new */
    uint64_t refused_skew;       /* left to anti-entropy */
    uint64_t refused_malformed;  /* bytes that are no record */
    uint64_t refused_full;       /* no slot, no memory, too many lives or rows */
    uint64_t forgotten;          /* tombstones older than what was dropped: not taken again */
    uint64_t collected;          /* tombstones dropped by the rules */
    uint64_t tombstones_forced;  /* dropped at the bound, unacknowledged: alarm */
    uint64_t lives_closed;       /* with acknowledgement */
    uint64_t lives_forced;       /* closed at the bound, unacknowledged: alarm */
    uint64_t delta_dirty, journal_dirty; /* rooms owed */
    uint64_t journal_gaps;               /* changes that dir_journal_next will never tell */
    uint64_t bytes;                      /* estimate of all memory held */
    uint64_t steps; /* records looked at by all calls so far: cost, for tests */
};
void dir_counts_get(const struct dir *d, struct dir_time t, struct dir_counts *ret_counts);
/* Sets the rows METRICS_DIR of the calling thread, but for dir_sweep_done, which its caller adds.
 */
struct metrics;
void dir_metrics_set(const struct dir *d, struct dir_time t, struct metrics *m);

/* ---- replication ----------------------------------------------------------------------------- */

/* A stamp of the directory's clock (beats carry its time). */
struct dir_stamp dir_clock_now(struct dir *d, struct dir_time t);
/* The newest time given or seen: not before any stamp in a record here. */
uint64_t dir_clock_last(const struct dir *d);
/* A clock heard on a beat; false when it is too far ahead, and then not taken. */
bool dir_clock_observe(struct dir *d, struct dir_time t, uint64_t time);
/* A clock from our own journal: taken as it is, or new stamps could be older than the old ones. */
void dir_clock_load(struct dir *d, uint64_t time);

enum dir_merge_result {
    DIR_MERGE_SAME,      /* said nothing new */
    DIR_MERGE_CHANGED,   /* this copy changed */
    DIR_MERGE_SKEWED,    /* stamped too far ahead: counted, anti-entropy brings it again */
    DIR_MERGE_FORGOTTEN, /* a tombstone of a name that was collected here */
};
struct dir_merged {
    enum dir_merge_result result;
    struct slice name; /* points into the bytes given */
    bool was_alive, is_alive;
    bool sid_changed;     /* alive before and after, with another identity */
    bool visible_changed; /* metadata or settings that callers see */
    bool life_ended;      /* a life that was current is not: hosts re-assert */
};
/* Merges one encoded record from a peer. MALFORMED: not a canonical record. EXHAUSTED, NO_MEMORY:
 * not taken. Refusals are STATUS_OK with their result. */
must_check enum status dir_merge(struct dir *d, struct dir_time t, struct slice encoded,
                                 struct dir_merged *ret_merged);
/* The same for a record of our own journal: no skew check, owed to nobody. Whoever was in is gone
 * with the process that wrote it: a room that had a host ends after lost_timeout. */
must_check enum status dir_load(struct dir *d, struct dir_time t, struct slice encoded);
/* A record that will be loaded soon: its places are fetched from memory meanwhile. */
void dir_load_ahead(const struct dir *d, struct slice encoded);
/* Appends the record of a name, alive or dead. NOT_FOUND, TOO_LARGE for `out`, NO_MEMORY (out is
 * then as it was). */
must_check enum status dir_record_encode(const struct dir *d, struct slice name, struct buf *out);

/* A host's sessions know these lives. Those that are not current but not deleted are put back with
 * used = now and the registers held here. NOT_FOUND: all of them are deleted, disconnect. */
must_check enum status dir_room_reassert(struct dir *d, struct dir_time t, struct slice name,
                                         const struct dir_stamp *births, size_t count);
/* Closes the ended lives that every member is known to hold ended. Returns how many. Creates do
 * this by themselves. */
size_t dir_room_close(struct dir *d, struct dir_time t, struct slice name);

/* The return of a node that was expelled: it ends lives born before its last contact that a peer
 * which stayed lacks, as the sweep would: others that hold them learn of it, hosts put them back. A
 * room with sessions here stays as it is. Returns how many. */
size_t dir_room_let_go(struct dir *d, struct dir_time t, struct slice name,
                       const struct dir_stamp *births, size_t count);

uint32_t dir_bucket_of(const struct dir *d, struct slice name);
/* Equal iff both sides hold the same records in the bucket (tombstones past their TTL aside). */
uint64_t dir_digest(const struct dir *d, uint32_t bucket);
uint64_t dir_digest_sum(const struct dir *d, uint32_t first, uint32_t count); /* of so many */
uint64_t dir_digest_all(const struct dir *d);
/* Anti-entropy of a bucket that differs: one side lists the hashes of the records it holds, the
 * other answers with pages of the records that are not among them. *cursor starts at 0; true: more
 * remain. Changes in between may repeat records, and leave none out that stayed. A record that
 * does not fit into an empty `out` is passed over. */
bool dir_bucket_hashes(const struct dir *d, uint32_t bucket, uint32_t *cursor, uint64_t *hashes,
                       size_t max, size_t *ret_count);
/* `have`: sorted ascending. Records go as in dir_delta_next. */
bool dir_bucket_page(const struct dir *d, uint32_t bucket, uint32_t *cursor, const uint64_t *have,
                     size_t have_count, size_t budget_bytes, struct buf *out);

/* Appends records that peers have not been sent, each as 32-bit big-endian length and bytes, until
 * the budget is used (one record always goes). Returns how many. A record that does not fit into
 * `out` stays owed. Nothing is owed to peers while there are no members. */
size_t dir_delta_next(struct dir *d, size_t budget_bytes, struct buf *out);
size_t dir_delta_owed(const struct dir *d);
/* The same for the journal. */
size_t dir_journal_next(struct dir *d, size_t budget_bytes, struct buf *out);
size_t dir_journal_owed(const struct dir *d);
/* Changes whose record is gone before dir_journal_next took it (at the bound on tombstones): as
 * long as this rises, only a snapshot tells the journal all. */
uint64_t dir_journal_gaps(const struct dir *d);
/* A journal that lost what it took marks the room again. */
void dir_journal_mark(struct dir *d, struct slice name);
/* All records by slot, dead ones too: snapshots. Like dir_bucket_page; the budget also bounds the
 * slots looked at. */
bool dir_snapshot_next(const struct dir *d, uint32_t *cursor, size_t budget_bytes, struct buf *out);

/* Splits a batch: the next record, or false at the end; *batch moves on. A bad length empties it
 * and gives false with *ret_bad set. */
bool dir_batch_next(struct slice *batch, struct slice *ret_record, bool *ret_bad);

/* ---- members and collection ------------------------------------------------------------------ */

/* Known members without this node. A tombstone goes once every member has acknowledged it: without
 * members at once. A member that comes with another boot id has acknowledged nothing. EXHAUSTED at
 * DIR_MEMBERS_MAX. */
must_check enum status dir_member_set(struct dir *d, uint64_t member, uint64_t boot);
void dir_member_remove(struct dir *d, uint64_t member); /* expelled; unknown: nothing */
size_t dir_member_count(const struct dir *d);
/* Taken with a digest that is sent: what changes later is not covered by its match. */
uint64_t dir_change_seq(const struct dir *d);
/* A two-way round found the member's digest of this bucket equal to ours as of `seq`. */
void dir_member_acked(struct dir *d, uint64_t member, uint32_t bucket, uint64_t seq);
/* The same for so many buckets. */
void dir_member_acked_range(struct dir *d, uint64_t member, uint32_t first, uint32_t count,
                            uint64_t seq);
/* Its digest of all buckets was: the same for each of them. */
void dir_member_acked_all(struct dir *d, uint64_t member, uint64_t seq);
/* The member missed a tombstone that was dropped at the bound: it must return as if expelled. */
bool dir_member_must_resync(const struct dir *d, uint64_t member);
void dir_member_resynced(struct dir *d, uint64_t member); /* it has */
/* Of a record that a returning node shows: the births that this directory neither holds nor has
 * deleted, DIR_LIVES_MAX at most. ret_name points into the bytes. */
must_check enum status dir_record_lacks(const struct dir *d, struct slice encoded,
                                        struct slice *ret_name, struct dir_stamp *ret_births,
                                        size_t *ret_count);
/* The name in an encoded record; the rest of it may be anything. */
must_check enum status dir_encoded_name(struct slice encoded, struct slice *ret_name);

/* Asserts every invariant. O(n): tests, and after changes in builds with checks on. */
void dir_check(const struct dir *d);

#ifdef STOA_FAULTS
/* Test seam: the room's deadline falls out of the heap, so that the scan has something to find. */
void dir_fault_lose_deadline(struct dir *d, struct slice name);
#endif
