/* dir_priv.h: the directory and its records from inside; dir/ and its tests alone.
 * Owns: what struct dir says.
 * Never: is included by another folder.
 * Invariant: dir_check() lists them all. After each change of a record's facts comes
 *   dir_record_changed(), and after that, last, dir_record_settle(), which may drop the record.
 * Callers: dir. */
#pragma once

#include "dir.h"
#include "dir_facts.h"
#include "heap.h"
#include "map.h"
#include "pool.h"

enum {
    DIR_QUIET_MS = 60 * 1000,          /* a tombstone goes only after so long without a change */
    DIR_RECHECK_MS = 30 * 1000,        /* one that waits for acknowledgements is looked at again */
    DIR_CONFIRM_MS = 10 * 1000,        /* one that all acknowledged: by then their disks have it */
    DIR_ISLAND_RECHECK_MS = 15 * 1000, /* so is a room that an island may not end */
    DIR_BLIND_RECHECK_MS = 1000,       /* and one that may have somebody in it, unknown here */
};

enum dir_list {
    DIR_IN_BUCKET,  /* always */
    DIR_IN_DEAD,    /* exactly while not alive, oldest death first */
    DIR_IN_DELTA,   /* owed to peers */
    DIR_IN_JOURNAL, /* owed to the journal */
    DIR_LISTS,
};

/* Lists link slots by index + 1, 0 ends them: half the size of pointers. */
struct dir_link {
    uint32_t prev, next;
};
struct dir_chain {
    uint32_t head, tail, count;
};

struct dir_record {
    struct map_node in_map;
    struct heap_node deadline; /* alive: of the room; dead: of the tombstone; never too late */
    struct pool_ref self;
    struct dir_link links[DIR_LISTS];
    /* owned */ uint8_t *name;
    struct dir_facts facts;
    uint64_t hash; /* derived from facts */
    uint64_t seq;  /* change number of the last change */
    /* On the monotonic clock. Dead: since the last change. Somebody in: since they are so many.
     * Else: since this node last learned something that keeps the room. */
    uint64_t since_ms;
    int64_t born_ms; /* birth of the identity on the monotonic clock, may be before its start */
    struct dir_presence local;
    uint32_t remote_participants;
    uint32_t heap_bytes; /* of facts, as counted in dir.bytes; saturates */
    uint16_t bucket, name_len;
    uint8_t in_lists; /* bits by enum dir_list */
    bool alive;       /* derived from facts */
    bool in_digest;   /* counted in the bucket's sum */
    bool departed;    /* somebody was in once: the departure timeout counts */
    bool lost;        /* the last one went with a lease: lost_timeout counts */
    bool postponed;   /* due, but another ender or the island rule comes first */
    uint8_t acked_in; /* dead: the epoch in which all were seen to have acknowledged it; 0: not */
};

struct dir_bucket {
    struct dir_chain chain;
    uint64_t digest;  /* sum of the hashes of its records */
    uint64_t dropped; /* newest stone that was dropped here */
};

struct dir_member {
    uint64_t id, boot;
    uint64_t *acked;    /* owned: by bucket, the change number up to which it is known to agree */
    uint64_t acked_all; /* the same for all of them */
    bool must_resync;
};

struct dir {
    struct dir_config cfg;
    struct dir_clock clock;
    struct hash_key sid_key, digest_key, bucket_key, turn_key, rank_key;
    struct pool pool;
    struct map by_name;
    struct heap by_deadline;
    struct dir_chain dead, delta, journal;
    struct dir_bucket *buckets; /* owned, DIR_BUCKETS */
    uint64_t digest;            /* derived: sum of the buckets' */
    uint64_t seq;
    uint64_t alive;
    struct dir_member *members; /* owned, DIR_MEMBERS_MAX places */
    size_t members_count;
    uint64_t living[DIR_MEMBERS_MAX];
    size_t living_count;
    bool island, blind, doubt;
    uint8_t acks_epoch;      /* another one when somebody's acknowledgements are void; never 0 */
    uint64_t island_left_ms; /* 0: never was one */
    uint32_t scan_at;
    struct dir_counts counts; /* only those that are not derived */
};

enum dir_origin {
    DIR_FROM_HERE,    /* owed to peers and journal */
    DIR_FROM_PEER,    /* owed to the journal */
    DIR_FROM_JOURNAL, /* owed to nobody */
};

/* ---- dir_chain.c ---- */
void dir_chain_push(struct dir *d, struct dir_chain *c, enum dir_list list, struct dir_record *r);
/* Not in: nothing. */
void dir_chain_remove(struct dir *d, struct dir_chain *c, enum dir_list list, struct dir_record *r);
static inline bool dir_in(const struct dir_record *r, enum dir_list list) {
    return (r->in_lists & BIT(list)) != 0;
}
struct dir_record *dir_chain_first(const struct dir *d, const struct dir_chain *c);
struct dir_record *dir_chain_next(const struct dir *d, const struct dir_record *r,
                                  enum dir_list list);

