/* sfu_server.h: a process with nothing but the media plane in it, told what to do over a socket.
 * Owns: struct sfu_server the process and our end.
 * Never: shares a thread with the clients that load it.
 * Callers: bench_sfu. */
#pragma once

#include "client.h"
#include "media.h"

struct sfu_server {
    int pid, fd;
};
struct sfu_figures {
    uint64_t cpu_ns;    /* of the threads of the media plane */
    uint64_t waited_ns; /* they could have run, and others did */
    uint64_t rss_bytes;
    uint64_t forwarded, messages, unsent, datagrams_in;
};

void sfu_server_start(struct sfu_server *s); /* before any thread of ours */
void sfu_server_stop(struct sfu_server *s);
/* Its threads go before all other programs, for a user who may ask for that; or like any again. */
void sfu_server_go_first(const struct sfu_server *s, bool first);
/* A transport, and what its client needs to know. */
uint64_t sfu_server_open(struct sfu_server *s, struct client_server *ret_server);
void sfu_server_set_remote(struct sfu_server *s, uint64_t transport, const struct client *c);
void sfu_server_publish(struct sfu_server *s, uint64_t transport, bool video, uint64_t track);
void sfu_server_subscribe(struct sfu_server *s, uint64_t transport, bool video, uint64_t track,
                          uint64_t send, uint32_t ssrc);
void sfu_server_read(struct sfu_server *s, struct sfu_figures *ret_figures);
