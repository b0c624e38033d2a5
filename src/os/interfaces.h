/* interfaces.h: the addresses of this machine, for ICE candidates.
 * Owns: nothing.
 * Never: gives loopback (unless asked), link-local or down interfaces.
 * Invariant: no address twice; port 0. IPv4 first, in the kernel's order.
 * Callers: app at start. */
#pragma once

#include "net_address.h"

struct interfaces_filter {
    bool v4, v6;
    bool loopback; /* also give loopback addresses */
};

/* At most `max`; what is beyond is left out. *ret_count may be 0. */
must_check enum status interfaces_list(const struct interfaces_filter *filter,
                                       struct net_address *list, size_t max, size_t *ret_count);
