#include <string.h>

#include "caps.h"
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

static uint32_t get_be32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Read at each look at a room: the length is checked once, for all of the fixed part. */
bool dir_settings_read(struct slice bytes, struct dir_settings *ret_settings) {
    if (bytes.len < SETTINGS_FIXED_BYTES) {
        return false;
    }
    const uint8_t *at = bytes.data;
    uint8_t sync_streams = at[7 * 4];
    uint32_t extra_len = get_be32(at + 7 * 4 + 1);
    if (sync_streams > 1 || extra_len > DIR_EXTRA_BYTES_MAX ||
        bytes.len - SETTINGS_FIXED_BYTES != extra_len) {
        return false;
    }
    *ret_settings = (struct dir_settings){
        .empty_timeout_s = get_be32(at),
        .departure_timeout_s = get_be32(at + 4),
        .max_participants = get_be32(at + 8),
        .min_playout_delay_ms = get_be32(at + 12),
        .max_playout_delay_ms = get_be32(at + 16),
        .solo_timeout_s = get_be32(at + 20),
        .max_duration_s = get_be32(at + 24),
        .sync_streams = sync_streams == 1,
        .extra = slice_after(bytes, SETTINGS_FIXED_BYTES),
    };
    return true;
}
