#include "udp.h"

#include <errno.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"
#include "os_priv.h"
#include "tcp.h"
#include "udp_priv.h"

static bool set_int(int fd, int level, int option, int value) {
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

/* The forced form may go above the system's bound, and needs a privilege. */
static void set_kernel_buffers(int fd, const struct udp_options *o) {
    if (o->receive_bytes > 0) {
        int bytes = (int)MIN(o->receive_bytes, (uint32_t)INT32_MAX / 2);
        (void)(set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes) ||
               set_int(fd, SOL_SOCKET, SO_RCVBUF, bytes));
    }
    if (o->send_bytes > 0) {
        int bytes = (int)MIN(o->send_bytes, (uint32_t)INT32_MAX / 2);
        (void)(set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, bytes) ||
               set_int(fd, SOL_SOCKET, SO_SNDBUF, bytes));
    }
}

/* Without the address asked, replies could leave from another one and be dropped by the peer. */
static bool ask_for_local_address(int fd, uint16_t family) {
    if (family == NET_V4) {
        return set_int(fd, IPPROTO_IP, IP_PKTINFO, 1);
    }
    return set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) &&
           set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
}

static enum status bind_socket(struct udp_socket *s, const struct net_address *to) {
    struct sockaddr_storage sa;
    uint32_t len = net_address_to_sockaddr(to, &sa);
    if (bind(s->fd, (struct sockaddr *)&sa, len) != 0) {
        return os_status(errno);
    }
    return tcp_local_address(s->fd, &s->local);
}

/* Offered by the kernel since 4.18 and 5.0; whether the path really takes segmented sends shows
 * when sending. */
static void probe_segmentation(struct udp_socket *s) {
    s->segmentation = set_int(s->fd, SOL_UDP, UDP_SEGMENT, 0);
    s->stats.receive_joined = set_int(s->fd, SOL_UDP, UDP_GRO, 1);
}

static enum status set_up(struct udp_socket *s, const struct udp_options *o) {
    int family = o->bind.family == NET_V4 ? AF_INET : AF_INET6;
    s->fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0) {
        return os_status(errno);
    }
    if (!ask_for_local_address(s->fd, o->bind.family)) {
        return STATUS_UNAVAILABLE;
    }
    set_kernel_buffers(s->fd, o);
    if (!o->no_segmentation) {
        probe_segmentation(s);
    }
    return bind_socket(s, &o->bind);
}

enum status udp_open(const struct udp_options *options, struct udp_socket **ret_socket) {
    assert(options->bind.family == NET_V4 || options->bind.family == NET_V6);
    struct udp_socket *s = mem_zalloc(sizeof *s);
    if (!s) {
        return STATUS_NO_MEMORY;
    }
    s->magic = UDP_SOCKET_MAGIC;
    enum status status = set_up(s, options);
    if (status != STATUS_OK) {
        (void)udp_close(s);
        return status;
    }
    *ret_socket = s;
    return STATUS_OK;
}

enum status udp_open_range(const struct udp_options *options, uint16_t first, uint16_t last,
                           struct udp_socket **ret_socket) {
    assert(first > 0 && first <= last);
    struct udp_options o = *options;
    enum status s = STATUS_EXISTS;
    for (uint32_t port = first; port <= last && s == STATUS_EXISTS; port++) {
        o.bind.port = (uint16_t)port;
        s = udp_open(&o, ret_socket);
    }
    return s;
}

struct udp_socket *udp_close(struct udp_socket *s) {
    if (s) {
        assert(s->magic == UDP_SOCKET_MAGIC);
        fd_close(&s->fd);
        mem_free(s);
    }
    return NULL;
}

int udp_fd(const struct udp_socket *s) {
    return s->fd;
}

struct net_address udp_local(const struct udp_socket *s) {
    return s->local;
}

struct udp_stats udp_stats(const struct udp_socket *s) {
    struct udp_stats stats = s->stats;
    stats.segmentation_on = s->segmentation;
    return stats;
}