/* ---- dir_record.c ---- */
static inline struct slice dir_record_name(const struct dir_record *r) {
    return (struct slice){r->name, r->name_len};
}
/* Anybody in that keeps the room open, as far as known. */
static inline uint64_t dir_record_participants(const struct dir_record *r) {
    return (uint64_t)r->local.participants + r->remote_participants;
}
struct dir_record *dir_record_find(struct dir *d, struct slice name); /* NULL: none */
struct dir_record *dir_record_find_const(const struct dir *d, struct slice name);
struct dir_record *dir_record_find_alive(struct dir *d, struct slice name);
struct dir_record *dir_record_at(const struct dir *d, uint32_t index); /* NULL: free slot */
/* With empty facts; not yet counted in digests or lists but the bucket's. NO_MEMORY, EXHAUSTED. */
must_check enum status dir_record_make(struct dir *d, struct slice name,
                                       struct dir_record **ret_record);
/* Gives one back that was made and never got facts, or that may go. */
void dir_record_drop(struct dir *d, struct dir_record *r);
/* The facts changed: everything derived from them follows, but hash and deadline of a record that
 * dir_record_settle() is about to drop. Cannot fail. */
void dir_record_changed(struct dir *d, struct dir_record *r, struct dir_time t,
                        enum dir_origin origin);
/* The two ways in which a room that is alive stops to be: observed end, and delete. */
void dir_record_end(struct dir *d, struct dir_record *r, struct dir_time t);
void dir_record_delete(struct dir *d, struct dir_record *r, struct dir_time t);
/* Closes the oldest ended lives past their bound. */
void dir_record_bound_lives(struct dir *d, struct dir_record *r);
size_t dir_record_close_acked(struct dir *d, struct dir_record *r);

/* ---- dir_replica.c ---- */
/* What callers see of a room, to tell whether a change of its facts changed it. */
struct dir_seen {
    bool alive;
    struct dir_stamp identity, metadata, settings;
    uint64_t metadata_hash, settings_hash;
};
struct dir_seen dir_record_see(const struct dir_record *r); /* NULL: not alive */
/* Lives came, went or were used otherwise than by a call of the API: deadlines and all that is
 * derived from the facts follow. */
void dir_record_follow(struct dir *d, struct dir_record *r, struct dir_time t,
                       enum dir_origin origin, const struct dir_seen *before, bool rose);

/* ---- dir_deadline.c ---- */
/* Earliest time at which the record needs the sweep, not counting ranks and islands. */
uint64_t dir_deadline_of(const struct dir *d, const struct dir_record *r,
                         enum dir_end_reason *ret_reason);
void dir_deadline_arm(struct dir *d, struct dir_record *r, struct dir_time t);
/* Something keeps the room: empty and departure start again, while nobody is in. */
void dir_deadline_restart(struct dir_record *r, struct dir_time t);
/* Another life is the identity: its age counts for the maximum duration. */
void dir_deadline_rebirth(struct dir_record *r, struct dir_time t);
/* A name came to life here that was not alive. */
void dir_deadline_begin(struct dir_record *r, struct dir_time t);
/* How many enders act before this node. */
uint32_t dir_deadline_rank(const struct dir *d, const struct dir_record *r);
bool dir_deadline_hosted(const struct dir *d, const struct dir_record *r);

/* ---- dir_collect.c ---- */
/* A node alone drops at once what is dead, unless sessions or the journal keep it; r may be gone
 * afterwards. With members it waits for them: dir_tombstone_step. */
void dir_record_settle(struct dir *d, struct dir_record *r);
bool dir_record_goes(const struct dir *d, const struct dir_record *r); /* settle would drop it */
bool dir_stone_expired(const struct dir *d, const struct dir_record *r, struct dir_time t);
uint64_t dir_tombstone_due(const struct dir *d, const struct dir_record *r, struct dir_time t);
/* The sweep found the tombstone due; r may be gone afterwards. */
void dir_tombstone_step(struct dir *d, struct dir_record *r, struct dir_time t);
/* Another record died: keeps the number of dead ones in bounds; never drops `keep`. */
void dir_tombstones_bound(struct dir *d, const struct dir_record *keep);
bool dir_record_acked(const struct dir *d, const struct dir_record *r);

/* ---- dir_digest.c ---- */
void dir_digest_take_out(struct dir *d, struct dir_record *r); /* not in: nothing */
void dir_digest_put_in(struct dir *d, struct dir_record *r);

/* ---- dir_delta.c ---- */
/* Appends length and record; false when it does not fit (out is then as it was). */
must_check bool dir_batch_put(const struct dir *d, const struct dir_record *r, struct buf *out);

/* ---- dir_view.c ---- */
void dir_view(const struct dir *d, const struct dir_record *r, struct dir_room *ret_room);
struct dir_settings dir_record_settings(const struct dir *d, const struct dir_record *r);

/* After each changing call; walks in builds with checks on, else nothing. */
void dir_after(struct dir *d);
