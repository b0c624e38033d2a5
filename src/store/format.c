#include <string.h>

#include "cursor.h"
#include "hash.h"
#include "journal_priv.h"

/* A file, all numbers big-endian:
 *   header: magic 64, version 32, header's size 32, segment 64, created 64 (wall clock, ms),
 *           node 24 bytes, nothing 32, CRC32C of all before 32
 *   records: length 32 (of type and payload), CRC32C 32, type 8, payload
 * A record's CRC begins with the header's, then counts length, type and payload: so a record of
 * another file, in a block that the disk used twice, is none here. */
static const uint8_t magic[8] = {'S', 'T', 'O', 'A', '-', 'J', 'R', 'N'};
enum { CRC_AT = JOURNAL_HEADER_BYTES - 4 };

static void store_be32(uint8_t *at, uint32_t v) {
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(v >> (24 - 8 * i));
    }
}

static void store_be64(uint8_t *at, uint64_t v) {
    store_be32(at, (uint32_t)(v >> 32));
    store_be32(at + 4, (uint32_t)v);
}

void journal_header_encode(struct journal_header *h, uint8_t out[JOURNAL_HEADER_BYTES]) {
    memset(out, 0, JOURNAL_HEADER_BYTES);
    memcpy(out, magic, sizeof magic);
    store_be32(out + 8, JOURNAL_VERSION);
    store_be32(out + 12, JOURNAL_HEADER_BYTES);
    store_be64(out + 16, h->segment);
    store_be64(out + 24, h->created_ms);
    memcpy(out + 32, h->node, sizeof h->node);
    h->seed = crc32c(0, slice_of(out, CRC_AT));
    store_be32(out + CRC_AT, h->seed);
}

enum status journal_header_decode(struct slice bytes, struct journal_header *ret_header) {
    struct slice head = slice_sub(bytes, 0, sizeof magic);
    if (memcmp(head.data, magic, head.len) != 0) {
        return STATUS_MALFORMED;
    }
    struct cursor c = cursor_over(slice_after(bytes, sizeof magic));
    uint32_t version = cursor_be32(&c);
    if (!c.failed && version != JOURNAL_VERSION) {
        return STATUS_UNIMPLEMENTED;
    }
    cursor_skip(&c, 4);
    struct journal_header h = {.segment = cursor_be64(&c), .created_ms = cursor_be64(&c)};
    struct slice node = cursor_take(&c, sizeof h.node);
    cursor_skip(&c, 4);
    h.seed = cursor_be32(&c);
    if (c.failed || h.seed != crc32c(0, slice_sub(bytes, 0, CRC_AT))) {
        return STATUS_IO;
    }
    memcpy(h.node, node.data, sizeof h.node);
    *ret_header = h;
    return STATUS_OK;
}

static uint32_t frame_crc(uint32_t seed, const uint8_t *length, struct slice type_and_payload) {
    return crc32c(crc32c(seed, slice_of(length, 4)), type_and_payload);
}

void journal_frame_put(struct buf *out, uint32_t seed, enum journal_type type,
                       struct slice payload) {
    assert(payload.len <= JOURNAL_RECORD_BYTES_MAX);
    if (!buf_reserve(out, JOURNAL_FRAME_BYTES + payload.len)) {
        return;
    }
    uint8_t *at = out->data + out->len;
    store_be32(at, (uint32_t)payload.len + 1);
    at[8] = (uint8_t)type;
    out->len += JOURNAL_FRAME_BYTES;
    buf_put(out, payload);
    store_be32(at + 4, frame_crc(seed, at, slice_of(at + 8, payload.len + 1)));
}

enum journal_found journal_frame_next(struct slice bytes, uint32_t seed,
                                      struct journal_frame *ret_frame) {
    ret_frame->size = JOURNAL_FRAME_BYTES;
    struct cursor c = cursor_over(bytes);
    uint32_t length = cursor_be32(&c);
    uint32_t crc = cursor_be32(&c);
    if (c.failed) {
        return JOURNAL_FOUND_PART;
    }
    if (length == 0 || length > JOURNAL_RECORD_BYTES_MAX + 1) {
        return JOURNAL_FOUND_DAMAGE;
    }
    ret_frame->size = JOURNAL_FRAME_BYTES - 1 + (size_t)length;
    struct slice body = cursor_take(&c, length);
    if (c.failed) {
        return JOURNAL_FOUND_PART;
    }
    if (crc != frame_crc(seed, bytes.data, body)) {
        return JOURNAL_FOUND_DAMAGE;
    }
    ret_frame->type = (enum journal_type)body.data[0];
    ret_frame->payload = slice_after(body, 1);
    return JOURNAL_FOUND;
}

bool journal_batch_next(struct slice *batch, struct slice *ret_record, bool *ret_bad) {
    *ret_bad = false;
    if (batch->len == 0) {
        return false;
    }
    struct cursor c = cursor_over(*batch);
    struct slice record = cursor_take(&c, cursor_be32(&c));
    *ret_bad = c.failed;
    if (c.failed) {
        return false;
    }
    *ret_record = record;
    *batch = cursor_rest(&c);
    return true;
}
