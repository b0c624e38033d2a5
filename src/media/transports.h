/* transports.h: a worker's transports, found by id, by their ufrag, by the addresses of a datagram.
 * Owns: the transports in it.
 * Never: lets one transport take over an address pair that another one is using.
 * Invariant: a pair is in the table exactly while it is in its transport; a path has one pair.
 * Callers: workers. One thread. */
#pragma once

#include "transport.h"

enum { PAIR_IN_USE_MS = 5000 }; /* clients check the pair in use every 2.5 s or so */

struct transports {
    struct map by_id, by_ufrag, by_path;
};

must_check enum status transports_init(struct transports *s, struct hash_key key);
void transports_deinit(struct transports *s); /* empty (asserted); zeroed: fine */

/* EXISTS: the id or the ufrag is taken. */
must_check enum status transports_add(struct transports *s, struct transport *t);
void transports_remove(struct transports *s, struct transport *t); /* with its pairs; not freed */
/* Adds credentials of a restart; those of an earlier restart not used yet go. EXISTS. */
must_check enum status transports_add_credentials(struct transports *s, struct transport *t,
                                                  struct credentials *next);
/* The restart's credentials were used: the old ones go. */
void transports_use_next(struct transports *s, struct transport *t);

struct transport *transports_find(const struct transports *s, uint64_t id);
struct credentials *transports_find_ufrag(const struct transports *s, struct slice ufrag);
struct pair *transports_find_pair(const struct transports *s, const struct udp_path *path);
/* The pair of this path, made when it is new. DENIED: another transport is using these addresses.
 * NO_MEMORY. */
must_check enum status transports_pair(struct transports *s, struct transport *t,
                                       const struct udp_path *path, uint64_t now_ms,
                                       struct pair **ret_pair);
