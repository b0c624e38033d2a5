#include "dir_priv.h"

void dir_digest_take_out(struct dir *d, struct dir_record *r) {
    if (r->in_digest) {
        d->buckets[r->bucket].digest -= r->hash;
        d->digest -= r->hash;
        r->in_digest = false;
    }
}

void dir_digest_put_in(struct dir *d, struct dir_record *r) {
    assert(!r->in_digest);
    d->buckets[r->bucket].digest += r->hash;
    d->digest += r->hash;
    r->in_digest = true;
}

uint32_t dir_bucket_of(const struct dir *d, struct slice name) {
    return (uint32_t)(hash64(&d->bucket_key, name) % DIR_BUCKETS);
}

uint64_t dir_digest(const struct dir *d, uint32_t bucket) {
    assert(bucket < DIR_BUCKETS);
    return d->buckets[bucket].digest;
}

uint64_t dir_digest_sum(const struct dir *d, uint32_t first, uint32_t count) {
    assert(first <= DIR_BUCKETS && count <= DIR_BUCKETS - first);
    uint64_t sum = 0;
    for (uint32_t i = first; i < first + count; i++) {
        sum += d->buckets[i].digest;
    }
    return sum;
}

uint64_t dir_digest_all(const struct dir *d) {
    return d->digest;
}

/* The record where a walk goes on. It left its place while the walk stood still: from the start,
 * which repeats records but leaves none out. */
static struct dir_record *walk_at(const struct dir *d, uint32_t bucket, uint32_t cursor) {
    struct dir_record *r = cursor ? dir_record_at(d, cursor - 1) : NULL;
    if (r && r->bucket == bucket) {
        return r;
    }
    return dir_chain_first(d, &d->buckets[bucket].chain);
}

bool dir_bucket_hashes(const struct dir *d, uint32_t bucket, uint32_t *cursor, uint64_t *hashes,
                       size_t max, size_t *ret_count) {
    assert(bucket < DIR_BUCKETS && max > 0);
    size_t count = 0;
    struct dir_record *r = walk_at(d, bucket, *cursor);
    for (; r && count < max; r = dir_chain_next(d, r, DIR_IN_BUCKET)) {
        hashes[count++] = r->hash;
    }
    *cursor = r ? r->self.index + 1 : 0;
    *ret_count = count;
    return r != NULL;
}

static bool sorted_has(const uint64_t *values, size_t count, uint64_t value) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (values[mid] < value) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < count && values[low] == value;
}

bool dir_bucket_page(const struct dir *d, uint32_t bucket, uint32_t *cursor, const uint64_t *have,
                     size_t have_count, size_t budget_bytes, struct buf *out) {
    assert(bucket < DIR_BUCKETS);
    size_t start = out->len;
    struct dir_record *r = walk_at(d, bucket, *cursor);
    for (; r; r = dir_chain_next(d, r, DIR_IN_BUCKET)) {
        if (sorted_has(have, have_count, r->hash)) {
            continue;
        }
        size_t used = out->len - start;
        size_t size = 4 + dir_facts_encoded_size(&r->facts, dir_record_name(r));
        if (used > 0 && used + size > budget_bytes) {
            break;
        }
        if (!dir_batch_put(d, r, out) && out->len > 0) {
            break; /* into an empty `out` it will never fit: passed over */
        }
    }
    *cursor = r ? r->self.index + 1 : 0;
    return r != NULL;
}
