#include "external_ip.h"

#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"
#include "entropy.h"
#include "fd.h"
#include "stun.h"

enum {
    HOST_BYTES_MAX = 256,
    FIRST_WAIT_MS = 250, /* doubled for each further try, as RFC 8489 has it */
    TRIES = 3,
};

static bool split(struct slice server, char host[HOST_BYTES_MAX], char port[8]) {
    struct slice rest = server;
    struct slice name = slice_split(&rest, ':');
    if (name.len == 0 || name.len >= HOST_BYTES_MAX || rest.len >= 8) {
        return false;
    }
    memcpy(host, name.data, name.len);
    host[name.len] = 0;
    (void)snprintf(port, 8, "%.*s", (int)(rest.len ? rest.len : 4),
                   rest.len ? (const char *)rest.data : "3478");
    return true;
}

/* A socket that hears this server alone. */
static int connect_to(struct slice server) {
    char host[HOST_BYTES_MAX], port[8];
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_DGRAM};
    struct addrinfo *found = NULL;
    if (!split(server, host, port) || getaddrinfo(host, port, &hints, &found) != 0) {
        return -1;
    }
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
        fd_close(&fd);
    }
    freeaddrinfo(found);
    return fd;
}

static bool read_answer(int fd, const uint8_t transaction[STUN_TRANSACTION_BYTES],
                        struct net_address *ret_address) {
    uint8_t datagram[1024];
    struct stun_view v;
    ssize_t len = recv(fd, datagram, sizeof datagram, 0);
    if (len <= 0 || stun_read(slice_of(datagram, (size_t)len), &v) != STATUS_OK ||
        v.kind != STUN_SUCCESS || memcmp(v.transaction, transaction, sizeof v.transaction) != 0 ||
        v.mapped.family != STUN_IPV4) {
        return false;
    }
    struct net_address a = {.family = NET_V4};
    memcpy(a.ip, v.mapped.ip, 4);
    *ret_address = a;
    return true;
}

static bool ask(int fd, uint64_t until_ms, struct net_address *ret_address) {
    uint8_t request[STUN_HEADER_BYTES] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
    uint8_t *transaction = request + 8;
    entropy_fill(transaction, STUN_TRANSACTION_BYTES);
    for (uint32_t i = 0; i < TRIES; i++) {
        uint64_t next_ms = MIN(until_ms, clock_mono_ms() + ((uint64_t)FIRST_WAIT_MS << i));
        if (send(fd, request, sizeof request, MSG_NOSIGNAL) < 0) {
            return false;
        }
        for (uint64_t now_ms; (now_ms = clock_mono_ms()) < next_ms;) {
            struct pollfd p = {.fd = fd, .events = POLLIN};
            if (poll(&p, 1, (int)(next_ms - now_ms)) > 0 &&
                read_answer(fd, transaction, ret_address)) {
                return true;
            }
        }
    }
    return false;
}

enum status external_ip_find(const struct slice *servers, size_t count, uint32_t timeout_ms,
                             struct net_address *ret_address) {
    uint64_t until_ms = clock_mono_ms() + timeout_ms;
    for (size_t i = 0; i < count && clock_mono_ms() < until_ms; i++) {
        int fd = connect_to(servers[i]);
        bool found = fd >= 0 && ask(fd, until_ms, ret_address);
        fd_close(&fd);
        if (found) {
            return STATUS_OK;
        }
    }
    return STATUS_UNAVAILABLE;
}
