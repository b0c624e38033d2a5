/* Clients whose network lets no UDP pass: checks, handshake and media over framed TCP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"
#include "mem.h"
#include "rtp_client.h"

enum { PT = 111, TRACK = 5, OUT_SSRC = 77 };

static uint64_t open_tcp(struct fixture *f, struct rtp_client *c) {
    struct client_server server;
    uint64_t transport = fixture_open(f, false, &server);
    server.tcp_port = f->tcp_port;
    client_init(&c->client, &server);
    fixture_set_remote(f, transport, c->client.ufrag, c->client.pwd, c->client.fingerprint, false);
    return transport;
}

static uint64_t connect_tcp(struct fixture *f, struct rtp_client *c) {
    uint64_t transport = open_tcp(f, c);
    assert_true(client_connect(&c->client) && c->client.connected);
    (void)fixture_expect(f, MEDIA_CONNECTED, transport);
    rtp_client_begin(c);
    return transport;
}

static void leave(struct rtp_client *c) {
    rtp_client_end(c);
    client_deinit(&c->client);
}

static struct rtp_section audio(void) {
    struct rtp_section s = {.mid_len = 1, .mid = {'0'}, .formats_count = 1};
    s.formats[0] = (struct rtp_format){.codec = RTP_CODEC_OPUS, .payload_type = PT};
    return s;
}

/* Both clients are on the second worker, the listener on the first. */
static void test_media_goes_both_ways(void **state) {
    (void)state;
    struct fixture f;
    struct rtp_client *c = mem_calloc(2, sizeof(*c));
    struct client_server unused;
    fixture_init(&f, 2, 0, 0);
    (void)fixture_open(&f, false, &unused);
    uint64_t publish = connect_tcp(&f, &c[0]);
    (void)fixture_open(&f, false, &unused);
    uint64_t subscribe = connect_tcp(&f, &c[1]);
    struct rtp_section section = audio();
    const struct media_receive r = {
        .transport = publish, .track = TRACK, .layers = 1, .section = section};
    const struct media_send s = {.transport = subscribe,
                                 .track = TRACK,
                                 .ssrc = OUT_SSRC,
                                 .cname = SLICE_LIT("PA_a|TR_b"),
                                 .section = &section,
                                 .want = {.send = 9, .worker = 1, .priority = 1}};
    assert_true(media_receive_put(f.media, &r) && media_send_put(f.media, &s));
    fixture_await(&f, media_senders, 1);
    uint8_t payload[900] = {0};
    for (uint16_t n = 0; n < 50; n++) {
        const struct rtp_header h = {
            .payload_type = PT, .sequence = n, .timestamp = 960u * n, .ssrc = 3};
        payload[0] = (uint8_t)n;
        rtp_client_send(&c[0], &h, NULL, 0, slice_of(payload, sizeof payload));
    }
    for (int i = 0; i < 1000 && c[1].rtp_count < 50; i++) {
        (void)client_pump(&c[1].client, 10);
    }
    assert_int_equal(c[1].rtp_count, 50);
    assert_int_equal(rtp_client_packet_at(&c[1], 49).payload.data[0], 49);
    leave(&c[0]);
    leave(&c[1]);
    fixture_deinit(&f);
    mem_free(c);
}

static void test_another_connection_goes_on(void **state) {
    (void)state;
    struct fixture f;
    struct rtp_client *c = mem_zalloc(sizeof(*c));
    fixture_init(&f, 1, 0, 0);
    (void)connect_tcp(&f, c);
    client_rebind(&c->client);
    for (int i = 0; i < 1000 && fixture_metric(&f, address_changes) == 0; i++) {
        if (i % 20 == 0) {
            client_check(&c->client, CHECK_NOMINATES);
        }
        (void)client_pump(&c->client, 10);
    }
    assert_int_equal(fixture_metric(&f, address_changes), 1);
    leave(c);
    fixture_deinit(&f);
    mem_free(c);
}

static int stranger(const struct fixture *f) {
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(f->tcp_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* Each is closed, and counted. */
static void test_strangers_are_turned_away(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f, 2, 0, 0);
    static const struct {
        uint8_t bytes[8];
        size_t len;
    } rows[] = {
        {"GET / HT", 8},         /* a length that no datagram has */
        {{0, 4, 1, 2, 3, 4}, 6}, /* a datagram that is no check */
        {{0, 0, 0, 0}, 4},       /* an empty one */
        {{0xff, 0xff, 0, 0}, 4}, /* too long */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int fd = stranger(&f);
        assert_int_equal(send(fd, rows[i].bytes, rows[i].len, MSG_NOSIGNAL), rows[i].len);
        char byte;
        assert_true(recv(fd, &byte, 1, 0) <= 0);
        close(fd);
    }
    fixture_await(&f, ice_tcp_refused, sizeof rows / sizeof rows[0]);
    /* A check with a user name that nobody has. */
    struct rtp_client *c = mem_zalloc(sizeof(*c));
    (void)open_tcp(&f, c);
    client_check(&c->client, CHECK_BAD_UFRAG);
    for (int i = 0; i < 500 && !c->client.failed; i++) {
        (void)client_pump(&c->client, 10);
    }
    assert_true(c->client.failed);
    client_deinit(&c->client);
    fixture_deinit(&f);
    mem_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_media_goes_both_ways),
        cmocka_unit_test(test_another_connection_goes_on),
        cmocka_unit_test(test_strangers_are_turned_away),
    };
    return cmocka_run_group_tests_name("ice_tcp", tests, NULL, NULL);
}
