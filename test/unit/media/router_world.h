/* router_world.h: a data router whose way out only notes what it was given.
 * Owns: struct world the router, and copies of what it sent.
 * Callers: test_router*.c. */
#pragma once

#include "data_router.h"
#include "packets.h"

enum { SENT_MAX = 64, TRANSPORTS = 16 };

struct world {
    struct data_router router;
    struct metrics metrics;
    enum data_sent answer[TRANSPORTS]; /* of each transport */
    struct {
        uint64_t transport;
        enum data_packet_kind kind;
        struct bytes packet;
    } sent[SENT_MAX];
    size_t count;
    size_t to_server;
    uint64_t server_heard; /* participant */
};

int world_set_up(void **state); /* of cmocka */
int world_tear_down(void **state);
void world_forget_sent(struct world *w);
/* Participant n: identity "n<n>", sid "PA_<n>", transport n for both ways. */
struct media_route world_route(uint64_t n, struct ident *sid, char identity[8]);
void world_put(struct world *w, const struct media_route *config);
void world_put_plain(struct world *w, uint64_t n);
void world_receive(struct world *w, uint64_t from, enum data_packet_kind kind,
                   const struct packet_spec *spec, uint64_t now_ms);
void world_say(struct world *w, uint64_t from, const char *payload);
struct data_packet_view world_view(const struct world *w, size_t i);
bool world_sent_to(const struct world *w, uint64_t transport);
