#include "broken.h"
#include "cursor.h"
#include "dir_priv.h"

bool dir_batch_put(const struct dir *d, const struct dir_record *r, struct buf *out) {
    struct slice name = dir_record_name(r);
    size_t size = dir_facts_encoded_size(&r->facts, name);
    if (out->failed || size > UINT32_MAX || size + 4 > out->bytes_max - out->len) {
        return false;
    }
    if (!buf_reserve(out, size + 4)) {
        out->failed = false; /* memory, not the bound: nothing was written, it can go later */
        return false;
    }
    size_t start = out->len;
    buf_put_be32(out, (uint32_t)size);
    dir_facts_encode(&r->facts, name, out);
    assert(!out->failed && out->len - start == size + 4);
    (void)start;
    return true;
}

bool dir_batch_next(struct slice *batch, struct slice *ret_record, bool *ret_bad) {
    if (batch->len == 0) {
        return false;
    }
    struct cursor c = cursor_over(*batch);
    size_t len = cursor_be32(&c);
    struct slice record = cursor_take(&c, len);
    if (c.failed || len == 0) {
        *batch = (struct slice){0};
        *ret_bad = true;
        return false;
    }
    *batch = cursor_rest(&c);
    *ret_record = record;
    return true;
}

static size_t owed_next(struct dir *d, struct dir_chain *chain, enum dir_list list,
                        size_t budget_bytes, struct buf *out) {
    size_t count = 0, start = out->len;
    struct dir_record *r;
    while ((r = dir_chain_first(d, chain)) != NULL) {
        size_t used = out->len - start;
        size_t size = 4 + dir_facts_encoded_size(&r->facts, dir_record_name(r));
        if (count > 0 && used + size > budget_bytes) {
            break;
        }
        bool put = dir_batch_put(d, r, out);
        dir_chain_remove(d, chain, list, r);
        if (!put) {
            /* Still owed, but behind the others: it must not stop them. */
            dir_chain_push(d, chain, list, r);
            break;
        }
        if (BROKEN(OWED) && list == DIR_IN_DELTA) {
            dir_chain_push(d, chain, list, r);
            return count + 1;
        }
        count++;
        d->counts.steps++;
        dir_record_settle(d, r);
    }
    dir_after(d);
    return count;
}

size_t dir_delta_next(struct dir *d, size_t budget_bytes, struct buf *out) {
    return owed_next(d, &d->delta, DIR_IN_DELTA, budget_bytes, out);
}

size_t dir_delta_owed(const struct dir *d) {
    return d->delta.count;
}

size_t dir_journal_next(struct dir *d, size_t budget_bytes, struct buf *out) {
    return owed_next(d, &d->journal, DIR_IN_JOURNAL, budget_bytes, out);
}

size_t dir_journal_owed(const struct dir *d) {
    return d->journal.count;
}

uint64_t dir_journal_gaps(const struct dir *d) {
    return d->counts.journal_gaps;
}

void dir_journal_mark(struct dir *d, struct slice name) {
    struct dir_record *r = dir_record_find(d, name);
    if (r && !dir_in(r, DIR_IN_JOURNAL)) {
        dir_chain_push(d, &d->journal, DIR_IN_JOURNAL, r);
    }
}

bool dir_snapshot_next(const struct dir *d, uint32_t *cursor, size_t budget_bytes,
                       struct buf *out) {
    enum { BYTES_PER_SLOT = 64 }; /* a slot looked at counts like this much output */
    uint32_t extent = pool_extent(&d->pool);
    size_t start = out->len, looked = 0;
    while (*cursor < extent && out->len - start + looked * BYTES_PER_SLOT <= budget_bytes) {
        const struct dir_record *r = dir_record_at(d, *cursor);
        if (r && !dir_batch_put(d, r, out) && out->len > 0) {
            break; /* into an empty `out` it will never fit: passed over */
        }
        (*cursor)++;
        looked++;
    }
    return *cursor < extent;
}

enum status dir_record_encode(const struct dir *d, struct slice name, struct buf *out) {
    const struct dir_record *r = dir_record_find_const(d, name);
    if (!r) {
        return STATUS_NOT_FOUND;
    }
    size_t size = dir_facts_encoded_size(&r->facts, name);
    if (out->failed || size > out->bytes_max - out->len) {
        return STATUS_TOO_LARGE;
    }
    if (!buf_reserve(out, size)) {
        out->failed = false; /* nothing was written */
        return STATUS_NO_MEMORY;
    }
    dir_facts_encode(&r->facts, name, out);
    return STATUS_OK;
}
