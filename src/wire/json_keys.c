#include "json.h"

/* Heap sort: in place, and no order of keys makes it slow. */
static void sift_down(struct slice *keys, size_t at, size_t count) {
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count) {
            return;
        }
        if (child + 1 < count && slice_compare(keys[child], keys[child + 1]) < 0) {
            child++;
        }
        if (slice_compare(keys[at], keys[child]) >= 0) {
            return;
        }
        struct slice moved = keys[at];
        keys[at] = keys[child];
        keys[child] = moved;
        at = child;
    }
}

bool json_keys_unique(struct slice *keys, size_t count) {
    for (size_t at = count / 2; at > 0; at--) {
        sift_down(keys, at - 1, count);
    }
    for (size_t end = count; end > 1; end--) {
        struct slice greatest = keys[0];
        keys[0] = keys[end - 1];
        keys[end - 1] = greatest;
        sift_down(keys, 0, end - 1);
    }
    for (size_t i = 1; i < count; i++) {
        if (slice_eq(keys[i - 1], keys[i])) {
            return false;
        }
    }
    return true;
}
