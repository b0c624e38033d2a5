#include "blobs.h"

#include <string.h>

#include "caps.h"
#include "mem.h"
#include "slice.h"

/* A key packs to little more than its texts: a name and an encoding of so many bytes at most. */
enum { KEY_BYTES_MAX = 2 * DATA_TRACK_NAME_BYTES_MAX };

void blobs_init(struct blobs *b) {
    *b = (struct blobs){0};
    list_init(&b->items);
}

static void drop(struct blobs *b, struct blob *blob) {
    b->bytes -= blob->key_len + blob->len;
    list_remove(&b->items, &blob->node);
    mem_free(blob);
}

void blobs_deinit(struct blobs *b) {
    list_each_safe (n, after, &b->items) {
        drop(b, container_of(n, struct blob, node));
    }
}

bool blob_key_valid(const Livekit__DataBlobKey *key) {
    if (!key) {
        return false;
    }
    const char *text = NULL;
    if (key->key_case == LIVEKIT__DATA_BLOB_KEY__KEY_GENERIC) {
        text = key->generic;
    } else if (key->key_case == LIVEKIT__DATA_BLOB_KEY__KEY_SCHEMA_ID && key->schema_id) {
        text = key->schema_id->name;
    }
    size_t len = text ? slice_from_cstr(text).len : 0;
    return len > 0 && len <= DATA_TRACK_NAME_BYTES_MAX &&
           protobuf_c_message_get_packed_size(&key->base) <= KEY_BYTES_MAX;
}

const struct blob *blobs_find(const struct blobs *b, const Livekit__DataBlobKey *key) {
    uint8_t packed[KEY_BYTES_MAX];
    assert(blob_key_valid(key));
    struct slice wanted = slice_of(packed, protobuf_c_message_pack(&key->base, packed));
    list_each (n, &b->items) {
        const struct blob *blob = container_of(n, struct blob, node);
        if (slice_eq(slice_of(blob->bytes, blob->key_len), wanted)) {
            return blob;
        }
    }
    return NULL;
}

enum status blobs_put(struct blobs *b, const Livekit__DataBlob *blob) {
    struct blob *old = (struct blob *)(uintptr_t)blobs_find(b, blob->key);
    size_t key_len = protobuf_c_message_get_packed_size(&blob->key->base);
    size_t len = blob->contents.len, freed = old ? old->key_len + old->len : 0;
    if (len > DATA_BLOBS_BYTES_MAX || b->bytes - freed + key_len + len > DATA_BLOBS_BYTES_MAX) {
        return STATUS_EXHAUSTED;
    }
    struct blob *fresh = mem_alloc(sizeof(*fresh) + key_len + len);
    if (!fresh) {
        return STATUS_NO_MEMORY;
    }
    *fresh = (struct blob){.key_len = key_len, .len = len};
    protobuf_c_message_pack(&blob->key->base, fresh->bytes);
    if (len > 0) {
        memcpy(fresh->bytes + key_len, blob->contents.data, len);
    }
    if (old) {
        drop(b, old);
    }
    list_node_init(&fresh->node);
    list_push_back(&b->items, &fresh->node);
    b->bytes += key_len + len;
    return STATUS_OK;
}
