/* node_join.h: a join between its checks (node_join.c) and its admission (node_admit.c).
 * Owns: nothing. Callers: those two files. */
#pragma once

#include "node_priv.h"

struct refusal {
    uint16_t http_status; /* 0: none */
    struct slice text;
};

/* Lets the participant in, or sets *ret_refusal and has changed nothing. */
must_check enum status node_admit(struct node *n, const struct node_event *ev,
                                  struct slice identity, struct effects *fx,
                                  struct refusal *ret_refusal);

/* node_welcome.c: the join response. `gone` is not listed any more. */
void node_tell_join(struct node *n, struct effects *fx, const struct session *s,
                    const struct dir_room *room, const struct room_counts *counts,
                    const struct participant *gone);
