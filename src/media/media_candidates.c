#include "media_candidates.h"

#include "interfaces.h"

enum {
    HOST_PREFERENCE = 126, /* RFC 8445 5.1.2.1 */
    TCP_PREFERENCE = 90,   /* below all UDP: later is better than never, no more */
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

static void put_line(struct buf *out, const struct net_address *a, size_t foundation, bool tcp,
                     size_t index, uint16_t port) {
    char ip[NET_ADDRESS_TEXT_MAX];
    (void)net_address_ip_text(a, ip);
    uint32_t preference = 65535 - (uint32_t)index;
    uint32_t type = tcp ? TCP_PREFERENCE : HOST_PREFERENCE;
    uint32_t priority = (type << 24) + (preference << 8) + (256 - COMPONENT);
    buf_printf(out, "a=candidate:%zu %d %s %u %s %u typ host%s\r\n", foundation, (int)COMPONENT,
               tcp ? "tcp" : "udp", priority, ip, (unsigned)port, tcp ? " tcptype passive" : "");
}

void candidates_put(struct buf *out, const struct candidate_addresses *a, uint16_t udp_port,
                    uint16_t tcp_port, bool has_v6) {
    size_t foundation = 0;
    for (int tcp = 0; tcp <= 1; tcp++) {
        uint16_t port = tcp ? tcp_port : udp_port;
        for (size_t i = 0; port != 0 && i < a->count; i++) {
            if (a->list[i].family != NET_V6 || has_v6) {
                put_line(out, &a->list[i], ++foundation, tcp, i, port);
            }
        }
    }
}
