/* blobs.h: what a participant has stored for others to fetch, under keys.
 * Owns: keys and contents.
 * Never: holds more than DATA_BLOBS_BYTES_MAX of a participant, keys included.
 * Invariant: one blob for each key.
 * Source: wire/realtime.md 2.7.
 * Callers: participant, node. */
#pragma once

#include "list.h"

#include "livekit_rtc.pb-c.h"

struct blob {
    struct list_node node;
    size_t key_len, len;
    uint8_t bytes[]; /* the packed key, then the contents */
};
struct blobs {
    struct list items; /* owned */
    size_t bytes;
};

void blobs_init(struct blobs *b);
void blobs_deinit(struct blobs *b);
bool blob_key_valid(const Livekit__DataBlobKey *key); /* NULL: no */
/* Replaces what the key had. EXHAUSTED: beyond the limit; NO_MEMORY. */
must_check enum status blobs_put(struct blobs *b, const Livekit__DataBlob *blob);
const struct blob *blobs_find(const struct blobs *b, const Livekit__DataBlobKey *key); /* or NULL */
static inline ProtobufCBinaryData blob_contents(const struct blob *blob) {
    return (ProtobufCBinaryData){.len = blob->len,
                                 .data = (uint8_t *)(uintptr_t)blob->bytes + blob->key_len};
}
