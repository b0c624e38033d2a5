/* fixture.h: a running media on free loopback ports, and what tests ask of it.
 * Owns: struct fixture the media and control's mailbox. Callers: tests of media. */
#pragma once

#include "client.h"
#include "media.h"

struct fixture {
    struct media *media;
    struct mailbox *to_control;
    uint32_t workers;
    uint16_t ports[2]; /* of each worker */
    uint16_t tcp_port; /* of them all */
    uint64_t last_transport;
};

void fixture_init(struct fixture *f, uint32_t workers, uint32_t transport_timeout_ms,
                  uint32_t handshake_timeout_ms);
void fixture_deinit(struct fixture *f);
/* Opens a transport with credentials of its own, on each worker in turn; `ret_server` is what a
 * client needs. */
uint64_t fixture_open(struct fixture *f, bool opens_channels, struct client_server *ret_server);
void fixture_set_remote(struct fixture *f, uint64_t transport, const char *ufrag, const char *pwd,
                        const uint8_t fingerprint[32], bool has_data);
/* The next event, within 10 s; fails the test when none comes or when it is another. */
struct media_event fixture_expect(struct fixture *f, enum media_event_kind kind,
                                  uint64_t transport);
bool fixture_has_event(struct fixture *f);

/* The sum of a metric over all threads: fixture_metric(&f, stun_ok). */
uint64_t fixture_metric_at(const struct fixture *f, size_t offset);
#define fixture_metric(f, field) fixture_metric_at((f), offsetof(struct metrics, field))
/* Waits until the metric is at least `value`; fails the test after 10 s. */
void fixture_await_at(const struct fixture *f, size_t offset, uint64_t value);
#define fixture_await(f, field, value)                                                             \
    fixture_await_at((f), offsetof(struct metrics, field), (value))
