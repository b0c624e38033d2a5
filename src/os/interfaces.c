#include "interfaces.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>

#include "os_priv.h"

static bool wanted(const struct interfaces_filter *filter, const struct ifaddrs *i,
                   const struct net_address *a) {
    bool up = (i->ifa_flags & IFF_UP) && (i->ifa_flags & IFF_RUNNING);
    return up && (filter->loopback || !net_address_is_loopback(a)) &&
           !net_address_is_link_local(a) && !net_address_is_any(a);
}

static bool listed(const struct net_address *list, size_t count, const struct net_address *a) {
    for (size_t i = 0; i < count; i++) {
        if (net_address_equal(&list[i], a)) {
            return true;
        }
    }
    return false;
}

enum status interfaces_list(const struct interfaces_filter *filter, struct net_address *list,
                            size_t max, size_t *ret_count) {
    struct ifaddrs *all;
    if (getifaddrs(&all) != 0) {
        return os_status(errno);
    }
    size_t count = 0;
    const enum net_family order[] = {NET_V4, NET_V6};
    for (size_t pass = 0; pass < ARRAY_LEN(order); pass++) {
        if (!(order[pass] == NET_V4 ? filter->v4 : filter->v6)) {
            continue;
        }
        for (const struct ifaddrs *i = all; i && count < max; i = i->ifa_next) {
            if (!i->ifa_addr) {
                continue; /* an interface without addresses */
            }
            struct net_address a = net_address_from_sockaddr(i->ifa_addr);
            if (a.family == order[pass] && wanted(filter, i, &a) && !listed(list, count, &a)) {
                list[count++] = a;
            }
        }
    }
    freeifaddrs(all);
    *ret_count = count;
    return STATUS_OK;
}
