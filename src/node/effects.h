/* effects.h: how a step writes down what the shell is to do.
 * Owns: nothing; everything goes into struct effects and its arena.
 * Never: fails half way unseen: the first failure sticks in fx->failed or in the arenas.
 * Invariant: what an effect points to lies in the effects' arena, or in a held answer of the node
 *   that lives until the next step.
 * Callers: the files of node. */
#pragma once

#include "node.h"

/* Zeroed but for its kind; a place to write to even when it failed. */
struct effect *fx_add(struct effects *fx, enum effect_kind kind);
/* Places for so many more effects; after it that many fx_add cannot fail. */
must_check bool fx_reserve(struct effects *fx, size_t more);
/* Memory for so many bytes of effects and so many of them is there from now until the step ends or
 * is rolled back: for what must be told once something outside this floor has changed. */
must_check bool fx_hold(struct effects *fx, size_t bytes, size_t items);
must_check bool fx_ok(const struct effects *fx);
/* Takes back what was added since count was `mark`, and the failure with it. */
void fx_rollback(struct effects *fx, size_t mark);

/* For what effects point to; NULL without memory, and the failure sticks. */
must_check void *fx_alloc(struct effects *fx, size_t size);
struct slice fx_copy(struct effects *fx, struct slice s);
struct slice fx_encode(struct effects *fx, const ProtobufCMessage *message);

void fx_signal(struct effects *fx, const uint64_t *conns, size_t count,
               const Livekit__SignalResponse *message); /* count 0: nothing */
void fx_signal_one(struct effects *fx, uint64_t conn, const Livekit__SignalResponse *message);
/* `inner` as field `field` (1 to 15) of a SignalResponse, and behind what it says itself the items,
 * encoded already, each as its field `item`. */
struct fx_list {
    uint32_t field, item;
    const struct slice *items;
    size_t count;
};
void fx_signal_list(struct effects *fx, uint64_t conn, const ProtobufCMessage *inner,
                    const struct fx_list *list);
void fx_signal_bytes(struct effects *fx, uint64_t conn, struct slice encoded); /* copied */
void fx_token(struct effects *fx, uint64_t conn, struct slice claims_json);
void fx_close(struct effects *fx, uint64_t conn, uint16_t ws_code);
void fx_text(struct effects *fx, uint64_t conn, uint16_t http_status, struct slice text);
