#include <string.h>

#include "fd.h"
#include "file.h"
#include "hash.h"
#include "journal_priv.h"

void journal_segment_close(struct journal_segment *s) {
    fd_close(&s->fd);
    *s = (struct journal_segment){.fd = -1};
}

enum status journal_segment_create(const char *folder, uint64_t number, struct slice node,
                                   uint64_t created_ms, struct journal_segment *ret_segment) {
    char path[JOURNAL_PATH_BYTES];
    uint8_t bytes[JOURNAL_HEADER_BYTES];
    struct journal_header h = {.segment = number, .created_ms = created_ms};
    if (node.len > 0) {
        memcpy(h.node, node.data, node.len);
    }
    journal_header_encode(&h, bytes);
    journal_file_path(folder, number, path);
    /* Whole or not at all, and its name is on the disk before anything relies on it. */
    enum status s = file_write_atomic(path, slice_of(bytes, sizeof bytes), 0600);
    int fd = -1;
    s = s == STATUS_OK ? file_open_append(path, 0600, &fd) : s;
    if (s == STATUS_OK) {
        *ret_segment = (struct journal_segment){
            .fd = fd, .number = number, .end = sizeof bytes, .seed = h.seed, .end_known = true};
    }
    return s;
}

enum status journal_segment_reopen(const char *folder, const struct journal_read *read,
                                   struct journal_segment *ret_segment) {
    assert(read->header_status == STATUS_OK && read->end >= JOURNAL_HEADER_BYTES);
    char path[JOURNAL_PATH_BYTES];
    journal_file_path(folder, read->header.segment, path);
    int fd = -1;
    enum status s = file_open_append(path, 0600, &fd);
    if (s == STATUS_OK) {
        *ret_segment = (struct journal_segment){.fd = fd,
                                                .number = read->header.segment,
                                                .end = read->end,
                                                .last_at = read->last_at,
                                                .seed = read->header.seed};
    }
    return s;
}

/* Reads a record back, a piece at a time, and compares its CRC. */
static bool is_record_sound(int fd, uint64_t at, uint64_t end, uint32_t seed) {
    uint8_t piece[4096];
    if (end - at < JOURNAL_FRAME_BYTES || file_read_at(fd, at, piece, 8) != STATUS_OK) {
        return false;
    }
    uint64_t length = 0, wanted = 0;
    for (int i = 0; i < 4; i++) {
        length = length << 8 | piece[i];
        wanted = wanted << 8 | piece[4 + i];
    }
    uint32_t crc = crc32c(seed, slice_of(piece, 4));
    bool sound = length == end - at - 8;
    for (at += 8; sound && at < end;) {
        size_t size = (size_t)MIN(end - at, (uint64_t)sizeof piece);
        sound = file_read_at(fd, at, piece, size) == STATUS_OK;
        crc = sound ? crc32c(crc, slice_of(piece, size)) : crc;
        at += size;
    }
    return sound && crc == wanted;
}

static bool is_end_sound(const struct journal_segment *s, const char *folder) {
    char path[JOURNAL_PATH_BYTES];
    journal_file_path(folder, s->number, path);
    _cleanup_(fd_close) int fd = -1;
    uint64_t bytes;
    /* By its name: a file that somebody deleted takes bytes and keeps none. */
    if (file_open_read(path, &fd) != STATUS_OK || file_size(fd, &bytes) != STATUS_OK ||
        bytes != s->end) {
        return false;
    }
    if (s->last_at > 0) {
        return is_record_sound(fd, s->last_at, s->end, s->seed);
    }
    uint8_t header[JOURNAL_HEADER_BYTES];
    struct journal_header h;
    return s->end == sizeof header && file_read_at(fd, 0, header, sizeof header) == STATUS_OK &&
           journal_header_decode(slice_of(header, sizeof header), &h) == STATUS_OK &&
           h.seed == s->seed;
}

enum status journal_segment_repair(struct journal_segment *s, const char *folder) {
    enum status st = file_truncate(s->fd, s->end);
    if (st != STATUS_OK) {
        return st;
    }
    s->end_known = is_end_sound(s, folder);
    return s->end_known ? STATUS_OK : STATUS_IO;
}

enum status journal_segment_append(struct journal_segment *s, struct slice data, size_t last_at) {
    assert(s->fd >= 0 && s->end_known && last_at < data.len);
    enum status st = file_append(s->fd, data);
    if (st != STATUS_OK) {
        s->end_known = false;
        return st;
    }
    s->last_at = s->end + last_at;
    s->end += data.len;
    return STATUS_OK;
}
