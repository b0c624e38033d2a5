#include "media_candidates.h"

#include "interfaces.h"

enum {
    HOST_PREFERENCE = 126, /* RFC 8445 5.1.2.1 */
    COMPONENT = 1,         /* RTP and RTCP share it */
};

static void add(struct candidate_addresses *a, const struct net_address *address) {
    for (size_t i = 0; i < a->count; i++) {
        if (net_address_same_ip(&a->list[i], address)) {
            return;
        }
    }
    if (a->count < CANDIDATE_ADDRESSES_MAX) {
        a->list[a->count++] = *address;
    }
}

enum status candidate_addresses_find(const struct media_config *config,
                                     struct candidate_addresses *ret_addresses) {
    struct candidate_addresses a = {0};
    for (size_t i = 0; i < config->node_ips_count; i++) {
        struct net_address address;
        if (net_address_parse(slice_from_cstr(config->node_ips[i]), 0, &address) != STATUS_OK) {
            return STATUS_INVALID;
        }
        add(&a, &address);
    }
    if (config->node_ips_count == 0) {
        const struct interfaces_filter filter = {.v4 = true, .v6 = true};
        enum status s = interfaces_list(&filter, a.list, CANDIDATE_ADDRESSES_MAX, &a.count);
        if (s != STATUS_OK) {
            return s;
        }
    }
    if (config->loopback_candidates) {
        struct net_address loopback = net_address_loopback(NET_V4, 0);
        add(&a, &loopback);
    }
    *ret_addresses = a;
    return STATUS_OK;
}

void candidates_put(struct buf *out, const struct candidate_addresses *a, uint16_t port,
                    bool has_v6) {
    for (size_t i = 0; i < a->count; i++) {
        if (a->list[i].family == NET_V6 && !has_v6) {
            continue;
        }
        char ip[NET_ADDRESS_TEXT_MAX];
        (void)net_address_ip_text(&a->list[i], ip);
        uint32_t preference = 65535 - (uint32_t)i;
        uint32_t priority =
            ((uint32_t)HOST_PREFERENCE << 24) + (preference << 8) + (256 - COMPONENT);
        buf_printf(out, "a=candidate:%zu %d udp %u %s %u typ host\r\n", i + 1, (int)COMPONENT,
                   priority, ip, (unsigned)port);
    }
}
