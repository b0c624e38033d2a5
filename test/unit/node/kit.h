/* kit.h: a node under test: its events made short, its effects decoded.
 * Owns: one node, its effects and an arena for what a step decoded.
 * Invariant: kit_step clears the effects of the step before.
 * Callers: the tests of node. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node.h"

#include "livekit_room.pb-c.h"

struct kit {
    struct node_config config;
    struct metrics metrics;
    struct node *n;
    struct effects fx;
    struct arena arena;
    struct dir_time now;
    uint64_t fail_from; /* builds with faults: the nth allocation of a step and all after it fail */
};

void kit_open(struct kit *k, void (*tune)(struct node_config *config)); /* NULL: as it is */
/* Also checks that the node holds together before it goes. */
void kit_close(struct kit *k);
void kit_check(const struct kit *k); /* every invariant of the node */

/* node_step at the kit's time. */
enum status kit_step(struct kit *k, struct node_event *ev);
/* Time passes: ticks at each deadline on the way; the effects of all of them are kept. */
void kit_pass(struct kit *k, uint64_t ms);
/* Ticks without time passing until the node has nothing to do at once. Returns how many. */
size_t kit_settle(struct kit *k);

/* Claims of a caller. Static storage: valid until the next call of the same function. */
const struct claims *kit_create_claims(void);                          /* roomCreate */
const struct claims *kit_list_claims(void);                            /* roomList */
const struct claims *kit_admin_claims(const char *room);               /* roomAdmin on room */
struct claims kit_join_claims(const char *room, const char *identity); /* roomJoin */

struct answer {
    unsigned status; /* 0: there was none */
    bool is_json;
    struct slice body;
};
/* A call with its request as JSON text, and the answer among the effects. */
struct answer kit_call(struct kit *k, enum api_op op, const struct claims *claims,
                       const char *json);
struct answer kit_call_as(struct kit *k, enum api_op op, enum api_coding coding,
                          const struct claims *claims, const char *json);
/* The answer of any step to this connection. */
struct answer kit_answer(const struct kit *k, enum effect_kind kind, uint64_t conn);
/* Decodes a 200 answer of `op`. */
const void *kit_read(struct kit *k, enum api_op op, struct answer a);
void kit_assert_error(struct answer a, unsigned status, const char *body);
void kit_create_room(struct kit *k, const char *json); /* must succeed */

struct kit_join {
    uint64_t conn;
    const char *room, *identity;
    bool single, reconnect, auto_subscribe, auto_data, adaptive;
    int protocol;                /* 0: 17 */
    const char *offer;           /* SDP, or NULL */
    const struct claims *claims; /* instead of plain ones */
    const char *publish, *metadata;
    Livekit__AddTrackRequest *add; /* or NULL */
    const char *sid;               /* of the session to resume; NULL: not said */
    bool gave_metadata;
};
enum status kit_join(struct kit *k, const struct kit_join *j);
/* A dual-mode join that must succeed; returns the transport id of its subscriber. */
uint64_t kit_enter(struct kit *k, uint64_t conn, const char *room, const char *identity);
void kit_up(struct kit *k, uint64_t transport);
void kit_silent(struct kit *k, uint64_t transport);
void kit_lost(struct kit *k, uint64_t transport);
void kit_closed(struct kit *k, uint64_t conn);
void kit_signal(struct kit *k, uint64_t conn, const Livekit__SignalRequest *request);
/* NO_MEMORY only with fail_from set. */
enum status kit_try_signal(struct kit *k, uint64_t conn, const Livekit__SignalRequest *request);

/* Effects of the last step. */
size_t kit_count(const struct kit *k, enum effect_kind kind);
const struct effect *kit_effect(const struct kit *k, enum effect_kind kind, size_t nth); /* NULL */
size_t kit_notes(const struct kit *k, enum note_kind kind);
const struct fx_note *kit_note(const struct kit *k, enum note_kind kind); /* the first, or NULL */
/* The nth message of this case to this connection, NULL: there is none. */
const Livekit__SignalResponse *kit_told(struct kit *k, uint64_t conn,
                                        Livekit__SignalResponse__MessageCase kind, size_t nth);
/* All messages to a connection, in order, as text: "join offer
 * update:alice=ACTIVE+~ leave:2"; '+' is a track, '~' a muted one. */
const char *kit_story(struct kit *k, uint64_t conn);

/* A seed of test/fuzz/corpus/sdp; NUL-terminated, freed with the kit's arena. */
const char *kit_sdp(struct kit *k, const char *name);
