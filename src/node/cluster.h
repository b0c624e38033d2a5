/* cluster.h: this node among others: leases, presence, replication, homes; inside node alone.
 * Owns: what this node believes of each other one, and what it owes them.
 * Never: waits for a peer, or asks one before it answers a call. Every message may be lost, late,
 *   repeated or in another order: that costs time and nothing else.
 * Invariant: a room has a part in c->away exactly for each member that was heard to host somebody
 *   in it and is not void; while the room is alive the directory's remote count is their sum.
 * Source: docs/DIRECTORY.md, part "Between nodes".
 * Callers: node. n->cluster is NULL on a node without others: then all calls below do nothing. */
#pragma once

#include "cluster_message.h"
#include "node_priv.h"

/* ---- presence ---- */

/* A room that somebody is in here, as told to others. Stays a while after the last one left. */
struct hosted {
    struct map_node by_name;
    struct list_node in_order; /* c->hosted: by seq */
    struct list_node in_gone;  /* c->gone while participants is 0: by seq */
    uint64_t seq;              /* of its last change */
    uint64_t since_ms;
    uint32_t participants;
    uint16_t name_len;
    uint8_t name[];
};

/* A room that somebody is in elsewhere. */
struct away {
    struct map_node by_name;
    struct list parts; /* struct away_part, by in_room */
    uint64_t participants;
    uint16_t name_len;
    uint8_t name[];
};
struct away_part {
    struct list_node in_room, in_member;
    /* borrowed */ struct away *away;
    /* borrowed */ struct member *member;
    uint32_t participants;
    uint32_t epoch; /* of the list that told it last */
};

/* ---- members ---- */

/* Another node. Times are on this process's monotonic clock. */
struct member {
    /* What the beats of all others look at stands together. */
    uint64_t id, boot; /* boot 0: never heard of one */
    int64_t heard_ms;  /* by anybody, as far as known; may be before our start */
    uint64_t vouched_until_ms;
    bool heard;    /* by us: its lease has not run out */
    bool living;   /* heard, or somebody whom we hear does */
    bool expelled; /* silent for too long: it does not hold up collection */
    uint64_t lease_until_ms;
    uint64_t started, beat; /* of the newest beat of this boot */
    uint64_t lost_ms;       /* when it was not heard any more; 0: never lost */
    uint64_t digest;        /* of its newest beat */
    /* Our clock, which is not before any birth that we know, when we last heard of it while it
     * heard us: what was born later it may never have known. */
    uint64_t contact;
    uint64_t contact_before; /* of the time before the last silence */
    uint64_t synced_ms;      /* our last round with it */
    int64_t offset_ms;       /* its wall less ours */
    uint32_t sessions, rooms;
    bool hears_us;
    bool leaving; /* it said so */
    bool warm;
    bool lags;        /* its journal: what it acknowledged may go with its process */
    bool must_resync; /* it must forget what we dropped before its records count */
    bool asks_resync; /* it says so of us */
    bool unsure; /* it may do so: it was silent for long, or we were, and it has not spoken of us */
    bool in_reference; /* of those heard when this node became an island */
    /* its presence */
    uint64_t presence_seq, presence_head, presence_goal, presence_asked_ms;
    uint64_t behind_ms;       /* its beats are ahead of what it told since; 0: they are not */
    uint64_t unseen_until_ms; /* it may host whom we do not know of */
    uint32_t epoch;
    bool anew;         /* a list from the beginning is on its way */
    bool voiding;      /* its parts are being taken away, in slices */
    bool sweeping;     /* those that the list from the beginning did not name are */
    struct list parts; /* owned, by in_member */
};

/* A round of anti-entropy that this node began. One at a time. */
struct sync_round {
    bool active, probing; /* probing: we return, and forget first (cluster_resync.c) */
    uint64_t id, member, seq, deadline_ms;
    uint32_t outstanding;
    uint32_t word, words_left;          /* of pending: where to look on, and how many more */
    uint64_t asked, learned;            /* buckets, and records that said something new */
    uint32_t bucket, cursor;            /* probing: what is asked about */
    uint64_t pending[DIR_BUCKETS / 64]; /* buckets that differ and were not asked for yet */
};

struct cluster {
    /* owned */ struct member **members; /* by id */
    size_t members_count, members_cap;
    uint64_t living_sum;     /* over the boots of the living, to see a change */
    uint64_t started, beats; /* told on beats */
    uint64_t raw_wall_ms;    /* of this step, not corrected */
    int64_t correction_ms;
    uint64_t grace_until_ms; /* before it, silence says nothing: nobody had time to be heard */
    bool said_leaving;
    bool island, warm;
    bool knows; /* see cluster_knows; sticks */
    bool blind; /* somebody lives whose presence we do not know */
    /* due; UINT64_MAX: not */
    uint64_t next_beat_ms, next_check_ms, next_flush_ms, next_round_ms, next_hosts_ms;

