#include "data_link.h"

#include "mem.h"

static bool link_equal(const struct map_node *node, struct slice key) {
    const struct data_link *link = container_of(node, const struct data_link, by_transport);
    return slice_eq(slice_of(&link->transport, sizeof link->transport), key);
}

enum status data_links_init(struct data_links *l, struct hash_key key, struct sctp_stack *stack) {
    *l = (struct data_links){.stack = stack};
    return map_init(&l->table, key, link_equal);
}

void data_links_deinit(struct data_links *l) {
    while (l->table.count > 0) {
        struct map_node *node = map_any(&l->table);
        data_links_close(l, container_of(node, struct data_link, by_transport));
    }
    map_deinit(&l->table);
    *l = (struct data_links){0};
}

struct data_link *data_links_find(const struct data_links *l, uint64_t transport) {
    struct map_node *node = map_find(&l->table, slice_of(&transport, sizeof transport));
    return node ? container_of(node, struct data_link, by_transport) : NULL;
}

enum status data_links_open(struct data_links *l, const struct data_link *config) {
    if (data_links_find(l, config->transport)) {
        return STATUS_EXISTS;
    }
    struct data_link *link = mem_alloc(sizeof *link);
    if (!link) {
        return STATUS_NO_MEMORY;
    }
    *link = *config;
    list_node_init(&link->in_owed);
    /* In the table first: the stack sends its INIT before sctp_open returns. */
    map_insert(&l->table, &link->by_transport, slice_of(&link->transport, sizeof link->transport));
    enum status s = sctp_open(l->stack, &link->assoc, link->transport);
    if (s != STATUS_OK) {
        data_links_close(l, link);
    }
    return s;
}

void data_links_close(struct data_links *l, struct data_link *link) {
    assert(!list_node_linked(&link->in_owed));
    sctp_close(l->stack, &link->assoc);
    map_remove(&l->table, &link->by_transport);
    mem_free(link);
}
