/* cluster_message.h: what nodes say to each other, as bytes and back.
 * Owns: nothing; what is read points into the bytes.
 * Never: trusts a length. The bus has checked who sent it (a MAC under the cluster secret); a peer
 *   of another version or with a bug must not be able to do harm all the same.
 * Invariant: a message that is read as good uses all of its bytes.
 * Source: docs/DIRECTORY.md, part "Between nodes".
 * Callers: the files cluster*.c; the fuzzer; the simulator, which tells messages apart. */
#pragma once

#include "buf.h"
#include "cursor.h"
#include "dir_stamp.h"

enum cm_kind {
    CM_BEAT = 1,       /* I am here; how far my presence is; whom I know */
    CM_PRESENCE,       /* who hosts how many: changes from one sequence to another */
    CM_PRESENCE_ASK,   /* tell me yours from there on */
    CM_DELTA,          /* records that changed */
    CM_GROUPS,         /* a round begins: a digest for each group of buckets */
    CM_BUCKETS,        /* its answer: digests of the buckets in groups that differ */
    CM_HASHES,         /* of the records in one bucket */
    CM_PAGE,           /* the records that were not among them */
    CM_HANDOVER,       /* you are the home of this room: will you take my people? */
    CM_HANDOVER_REPLY, /* yes or no */
    CM_PROBE,          /* a returning node: which of these lives do you lack? */
    CM_LACKS,          /* these */
    CM_RESYNCED,       /* it has forgotten them */
    CM_KINDS,
};

enum {
    CM_VERSION = 1,
    CM_GROUPS_COUNT = 64,        /* of buckets, and of buckets in each: 64 * 64 = DIR_BUCKETS */
    CM_REGION_BYTES_MAX = 64,    /* of a name such as "eu-central-1" */
    CM_HEADER_BYTES = 2 + 8 + 8, /* version, kind, id and boot of the sender */
    CM_MEMBER_BYTES = 8 + 8 + 4 + 1,
};

enum cm_beat_flags {
    CM_BEAT_WARM = BIT(0),    /* it holds what the cluster held, or began it */
    CM_BEAT_LEAVING = BIT(1), /* it stops: nobody is to wait for it */
    CM_BEAT_LAGS = BIT(2),    /* something of a second ago is not in its journal yet */
};
enum cm_member_flags {
    CM_MEMBER_HEARD = BIT(0),  /* the sender hears this boot of it */
    CM_MEMBER_RESYNC = BIT(1), /* it was expelled, or missed a tombstone that was dropped */
};

struct cm_member {
    uint64_t id, boot;
    uint32_t silent_s; /* rather more than less */
    uint8_t flags;
};

struct cm_beat {
    uint64_t number;  /* of this boot's beats: older ones are not news */
    uint64_t started; /* the directory's clock when the process began: a later boot is greater */
    uint64_t presence_seq;
    uint64_t wall_ms; /* not corrected */
    uint64_t clock;   /* of the directory */
    uint64_t digest;  /* of all records */
    uint32_t sessions, rooms;
    uint8_t flags;
    struct slice region;
    struct slice members; /* see cm_members_count, cm_member_at */
};

enum cm_presence_flags {
    CM_PRESENCE_ANEW = BIT(0), /* forget what you had: it begins from nothing */
    CM_PRESENCE_MORE = BIT(1), /* ask for the rest */
};
struct cm_presence {
    uint64_t from, to; /* all changes behind the first, up to the second */
    uint64_t head;     /* ANEW: the owner's sequence then */
    uint8_t flags;
    struct slice entries; /* see cm_entry_next */
};
struct cm_presence_ask {
    uint64_t boot; /* of the one asked */
    uint64_t seq;
    uint64_t head; /* inside a list that began anew: its head; else seq */
};
struct cm_round {
    uint64_t round;
    uint64_t groups; /* BUCKETS: those that differ, by bit */
    struct slice digests;
};
struct cm_hashes {
    uint64_t round;
    uint32_t cursor;
    uint16_t bucket;
    bool back;           /* the other side may ask in turn */
    struct slice hashes; /* ascending */
};
struct cm_page {
    uint64_t round;
    uint32_t cursor; /* 0: this was the last */
    uint16_t bucket;
    struct slice batch; /* see dir_batch_next */
};
struct cm_handover {
    uint64_t ask;
    struct slice record;
};
struct cm_handover_reply {
    uint64_t ask;
    bool yes;
    struct slice name;
};
struct cm_lacks {
    uint64_t round;
    uint16_t bucket;
    struct slice rooms; /* see cm_lack_next */
};

struct cluster_message {
    enum cm_kind kind;
    uint64_t from, boot;
    union {
        struct cm_beat beat;
        struct cm_presence presence;
        struct cm_presence_ask ask;
        struct slice batch;    /* DELTA */
        struct cm_round round; /* GROUPS, BUCKETS */
        struct cm_hashes hashes;
        struct cm_page page; /* PAGE, PROBE */
        struct cm_handover handover;
        struct cm_handover_reply reply;
        struct cm_lacks lacks;
    };
};

/* False: not a message of this version. */
must_check bool cm_read(struct slice bytes, struct cluster_message *ret_message);

size_t cm_members_count(struct slice members);
struct cm_member cm_member_at(struct slice members, size_t i);
uint64_t cm_u64_at(struct slice words, size_t i); /* of digests and hashes */
/* Splits; false at the end. They were checked by cm_read. */
bool cm_entry_next(struct slice *entries, struct slice *ret_name, uint32_t *ret_count);
/* Births stand as time and boot, 16 bytes each. */
bool cm_lack_next(struct slice *rooms, struct slice *ret_name, struct slice *ret_births);
struct dir_stamp cm_birth_at(struct slice births, size_t i);

/* Writers append to `out`; the caller looks at out->failed once. */
void cm_begin(struct buf *out, enum cm_kind kind, uint64_t from, uint64_t boot);
void cm_put_beat(struct buf *out, const struct cm_beat *b); /* members follow */
void cm_put_member(struct buf *out, const struct cm_member *m);
void cm_put_presence(struct buf *out, const struct cm_presence *p); /* entries follow */
void cm_put_entry(struct buf *out, struct slice name, uint32_t count);
void cm_put_ask(struct buf *out, const struct cm_presence_ask *a);
void cm_put_round(struct buf *out, enum cm_kind kind, uint64_t round, uint64_t groups);
void cm_put_hashes(struct buf *out, const struct cm_hashes *h); /* hashes follow */
void cm_put_page(struct buf *out, uint64_t round, uint16_t bucket, uint32_t cursor);
void cm_put_handover(struct buf *out, uint64_t ask); /* the record follows */
void cm_put_handover_reply(struct buf *out, uint64_t ask, bool yes, struct slice name);
void cm_put_lacks(struct buf *out, uint64_t round, uint16_t bucket);
void cm_put_lack(struct buf *out, struct slice name, const struct dir_stamp *births, size_t count);
