#include "dir_priv.h"

static struct dir_record *record_of(const struct dir *d, uint32_t link) {
    struct dir_record *r = link ? dir_record_at(d, link - 1) : NULL;
    assert(r || link == 0);
    return r;
}

void dir_chain_push(struct dir *d, struct dir_chain *c, enum dir_list list, struct dir_record *r) {
    assert(!dir_in(r, list));
    struct dir_record *last = record_of(d, c->tail);
    uint32_t here = r->self.index + 1;
    r->links[list] = (struct dir_link){.prev = c->tail};
    if (last) {
        last->links[list].next = here;
    } else {
        c->head = here;
    }
    c->tail = here;
    c->count++;
    r->in_lists |= (uint8_t)BIT(list);
}

void dir_chain_remove(struct dir *d, struct dir_chain *c, enum dir_list list,
                      struct dir_record *r) {
    if (!dir_in(r, list)) {
        return;
    }
    assert(c->count > 0);
    struct dir_link link = r->links[list];
    struct dir_record *prev = record_of(d, link.prev), *next = record_of(d, link.next);
    if (prev) {
        prev->links[list].next = link.next;
    } else {
        c->head = link.next;
    }
    if (next) {
        next->links[list].prev = link.prev;
    } else {
        c->tail = link.prev;
    }
    c->count--;
    r->links[list] = (struct dir_link){0};
    r->in_lists &= (uint8_t)~BIT(list);
}

struct dir_record *dir_chain_first(const struct dir *d, const struct dir_chain *c) {
    return record_of(d, c->head);
}

struct dir_record *dir_chain_next(const struct dir *d, const struct dir_record *r,
                                  enum dir_list list) {
    assert(dir_in(r, list));
    return record_of(d, r->links[list].next);
}
