#include "nack_list.h"

#include <string.h>

bool nack_list_add(struct nack_list *l, uint64_t now_us, uint32_t sequence) {
    bool fits = l->count < NACKS_MAX;
    if (!fits) {
        l->count--;
        memmove(l->items, l->items + 1, l->count * sizeof l->items[0]);
    }
    l->items[l->count++] = (struct nack_item){.sequence = sequence, .due_us = now_us};
    return fits;
}

void nack_list_remove(struct nack_list *l, uint32_t sequence) {
    for (size_t i = 0; i < l->count; i++) {
        if (l->items[i].sequence == sequence) {
            l->count--;
            memmove(l->items + i, l->items + i + 1, (l->count - i) * sizeof l->items[0]);
            return;
        }
    }
}

uint64_t nack_list_due_us(const struct nack_list *l) {
    uint64_t due = UINT64_MAX;
    for (size_t i = 0; i < l->count; i++) {
        due = MIN(due, l->items[i].due_us);
    }
    return due;
}

static void ask_later(struct nack_item *item, uint64_t now_us, uint32_t rtt_us) {
    uint32_t interval = item->tries == 0 ? rtt_us : item->interval_us + item->interval_us / 4;
    item->interval_us =
        MIN(MAX(interval, (uint32_t)NACK_INTERVAL_MIN_US), (uint32_t)NACK_INTERVAL_MAX_US);
    item->due_us = now_us + item->interval_us;
    item->tries++;
}

size_t nack_list_collect(struct nack_list *l, uint64_t now_us, uint32_t rtt_us, uint16_t *sequences,
                         size_t max) {
    size_t count = 0, kept = 0;
    for (size_t i = 0; i < l->count; i++) {
        struct nack_item item = l->items[i];
        if (item.due_us <= now_us && item.tries >= NACK_TRIES) {
            continue;
        }
        if (item.due_us <= now_us && count < max) {
            sequences[count++] = (uint16_t)item.sequence;
            ask_later(&item, now_us, rtt_us);
        }
        l->items[kept++] = item;
    }
    l->count = kept;
    return count;
}
