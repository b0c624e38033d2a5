#include "list.h"

void list_init(struct list *l) {
    list_node_init(&l->head);
    l->count = 0;
}

void list_node_init(struct list_node *n) {
    n->prev = n;
    n->next = n;
}

bool list_node_linked(const struct list_node *n) {
    return n->next != n;
}

static void link_between(struct list *l, struct list_node *n, struct list_node *prev,
                         struct list_node *next) {
    assert(!list_node_linked(n));
    n->prev = prev;
    n->next = next;
    prev->next = n;
    next->prev = n;
    l->count++;
}

void list_push_back(struct list *l, struct list_node *n) {
    link_between(l, n, l->head.prev, &l->head);
}

void list_push_front(struct list *l, struct list_node *n) {
    link_between(l, n, &l->head, l->head.next);
}

void list_remove(struct list *l, struct list_node *n) {
    assert(list_node_linked(n) && n != &l->head && l->count > 0);
    assert(n->prev->next == n && n->next->prev == n);
    n->prev->next = n->next;
    n->next->prev = n->prev;
    list_node_init(n);
    l->count--;
}

struct list_node *list_first(const struct list *l) {
    return list_empty(l) ? NULL : l->head.next;
}
