/* data_link.h: one transport as the data thread sees it: its association and its channels.
 * Owns: struct data_link its association.
 * Never: outlives the stack.
 * Invariant: in the table exactly from the worker's OPEN to its CLOSE.
 * Callers: the data thread. */
#pragma once

#include "channels.h"
#include "list.h"
#include "map.h"
#include "sctp.h"

struct data_link {
    struct map_node by_transport;
    struct list_node in_owed; /* of the data thread: some of the owes_ flags is set */
    uint64_t transport;
    uint32_t worker;
    bool opens_channels;
    uint32_t max_message_bytes;
    /* owned */ struct sctp_assoc assoc;
    struct channels channels;
    bool announced;    /* its channels were open once: control was told */
    bool closing;      /* the worker was told to close it: nothing is sent any more */
    bool lost;         /* the association is gone: to be closed outside the stack's callbacks */
    bool owes_event;   /* MEDIA_DATA_OPEN */
    bool owes_closing; /* the order to the worker */
};

struct data_links {
    struct map table;
    /* borrowed */ struct sctp_stack *stack;
};

must_check enum status data_links_init(struct data_links *l, struct hash_key key,
                                       struct sctp_stack *stack);
void data_links_deinit(struct data_links *l); /* with all links; zeroed: fine */
struct data_link *data_links_find(const struct data_links *l, uint64_t transport);
/* Starts the association. EXISTS, NO_MEMORY, EXHAUSTED. Its handlers may be called from inside. */
must_check enum status data_links_open(struct data_links *l, const struct data_link *link);
void data_links_close(struct data_links *l, struct data_link *link); /* linked in no list */
