#include "tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fd.h"
#include "os_priv.h"

static int family_of(const struct net_address *a) {
    return a->family == NET_V4 ? AF_INET : AF_INET6;
}

static void set_int(int fd, int level, int option, int value) {
    (void)setsockopt(fd, level, option, &value, sizeof value);
}

static int open_socket(const struct net_address *a) {
    return socket(family_of(a), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

enum status tcp_listen(const struct net_address *bind_to, const struct tcp_listen_options *options,
                       int *ret_fd) {
    _cleanup_(fd_close) int fd = open_socket(bind_to);
    if (fd < 0) {
        return os_status(errno);
    }
    set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (options->reuse_port) {
        set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    }
    if (bind_to->family == NET_V6) {
        set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    }
    struct sockaddr_storage sa;
    uint32_t len = net_address_to_sockaddr(bind_to, &sa);
    int backlog = options->backlog ? (int)MIN(options->backlog, 65535u) : SOMAXCONN;
    if (bind(fd, (struct sockaddr *)&sa, len) != 0 || listen(fd, backlog) != 0) {
        return os_status(errno);
    }
    *ret_fd = fd;
    fd = -1;
    return STATUS_OK;
}

/* Errors of the connection waiting, not of the listener: Linux passes them through accept. */
static bool connection_was_lost(int error) {
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPERM:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH: return true;
    default: return false;
    }
}

enum status tcp_accept(int listen_fd, int *ret_fd, struct net_address *ret_peer) {
    struct sockaddr_storage sa;
    socklen_t len;
    int fd;
    do {
        len = sizeof sa;
        fd = accept4(listen_fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (fd < 0 && connection_was_lost(errno));
    if (fd < 0) {
        enum status s = os_status(errno);
        return s == STATUS_NO_MEMORY ? STATUS_EXHAUSTED : s;
    }
    tcp_set_nodelay(fd, true);
    *ret_fd = fd;
    *ret_peer = net_address_from_sockaddr((struct sockaddr *)&sa);
    return STATUS_OK;
}

enum status tcp_connect(const struct net_address *to, int *ret_fd) {
    _cleanup_(fd_close) int fd = open_socket(to);
    if (fd < 0) {
        return os_status(errno);
    }
    tcp_set_nodelay(fd, true);
    struct sockaddr_storage sa;
    uint32_t len = net_address_to_sockaddr(to, &sa);
    if (connect(fd, (struct sockaddr *)&sa, len) != 0 && errno != EINPROGRESS) {
        return os_status(errno);
    }
    *ret_fd = fd;
    fd = -1;
    return STATUS_OK;
}

enum status tcp_connect_result(int fd) {
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) {
        error = errno;
    }
    enum status s = error ? os_status(error) : STATUS_OK;
    return s == STATUS_CLOSED ? STATUS_UNAVAILABLE : s; /* reset at once: nobody serves there */
}

/* A peer that is gone is CLOSED to writers, but IO to readers, whose end of stream is orderly. */
static enum status io_status(int error, enum status when_gone) {
    enum status s = os_status(error);
    if (s == STATUS_AGAIN) {
        return s;
    }
    return s == STATUS_CLOSED ? when_gone : STATUS_IO;
}

enum status tcp_read(int fd, void *out, size_t size, size_t *ret_len) {
    assert(size > 0);
    ssize_t got;
    do {
        got = recv(fd, out, size, 0);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return io_status(errno, STATUS_IO);
    }
    if (got == 0) {
        return STATUS_CLOSED;
    }
    *ret_len = (size_t)got;
    return STATUS_OK;
}

/* Not as one part: sendmsg costs the kernel more. */
enum status tcp_write(int fd, struct slice data, size_t *ret_len) {
    assert(data.len > 0);
    ssize_t sent;
    do {
        sent = send(fd, data.data, data.len, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        return io_status(errno, STATUS_CLOSED);
    }
    *ret_len = (size_t)sent;
    return STATUS_OK;
}

enum status tcp_write_parts(int fd, const struct slice *parts, size_t count, size_t *ret_len) {
    struct iovec vectors[TCP_PARTS_MAX];
    count = MIN(count, (size_t)TCP_PARTS_MAX);
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        vectors[i] =
            (struct iovec){.iov_base = (void *)(uintptr_t)parts[i].data, .iov_len = parts[i].len};
        total += parts[i].len;
    }
    assert(total > 0);
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = count};
    ssize_t sent;
    do {
        sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        return io_status(errno, STATUS_CLOSED);
    }
    *ret_len = (size_t)sent;
    return STATUS_OK;
}

void tcp_shutdown_write(int fd) {
    (void)shutdown(fd, SHUT_WR); /* fails only when the connection is already gone */
}

void tcp_set_nodelay(int fd, bool on) {
    set_int(fd, IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0);
}

size_t tcp_peek(int fd, void *out, size_t size) {
    ssize_t len = recv(fd, out, size, MSG_PEEK | MSG_DONTWAIT);
    return len > 0 ? (size_t)len : 0;
}

size_t tcp_unread(int fd) {
    int bytes = 0;
    return ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0 ? (size_t)bytes : 0;
}

void tcp_set_read_min(int fd, uint32_t bytes) {
    set_int(fd, SOL_SOCKET, SO_RCVLOWAT, (int)MIN(bytes, (uint32_t)INT32_MAX));
}

void tcp_set_unsent_max(int fd, uint32_t bytes) {
    set_int(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, (int)MIN(bytes, (uint32_t)INT32_MAX));
}

enum status tcp_local_address(int fd, struct net_address *ret_address) {
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    if (getsockname(fd, (struct sockaddr *)&sa, &len) != 0) {
        return os_status(errno);
    }
    *ret_address = net_address_from_sockaddr((struct sockaddr *)&sa);
    return STATUS_OK;
}

enum status tcp_peer_address(int fd, struct net_address *ret_address) {
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    if (getpeername(fd, (struct sockaddr *)&sa, &len) != 0) {
        return errno == ENOTCONN ? STATUS_CLOSED : os_status(errno);
    }
    *ret_address = net_address_from_sockaddr((struct sockaddr *)&sa);
    return STATUS_OK;
}
