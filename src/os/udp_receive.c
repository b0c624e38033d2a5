/* udp_receive.c: batches in. With UDP_GRO the kernel joins datagrams of one sender and equal
 * length (the last may be shorter) into one message and tells the length: here they are split. */
#include <errno.h>
#include <string.h>

#include "mem.h"
#include "udp.h"
#include "udp_priv.h"

enum {
    INBOX_MAGIC = 0x55494e42,
    /* A little over the message, so that the buffers do not all start on the same cache set. */
    INBOX_STRIDE = UDP_INBOX_MESSAGE_BYTES + 1088,
    /* The kernel joins at most 64; should it ever join more, the rest is left out and counted. */
    INBOX_DATAGRAMS_MAX = UDP_INBOX_MESSAGES * 64,
};

struct udp_inbox {
    uint32_t magic;
    uint8_t *buffers; /* owned: UDP_INBOX_MESSAGES of INBOX_STRIDE bytes */
    struct mmsghdr headers[UDP_INBOX_MESSAGES];
    struct iovec parts[UDP_INBOX_MESSAGES];
    struct sockaddr_storage from[UDP_INBOX_MESSAGES];
    struct udp_path paths[UDP_INBOX_MESSAGES];
    struct udp_control control[UDP_INBOX_MESSAGES];
    struct udp_datagram list[INBOX_DATAGRAMS_MAX];
    size_t count;
};

struct udp_inbox *udp_inbox_create(void) {
    struct udp_inbox *in = mem_zalloc(sizeof *in);
    if (!in) {
        return NULL;
    }
    in->magic = INBOX_MAGIC;
    in->buffers = mem_alloc((size_t)UDP_INBOX_MESSAGES * INBOX_STRIDE);
    if (!in->buffers) {
        return udp_inbox_destroy(in);
    }
    for (size_t i = 0; i < UDP_INBOX_MESSAGES; i++) {
        in->parts[i] = (struct iovec){in->buffers + i * INBOX_STRIDE, UDP_INBOX_MESSAGE_BYTES};
    }
    return in;
}

struct udp_inbox *udp_inbox_destroy(struct udp_inbox *in) {
    if (in) {
        assert(in->magic == INBOX_MAGIC);
        mem_free(in->buffers);
        mem_free(in);
    }
    return NULL;
}

/* The kernel wrote over lengths in the last call. */
static void prepare(struct udp_inbox *in) {
    for (size_t i = 0; i < UDP_INBOX_MESSAGES; i++) {
        in->headers[i].msg_hdr = (struct msghdr){.msg_name = &in->from[i],
                                                 .msg_namelen = sizeof in->from[i],
                                                 .msg_iov = &in->parts[i],
                                                 .msg_iovlen = 1,
                                                 .msg_control = &in->control[i],
                                                 .msg_controllen = sizeof in->control[i]};
    }
    in->count = 0;
}

static struct net_address local_from_v4(const struct cmsghdr *c, uint16_t port) {
    struct in_pktinfo info;
    memcpy(&info, CMSG_DATA(c), sizeof info);
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
    sa.sin_addr = info.ipi_spec_dst; /* ours, also when it was sent to a broadcast address */
    return net_address_from_sockaddr((const struct sockaddr *)&sa);
}

static struct net_address local_from_v6(const struct cmsghdr *c, uint16_t port) {
    struct in6_pktinfo info;
    memcpy(&info, CMSG_DATA(c), sizeof info);
    struct sockaddr_in6 sa = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    sa.sin6_addr = info.ipi6_addr;
    sa.sin6_scope_id = info.ipi6_ifindex;
    return net_address_from_sockaddr((const struct sockaddr *)&sa);
}

/* Fills the path and returns the length of the joined datagrams, 0 when none were joined. */
static size_t read_control(const struct udp_socket *s, struct msghdr *m, struct udp_path *path) {
    size_t segment = 0;
    path->local = s->local;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            path->local = local_from_v4(c, s->local.port);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            path->local = local_from_v6(c, s->local.port);
        } else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
            int size;
            memcpy(&size, CMSG_DATA(c), sizeof size);
            segment = size > 0 ? (size_t)size : 0;
        }
    }
    return segment;
}

static void split_message(struct udp_socket *s, struct udp_inbox *in, size_t index) {
    struct mmsghdr *h = &in->headers[index];
    struct udp_path *path = &in->paths[index];
    path->remote = net_address_from_sockaddr((const struct sockaddr *)&in->from[index]);
    size_t segment = read_control(s, &h->msg_hdr, path);
    uint8_t *data = in->buffers + index * INBOX_STRIDE;
    size_t left = h->msg_len;
    do { /* an empty datagram is one too */
        size_t len = segment > 0 ? MIN(segment, left) : left;
        if (in->count == INBOX_DATAGRAMS_MAX) {
            s->stats.overflowed++;
            return;
        }
        in->list[in->count++] =
            (struct udp_datagram){.data = data, .len = (uint32_t)len, .path = path};
        s->stats.datagrams_in++;
        s->stats.bytes_in += len;
        data += len;
        left -= len;
    } while (left > 0);
}

size_t udp_receive(struct udp_socket *s, struct udp_inbox *in,
                   const struct udp_datagram **ret_list) {
    assert(s->magic == UDP_SOCKET_MAGIC && in->magic == INBOX_MAGIC);
    prepare(in);
    int count;
    do {
        count = recvmmsg(s->fd, in->headers, UDP_INBOX_MESSAGES, MSG_DONTWAIT, NULL);
    } while (count < 0 && errno == EINTR);
    s->stats.calls_in++;
    for (int i = 0; i < count; i++) {
        split_message(s, in, (size_t)i);
    }
    *ret_list = in->list;
    return in->count;
}
