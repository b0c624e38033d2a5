/* udp_send.c: batches out. Neighbours of one path and length become one message with UDP_SEGMENT,
 * and many messages one system call. */
#include <errno.h>
#include <string.h>

#include "fault.h"
#include "udp.h"
#include "udp_priv.h"

static bool same_path(const struct udp_path *a, const struct udp_path *b) {
    return memcmp(a, b, sizeof *a) == 0;
}

/* How many from the front of the list go out as one message: all as long as the first, but for
 * one shorter at the end. */
static uint32_t group_len(const struct udp_outgoing *list, size_t count) {
    size_t bytes = list[0].data.len;
    uint32_t n = 1;
    while (n < count && n < UDP_SEGMENTS_MAX && same_path(&list[n].path, &list[0].path)) {
        size_t len = list[n].data.len;
        if (len == 0 || len > list[0].data.len || bytes + len > UDP_SEND_BYTES_MAX) {
            break;
        }
        bytes += len;
        n++;
        if (len < list[0].data.len) {
            break;
        }
    }
    return n;
}

static size_t put_control(struct msghdr *m, size_t used, int level, int type, const void *data,
                          size_t len) {
    struct cmsghdr *c = (struct cmsghdr *)(void *)((uint8_t *)m->msg_control + used);
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(c), data, len);
    return used + CMSG_SPACE(len);
}

static size_t put_local(struct msghdr *m, const struct net_address *local) {
    if (local->family == NET_V4) {
        struct in_pktinfo info = {0};
        memcpy(&info.ipi_spec_dst, local->ip, 4);
        return put_control(m, 0, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    }
    struct in6_pktinfo info = {.ipi6_ifindex = local->scope};
    memcpy(&info.ipi6_addr, local->ip, 16);
    return put_control(m, 0, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
}

static void fill_control(struct msghdr *m, struct udp_message *message,
                         const struct udp_outgoing *first) {
    const struct net_address *local = &first->path.local;
    size_t used = 0;
    m->msg_control = &message->control;
    if (local->family != NET_NONE && !net_address_is_any(local)) {
        used = put_local(m, local);
    }
    if (message->count > 1) {
        uint16_t segment = (uint16_t)first->data.len;
        used = put_control(m, used, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment);
    }
    m->msg_controllen = used;
    if (used == 0) {
        m->msg_control = NULL;
    }
}

static void fill_message(struct udp_socket *s, size_t index, const struct udp_outgoing *list,
                         uint32_t count) {
    struct udp_message *message = &s->messages[index];
    struct msghdr *m = &s->headers[index].msg_hdr;
    message->count = count;
    message->bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct slice d = list[i].data;
        message->parts[i] = (struct iovec){(void *)(uintptr_t)d.data, d.len};
        message->bytes += d.len;
    }
    *m = (struct msghdr){.msg_name = &message->to,
                         .msg_namelen = net_address_to_sockaddr(&list[0].path.remote, &message->to),
                         .msg_iov = message->parts,
                         .msg_iovlen = count};
    fill_control(m, message, list);
}

/* Returns how many messages it made of the front of the list. Nothing before `alone_until` is
 * joined: its joined form has just failed. */
static size_t fill_batch(struct udp_socket *s, const struct udp_outgoing *list, size_t count,
                         size_t alone_until) {
    size_t made = 0;
    for (size_t at = 0; at < count && made < UDP_MESSAGES_MAX; made++) {
        bool join = s->segmentation && at >= alone_until;
        uint32_t n = join ? group_len(list + at, count - at) : 1;
        fill_message(s, made, list + at, n);
        at += n;
    }
    return made;
}

/* As sendmmsg; the seam acts as the kernel does where segmentation is not to be had. */
static int send_batch(struct udp_socket *s, size_t made) {
    if (fault_value(FAULT_SEGMENT_FAIL) != 0) {
        size_t plain = 0;
        while (plain < made && s->messages[plain].count == 1) {
            plain++;
        }
        if (plain == 0) {
            errno = EIO;
            return -1;
        }
        made = plain;
    }
    int sent;
    do {
        sent = sendmmsg(s->fd, s->headers, (unsigned)made, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent;
}

static size_t count_sent(struct udp_socket *s, int messages) {
    size_t datagrams = 0;
    for (int i = 0; i < messages; i++) {
        const struct udp_message *m = &s->messages[i];
        datagrams += m->count;
        s->stats.bytes_out += m->bytes;
        if (m->count > 1) {
            s->stats.joined += m->count;
        }
    }
    s->stats.datagrams_out += datagrams;
    s->stats.messages_out += (uint64_t)messages;
    return datagrams;
}

/* Whether the datagrams of a joined message that failed may pass one by one. EIO: the device
 * cannot make the checksums that segmentation needs, and never will. The others tell that the MTU
 * of this path is below the segment, which says nothing of other paths: no peer can turn
 * segmentation off for all. */
static bool try_alone(struct udp_socket *s, int error) {
    if (error == EIO) {
        s->segmentation = false;
    }
    return error == EIO || error == EINVAL || error == EMSGSIZE;
}

size_t udp_send(struct udp_socket *s, const struct udp_outgoing *list, size_t count) {
    assert(s->magic == UDP_SOCKET_MAGIC);
    size_t done = 0;
    size_t alone_until = 0;
    while (done < count) {
        size_t made =
            fill_batch(s, list + done, count - done, alone_until > done ? alone_until - done : 0);
        int sent = send_batch(s, made);
        s->stats.calls_out++;
        if (sent > 0) {
            done += count_sent(s, sent);
        } else if (errno == EAGAIN) {
            s->stats.full++;
            break;
        } else if (s->messages[0].count > 1 && try_alone(s, errno)) {
            alone_until = done + s->messages[0].count;
        } else {
            s->stats.refused += s->messages[0].count; /* the network's loss; the rest goes on */
            done += s->messages[0].count;
        }
    }
    return done;
}
