#include "router_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static enum data_sent note(void *arg, uint64_t transport, enum data_packet_kind kind,
                           struct slice message) {
    struct world *w = arg;
    assert_true(transport < TRANSPORTS);
    if (w->answer[transport] == DATA_SENT) {
        assert_true(w->count < SENT_MAX);
        w->sent[w->count].transport = transport;
        w->sent[w->count].kind = kind;
        assert_int_equal(bytes_copy(message, &w->sent[w->count].packet), STATUS_OK);
        w->count++;
    }
    return w->answer[transport];
}

static enum data_sent note_track(void *arg, uint64_t transport, struct slice packet) {
    return note(arg, transport, DATA_KIND_LOSSY, packet);
}

static void note_to_server(void *arg, const struct route *from, struct slice packet) {
    struct world *w = arg;
    struct data_packet_view v;
    assert_int_equal(data_packet_read(packet, &v), STATUS_OK);
    assert_true(v.value == DATA_VALUE_RPC_ACK || v.value == DATA_VALUE_RPC_RESPONSE);
    w->to_server++;
    w->server_heard = from->participant;
}

int world_set_up(void **state) {
    static struct world w;
    w = (struct world){0};
    const struct data_router_config config = {.key = {1, 2},
                                              .metrics = &w.metrics,
                                              .send = note,
                                              .send_track = note_track,
                                              .send_arg = &w,
                                              .to_server = note_to_server};
    assert_int_equal(data_router_init(&w.router, &config), STATUS_OK);
    *state = &w;
    return 0;
}

void world_forget_sent(struct world *w) {
    for (size_t i = 0; i < w->count; i++) {
        bytes_deinit(&w->sent[i].packet);
    }
    w->count = 0;
}

int world_tear_down(void **state) {
    struct world *w = *state;
    world_forget_sent(w);
    data_router_deinit(&w->router);
    return 0;
}

struct media_route world_route(uint64_t n, struct ident *sid, char identity[8]) {
    (void)snprintf(sid->text, sizeof sid->text, "PA_%u", (unsigned)n);
    (void)snprintf(identity, 8, "n%u", (unsigned)n);
    return (struct media_route){
        .participant = n,
        .room = 1,
        .sid = *sid,
        .identity = slice_from_cstr(identity),
        .rx_transport = n,
        .tx_transport = n,
        .can_publish_data = true,
        .active = true,
    };
}

void world_put(struct world *w, const struct media_route *config) {
    struct route *r = route_create(config);
    assert_non_null(r);
    assert_non_null(routes_put(&w->router.routes, r));
}

void world_put_plain(struct world *w, uint64_t n) {
    struct ident sid;
    char identity[8];
    struct media_route r = world_route(n, &sid, identity);
    world_put(w, &r);
}

void world_receive(struct world *w, uint64_t from, enum data_packet_kind kind,
                   const struct packet_spec *spec, uint64_t now_ms) {
    struct buf b;
    buf_init(&b, 1 << 20);
    packet_put(&b, spec);
    data_router_receive(&w->router, from, kind, buf_slice(&b), now_ms);
    buf_deinit(&b);
}

void world_say(struct world *w, uint64_t from, const char *payload) {
    world_receive(w, from, DATA_KIND_RELIABLE, &(struct packet_spec){.payload = payload}, 0);
}

struct data_packet_view world_view(const struct world *w, size_t i) {
    struct data_packet_view v;
    assert_true(i < w->count);
    assert_int_equal(data_packet_read(bytes_slice(&w->sent[i].packet), &v), STATUS_OK);
    return v;
}

bool world_sent_to(const struct world *w, uint64_t transport) {
    for (size_t i = 0; i < w->count; i++) {
        if (w->sent[i].transport == transport) {
            return true;
        }
    }
    return false;
}
