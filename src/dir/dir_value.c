#include <string.h>

#include "caps.h"
#include "cursor.h"
#include "dir.h"
#include "dir_facts.h"
#include "mem.h"

/* Settings as bytes: seven 32-bit numbers, one flag, the length of extra. All big-endian and of
 * one form, so that equal settings are equal bytes. */
enum { SETTINGS_FIXED_BYTES = 7 * 4 + 1 + 4 };

static struct dir_blob *blob_alloc(size_t len) {
    struct dir_blob *b = len <= UINT32_MAX ? mem_alloc(sizeof(*b) + len) : NULL;
    if (b) {
        b->len = (uint32_t)len;
    }
    return b;
}

struct dir_blob *dir_blob_make(struct slice data, const struct hash_key *key) {
    struct dir_blob *b = blob_alloc(data.len);
    if (b) {
        if (data.len) {
            memcpy(b->data, data.data, data.len);
        }
        b->hash = hash64(key, data);
    }
    return b;
}

static uint8_t *put_be32(uint8_t *at, uint32_t v) {
    at[0] = (uint8_t)(v >> 24);
    at[1] = (uint8_t)(v >> 16);
    at[2] = (uint8_t)(v >> 8);
    at[3] = (uint8_t)v;
    return at + 4;
}

struct dir_blob *dir_blob_of_settings(const struct dir_settings *s, const struct hash_key *key) {
    assert(s->extra.len <= DIR_EXTRA_BYTES_MAX);
    struct dir_blob *b = blob_alloc(SETTINGS_FIXED_BYTES + s->extra.len);
    if (!b) {
        return NULL;
    }
    uint8_t *at = b->data;
    at = put_be32(at, s->empty_timeout_s);
    at = put_be32(at, s->departure_timeout_s);
    at = put_be32(at, s->max_participants);
    at = put_be32(at, s->min_playout_delay_ms);
    at = put_be32(at, s->max_playout_delay_ms);
    at = put_be32(at, s->solo_timeout_s);
    at = put_be32(at, s->max_duration_s);
    *at++ = s->sync_streams ? 1 : 0;
    at = put_be32(at, (uint32_t)s->extra.len);
    if (s->extra.len) {
        memcpy(at, s->extra.data, s->extra.len);
    }
    b->hash = hash64(key, dir_blob_slice(b));
    return b;
}

bool dir_settings_read(struct slice bytes, struct dir_settings *ret_settings) {
    struct cursor c = cursor_over(bytes);
    struct dir_settings s = {0};
    s.empty_timeout_s = cursor_be32(&c);
    s.departure_timeout_s = cursor_be32(&c);
    s.max_participants = cursor_be32(&c);
    s.min_playout_delay_ms = cursor_be32(&c);
    s.max_playout_delay_ms = cursor_be32(&c);
    s.solo_timeout_s = cursor_be32(&c);
    s.max_duration_s = cursor_be32(&c);
    uint8_t sync_streams = cursor_u8(&c);
    s.sync_streams = sync_streams == 1;
    uint32_t extra_len = cursor_be32(&c);
    if (c.failed || sync_streams > 1 || extra_len > DIR_EXTRA_BYTES_MAX ||
        cursor_left(&c) != extra_len) {
        return false;
    }
    s.extra = cursor_rest(&c);
    *ret_settings = s;
    return true;
}
