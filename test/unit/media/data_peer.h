/* data_peer.h: a test's handle on a client process with data channels (data_client.c).
 * Owns: struct data_peer the process and its pipes. Callers: tests of media. */
#pragma once

#include <stdio.h>
#include <sys/types.h>

#include "dcep.h"
#include "fixture.h"
#include "packets.h"

enum { PEER_LINE_MAX = 1 << 18 };

struct data_peer {
    struct fixture *fixture;
    pid_t pid;
    int to, from;
    uint64_t transport;
    char *line; /* what was read and not yet taken */
    size_t have;
};

/* Opens a transport, starts a client on it and waits for MEDIA_CONNECTED. */
void data_peer_start(struct fixture *f, struct data_peer *p, bool opens_channels);
void data_peer_stop(struct data_peer *p);
printf_like(2, 3) void data_peer_tell(struct data_peer *p, const char *fmt, ...);
/* The next line that starts with `start`; others before it are skipped. Fails the test after 20 s.
 * Valid until the next call. */
const char *data_peer_expect(struct data_peer *p, const char *start);
/* Opens `_reliable` on stream 0 and `_lossy` on stream 2 and waits for MEDIA_DATA_OPEN. */
void data_peer_open_channels(struct data_peer *p);
void data_peer_send(struct data_peer *p, uint16_t stream, const struct packet_spec *spec);
/* The payload of the next user packet; the view of it if asked for. Valid until the next call. */
struct slice data_peer_receive(struct data_peer *p, struct data_packet_view *ret_view);
