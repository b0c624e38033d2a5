#include "data_peer.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

extern char **environ;

static void spawn(struct data_peer *p, const struct client_server *server) {
    int in[2], out[2];
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    const char *path = getenv("STOA_DATA_CLIENT");
    assert_non_null(path);
    char port[8], ufrag[32], pwd[32];
    (void)snprintf(port, sizeof port, "%u", server->port);
    (void)snprintf(ufrag, sizeof ufrag, "%s", server->ufrag);
    (void)snprintf(pwd, sizeof pwd, "%s", server->pwd);
    char name[] = "data_client";
    char *argv[] = {name, port, ufrag, pwd, NULL};
    assert_int_equal(posix_spawn(&p->pid, path, &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    p->to = in[1];
    p->from = out[0];
}

static void set_remote(struct data_peer *p) {
    char ufrag[16], pwd[32], hex[80];
    const char *hello = data_peer_expect(p, "hello");
    assert_int_equal(sscanf(hello, "hello %15s %31s %79s", ufrag, pwd, hex), 3);
    uint8_t fingerprint[40];
    assert_int_equal(packet_unhex(hex, fingerprint), 32);
    fixture_set_remote(p->fixture, p->transport, ufrag, pwd, fingerprint, true);
}

void data_peer_start(struct fixture *f, struct data_peer *p, bool opens_channels) {
    *p = (struct data_peer){.fixture = f};
    p->line = malloc(PEER_LINE_MAX);
    assert_non_null(p->line);
    struct client_server server;
    p->transport = fixture_open(f, opens_channels, &server);
    spawn(p, &server);
    set_remote(p);
    (void)data_peer_expect(p, "connected");
    (void)fixture_expect(f, MEDIA_CONNECTED, p->transport);
}

void data_peer_stop(struct data_peer *p) {
    close(p->to);
    close(p->from);
    kill(p->pid, SIGKILL);
    (void)waitpid(p->pid, NULL, 0);
    free(p->line);
    *p = (struct data_peer){0};
}

static void write_all(int fd, const char *text, size_t len) {
    while (len > 0) {
        ssize_t n = write(fd, text, len);
        assert_true(n > 0);
        text += n;
        len -= (size_t)n;
    }
}

void data_peer_tell(struct data_peer *p, const char *fmt, ...) {
    char *text = NULL;
    va_list args;
    va_start(args, fmt);
    int len = vasprintf(&text, fmt, args);
    va_end(args);
    assert_true(len > 0);
    write_all(p->to, text, (size_t)len);
    write_all(p->to, "\n", 1);
    free(text);
}

/* Moves the next whole line to `ret_line`; false when none is there within the time. */
static bool next_line(struct data_peer *p, char *ret_line, int wait_ms) {
    for (;;) {
        char *end = memchr(p->line, '\n', p->have);
        if (end) {
            size_t len = (size_t)(end - p->line);
            memcpy(ret_line, p->line, len);
            ret_line[len] = '\0';
            p->have -= len + 1;
            memmove(p->line, end + 1, p->have);
            return true;
        }
        struct pollfd poll_from = {.fd = p->from, .events = POLLIN};
        if (p->have == PEER_LINE_MAX || poll(&poll_from, 1, wait_ms) <= 0) {
            return false;
        }
        ssize_t n = read(p->from, p->line + p->have, PEER_LINE_MAX - p->have);
        if (n <= 0) {
            return false;
        }
        p->have += (size_t)n;
    }
}

const char *data_peer_expect(struct data_peer *p, const char *start) {
    static char line[PEER_LINE_MAX];
    while (next_line(p, line, 20000)) {
        if (strncmp(line, start, strlen(start)) == 0) {
            return line;
        }
    }
    fail_msg("the client never said \"%s\"", start);
    return NULL;
}

void data_peer_open_channels(struct data_peer *p) {
    (void)data_peer_expect(p, "up");
    data_peer_tell(p, "open 0 _reliable");
    data_peer_tell(p, "open 2 _lossy");
    (void)data_peer_expect(p, "ack");
    (void)data_peer_expect(p, "ack");
    (void)fixture_expect(p->fixture, MEDIA_DATA_OPEN, p->transport);
}

void data_peer_send(struct data_peer *p, uint16_t stream, const struct packet_spec *spec) {
    struct buf packet, hex;
    buf_init(&packet, 1 << 17);
    buf_init(&hex, 1 << 18);
    packet_put(&packet, spec);
    buf_put_hex(&hex, buf_slice(&packet));
    assert_false(hex.failed);
    data_peer_tell(p, "send %u %d %.*s", stream, (int)PPID_BINARY, SLICE_ARG(buf_slice(&hex)));
    buf_deinit(&hex);
    buf_deinit(&packet);
}

struct slice data_peer_receive(struct data_peer *p, struct data_packet_view *ret_view) {
    static uint8_t packet[PEER_LINE_MAX / 2];
    unsigned stream, ppid;
    int at = 0;
    const char *line = data_peer_expect(p, "msg");
    assert_int_equal(sscanf(line, "msg %u %u %n", &stream, &ppid, &at), 2);
    assert_int_equal(ppid, PPID_BINARY);
    size_t len = packet_unhex(line + at, packet);
    struct data_packet_view v;
    assert_int_equal(data_packet_read(slice_of(packet, len), &v), STATUS_OK);
    if (ret_view) {
        *ret_view = v;
    }
    return v.payload;
}