    struct map hosted_by_name;
    struct list hosted, gone;
    uint64_t presence_seq, presence_pushed,
        presence_floor; /* floor: changes up to it may be gone */

    struct map away_by_name;
    uint64_t parts;
    bool keeps_dead;  /* see cluster_keep_dead */
    bool parts_leave; /* some member may be voiding or sweeping; else no step looks at them */

    struct sync_round round;
    uint64_t last_round;

    struct list checks; /* struct host, by in_checks */
    size_t hosts_left;  /* of n->hosts, to be looked at in turn */
    struct buf out, scratch;
    uint64_t *hashes; /* owned: CLUSTER_HASHES_MAX places */
};

/* cluster.c */
uint64_t cluster_id(const struct node *n);
/* Before a journal is read: what it says is dead stays until others are known, or that there are
 * none. NO_MEMORY. */
must_check enum status cluster_keep_dead(struct node *n);
/* They are, or there are none. */
void cluster_let_go_dead(struct node *n);
/* c->out, to a member (0: all). `direct`: straight, by the way that sessions take. Whether it could
 * be told does not matter to anybody. */
void cluster_send(struct node *n, uint64_t to, bool direct, struct effects *fx);
void cluster_begin(struct node *n, enum cm_kind kind);

/* cluster_member.c */
struct member *cluster_member(struct cluster *c, uint64_t id);           /* NULL: unknown */
struct member *cluster_member_of_boot(struct cluster *c, uint64_t boot); /* living, or NULL */
void cluster_check_sight(struct node *n);
/* What this node holds may have been deleted and forgotten elsewhere: it tells nobody yet. */
bool cluster_holds_back(const struct node *n);
must_check struct member *cluster_member_add(struct node *n, uint64_t id); /* NULL: no place */
void cluster_member_expel(struct node *n, struct member *m);
void cluster_on_beat(struct node *n, const struct cluster_message *m, struct effects *fx);
/* We hold now what it holds. */
void cluster_compared(struct node *n, const struct member *m);
void cluster_beat(struct node *n, struct effects *fx);
void cluster_check_members(struct node *n);

/* cluster_presence.c */
void cluster_presence_void(struct node *n, struct member *m);
void cluster_presence_push(struct node *n, struct effects *fx);
void cluster_presence_want(struct node *n, struct member *m, struct effects *fx);
void cluster_on_presence(struct node *n, const struct cluster_message *m, struct effects *fx);
void cluster_on_presence_ask(struct node *n, const struct cluster_message *m, struct effects *fx);
/* Slices of what is owed; true: there is more. */
bool cluster_presence_work(struct node *n);
void cluster_presence_deinit(struct node *n);
bool cluster_hosted_equal(const struct map_node *m, struct slice key);
bool cluster_away_equal(const struct map_node *m, struct slice key);

/* cluster_sync.c */
bool cluster_merge(struct node *n, struct slice record);          /* true: it said something new */
uint64_t cluster_merge_batch(struct node *n, struct slice batch); /* how many did */
void cluster_flush(struct node *n, struct effects *fx);
void cluster_round_tick(struct node *n, struct effects *fx);
void cluster_on_groups(struct node *n, const struct cluster_message *m, struct effects *fx);
void cluster_on_buckets(struct node *n, const struct cluster_message *m, struct effects *fx);
void cluster_on_hashes(struct node *n, const struct cluster_message *m, struct effects *fx);
void cluster_on_page(struct node *n, const struct cluster_message *m, struct effects *fx);
/* The round of this message, if it is the one that goes on: its answer moves the deadline. */
struct member *cluster_in_round(struct node *n, const struct cluster_message *m, uint64_t round);
void cluster_round_pump(struct node *n, struct member *m, struct effects *fx);

/* cluster_resync.c */
/* The round's next question while it probes. */
void cluster_probe(struct node *n, struct member *m, struct effects *fx);
void cluster_on_probe(struct node *n, const struct cluster_message *m, struct effects *fx);
void cluster_on_lacks(struct node *n, const struct cluster_message *m, struct effects *fx);
void cluster_on_resynced(struct node *n, const struct cluster_message *m);

/* cluster_home.c */
void cluster_hosts_look(struct node *n); /* at all, in slices */
/* Slices; true: there is more. */
bool cluster_hosts_work(struct node *n, struct effects *fx);
void cluster_on_handover(struct node *n, const struct cluster_message *m, struct effects *fx);
void cluster_on_handover_reply(struct node *n, const struct cluster_message *m);
