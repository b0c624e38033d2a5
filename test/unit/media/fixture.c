#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static uint16_t tcp_port_of(struct slice candidates) {
    char lines[1024] = {0};
    memcpy(lines, candidates.data, MIN(candidates.len, sizeof lines - 1));
    const char *at = strstr(lines, " tcp ");
    unsigned priority, port;
    assert_non_null(at);
    assert_int_equal(
        sscanf(at, " tcp %u 127.0.0.1 %u typ host tcptype passive\r\n", &priority, &port), 2);
    return (uint16_t)port;
}

static uint16_t port_of(struct slice candidates) {
    char line[128] = {0};
    memcpy(line, candidates.data, MIN(candidates.len, sizeof line - 1));
    unsigned port = 0;
    const char *at = strstr(line, "127.0.0.1 ");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "127.0.0.1 %u typ host\r\n", &port), 1);
    return (uint16_t)port;
}

void fixture_init(struct fixture *f, uint32_t workers, uint32_t transport_timeout_ms,
                  uint32_t handshake_timeout_ms) {
    *f = (struct fixture){.workers = workers};
    f->to_control = mailbox_create(sizeof(struct media_event), 1024);
    assert_non_null(f->to_control);
    static const char *const ips[] = {"127.0.0.1"};
    const struct media_config config = {
        .workers = workers,
        .node_ips = ips,
        .node_ips_count = 1,
        .loopback_candidates = true,
        .ice_tcp = true,
        .to_control = f->to_control,
        .transport_timeout_ms = transport_timeout_ms,
        .silent_timeout_ms = transport_timeout_ms,
        .handshake_timeout_ms = handshake_timeout_ms,
    };
    assert_int_equal(media_create(&config, &f->media), STATUS_OK);
    assert_int_equal(media_worker_count(f->media), workers);
    for (uint32_t i = 0; i < workers; i++) {
        f->ports[i] = port_of(media_candidates(f->media, i));
    }
    f->tcp_port = tcp_port_of(media_candidates(f->media, 0));
}

void fixture_deinit(struct fixture *f) {
    f->media = media_destroy(f->media);
    struct media_event e;
    while (mailbox_drain(f->to_control, &e, 1) == 1) {
        media_event_free(&e);
    }
    f->to_control = mailbox_destroy(f->to_control);
}

uint64_t fixture_open(struct fixture *f, bool opens_channels, struct client_server *ret_server) {
    struct media_transport_open open = {.transport = f->last_transport + 1,
                                        .worker = (uint32_t)(f->last_transport % f->workers),
                                        .opens_channels = opens_channels};
    f->last_transport++;
    (void)snprintf(open.ufrag, sizeof open.ufrag, "serverufrag%05u", (unsigned)f->last_transport);
    (void)snprintf(open.pwd, sizeof open.pwd, "serverpassword%010u", (unsigned)f->last_transport);
    assert_true(media_open(f->media, &open));
    ret_server->port = f->ports[open.worker];
    ret_server->v6 = false;
    ret_server->tcp_port = 0;
    memcpy(ret_server->ufrag, open.ufrag, sizeof open.ufrag);
    memcpy(ret_server->pwd, open.pwd, sizeof open.pwd);
    return open.transport;
}

void fixture_set_remote(struct fixture *f, uint64_t transport, const char *ufrag, const char *pwd,
                        const uint8_t fingerprint[32], bool has_data) {
    struct media_transport_remote r = {
        .transport = transport, .has_data = has_data, .max_message_bytes = 262144};
    (void)snprintf(r.ufrag, sizeof r.ufrag, "%s", ufrag);
    (void)snprintf(r.pwd, sizeof r.pwd, "%s", pwd);
    memcpy(r.fingerprint, fingerprint, sizeof r.fingerprint);
    assert_true(media_set_remote(f->media, &r));
}

struct media_event fixture_expect(struct fixture *f, enum media_event_kind kind,
                                  uint64_t transport) {
    struct media_event e;
    if (!mailbox_wait(f->to_control, 10000) || mailbox_drain(f->to_control, &e, 1) != 1) {
        fail_msg("no event %d of transport %u", (int)kind, (unsigned)transport);
    }
    assert_int_equal(e.kind, kind);
    assert_int_equal(e.transport, transport);
    return e;
}

bool fixture_has_event(struct fixture *f) {
    return mailbox_count(f->to_control) > 0;
}

uint64_t fixture_metric_at(const struct fixture *f, size_t offset) {
    const struct metrics *all[8];
    size_t count = media_metrics(f->media, all, ARRAY_LEN(all));
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        const uint64_t *field = (const void *)((const char *)all[i] + offset);
        sum += __atomic_load_n(field, __ATOMIC_RELAXED);
    }
    return sum;
}

void fixture_await_at(const struct fixture *f, size_t offset, uint64_t value) {
    for (int i = 0; i < 10000; i++) {
        if (fixture_metric_at(f, offset) >= value) {
            return;
        }
        usleep(1000);
    }
    fail_msg("metric at %zu is %u, not %u", offset, (unsigned)fixture_metric_at(f, offset),
             (unsigned)value);
}
