/* list.h: intrusive doubly linked ring.
 * Owns: nothing; nodes live inside the objects they link.
 * Never: allocates.
 * Invariant: a node is either linked or points to itself (after list_node_init or list_remove).
 * Callers: everybody. */
#pragma once

#include "base.h"

struct list_node {
    struct list_node *prev, *next;
};
struct list {
    struct list_node head;
    size_t count;
};

void list_init(struct list *l);
void list_node_init(struct list_node *n);
bool list_node_linked(const struct list_node *n);
static inline bool list_empty(const struct list *l) {
    return l->head.next == &l->head;
}
void list_push_back(struct list *l, struct list_node *n);  /* n is not linked */
void list_push_front(struct list *l, struct list_node *n); /* n is not linked */
void list_remove(struct list *l, struct list_node *n);     /* n is in l */
struct list_node *list_first(const struct list *l);        /* NULL when empty */

#define list_each(node, l)                                                                         \
    for (struct list_node * (node) = (l)->head.next; (node) != &(l)->head; (node) = (node)->next)
/* The current node may be removed in the body; no other may. */
#define list_each_safe(node, after, l)                                                             \
    for (struct list_node * (node) = (l)->head.next, *(after) = (node)->next;                      \
         (node) != &(l)->head; (node) = (after), (after) = (node)->next)
