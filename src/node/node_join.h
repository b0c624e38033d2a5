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

/* node_resume.c: the session that this join takes up again, or NULL. */
struct session *session_to_resume(struct node *n, const struct node_event *ev,
                                  struct slice identity);
must_check enum status session_resume(struct node *n, struct session *s,
                                      const struct node_event *ev, struct effects *fx);

/* node_welcome.c: what a client is told first. */
void node_fill_server(struct node *n, Livekit__ServerInfo *ret_server);
size_t node_fill_ice_servers(struct node *n, Livekit__ICEServer ***ret_list);
/* The join response. `gone` is not listed any more. */
void node_tell_join(struct node *n, struct effects *fx, const struct session *s,
                    const struct dir_room *room, const struct room_counts *counts,
                    const struct participant *gone);
