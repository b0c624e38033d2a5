/* A client with data channels in a process of its own, told what to do by lines on standard input:
 *   open <stream> <label>               sends a DCEP OPEN
 *   send <stream> <ppid> <hex>          sends a message, reliable and ordered
 *   reset <stream>                      closes our direction of a stream
 *   stall                               reads nothing from the network any more
 *   rebind                              goes on from another port, with a nominating check
 * and telling on standard output:
 *   hello <ufrag> <pwd> <fingerprint>, connected, failed, up, lost,
 *   goodbye (DTLS was closed), opened <stream> <label>, ack <stream>, msg <stream> <ppid> <hex>,
 * reset <stream> */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <usrsctp.h>

#include "client.h"
#include "dcep.h"
#include "packets.h"

enum { LINE_MAX_BYTES = 1 << 18, TICK_MS = 5, CHECK_TICKS = 50 };

static struct client client;
static struct socket *association;
static bool stalled;

static int to_network(void *address, void *data, size_t len, uint8_t tos, uint8_t set_df) {
    (void)address;
    (void)tos;
    (void)set_df;
    (void)client_send(&client, data, len);
    return 0;
}

static void from_network(void *arg, const void *data, size_t len) {
    (void)arg;
    usrsctp_conninput(&client, data, len, 0);
}

static void say_hex(const void *data, size_t len) {
    const uint8_t *bytes = data;
    static char text[2 * (1 << 17) + 1];
    for (size_t i = 0; i < len && i < sizeof text / 2; i++) {
        static const char digits[] = "0123456789abcdef";
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * len] = '\0';
    fputs(text, stdout);
}

static bool send_message(uint16_t stream, uint32_t ppid, const void *data, size_t len) {
    struct sctp_sndinfo info = {.snd_sid = stream, .snd_ppid = htonl(ppid)};
    for (int i = 0; i < 2000; i++) {
        if (usrsctp_sendv(association, data, len, NULL, 0, &info, sizeof info, SCTP_SENDV_SNDINFO,
                          0) >= 0) {
            return true;
        }
        if (errno != EWOULDBLOCK) {
            return false;
        }
        (void)client_pump(&client, TICK_MS);
        usrsctp_handle_timers(TICK_MS);
    }
    return false;
}

static void reset_stream(uint16_t stream) {
    _Alignas(8) uint8_t space[sizeof(struct sctp_reset_streams) + sizeof(uint16_t)] = {0};
    struct sctp_reset_streams *r = (void *)space;
    r->srs_flags = SCTP_STREAM_RESET_OUTGOING;
    r->srs_number_streams = 1;
    r->srs_stream_list[0] = stream;
    (void)usrsctp_setsockopt(association, IPPROTO_SCTP, SCTP_RESET_STREAMS, r, sizeof space);
}

static void on_notification(const union sctp_notification *n) {
    if (n->sn_header.sn_type == SCTP_ASSOC_CHANGE) {
        puts(n->sn_assoc_change.sac_state == SCTP_COMM_UP ? "up" : "lost");
    } else if (n->sn_header.sn_type == SCTP_STREAM_RESET_EVENT &&
               (n->sn_strreset_event.strreset_flags & SCTP_STREAM_RESET_INCOMING_SSN)) {
        printf("reset %u\n", n->sn_strreset_event.strreset_stream_list[0]);
    }
}

static void on_message(uint16_t stream, uint32_t ppid, struct slice message) {
    struct dcep_open open;
    if (ppid != PPID_DCEP) {
        printf("msg %u %u ", stream, ppid);
        say_hex(message.data, message.len);
        puts("");
    } else if (dcep_classify(message) == DCEP_ACK) {
        printf("ack %u\n", stream);
    } else if (dcep_read_open(message, &open) == STATUS_OK) {
        printf("opened %u %.*s\n", stream, SLICE_ARG(open.label));
        struct buf ack;
        buf_init(&ack, 16);
        dcep_put_ack(&ack);
        (void)send_message(stream, PPID_DCEP, ack.data, ack.len);
        buf_deinit(&ack);
    }
}

static int on_receive(struct socket *s, union sctp_sockstore from, void *data, size_t len,
                      struct sctp_rcvinfo info, int flags, void *arg) {
    (void)s;
    (void)from;
    (void)arg;
    if (data && (flags & MSG_NOTIFICATION)) {
        on_notification(data);
    } else if (data) {
        on_message(info.rcv_sid, ntohl(info.rcv_ppid), slice_of(data, len));
    }
    free(data);
    return 1;
}

static void start_association(void) {
    client.on_message = from_network;
    usrsctp_init_nothreads(0, to_network, NULL);
    usrsctp_sysctl_set_sctp_ecn_enable(0);
    usrsctp_register_address(&client);
    association = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, on_receive, NULL, 0, NULL);
    usrsctp_set_non_blocking(association, 1);
    static const uint16_t events[] = {SCTP_ASSOC_CHANGE, SCTP_STREAM_RESET_EVENT};
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        struct sctp_event e = {.se_type = events[i], .se_on = 1};
        (void)usrsctp_setsockopt(association, IPPROTO_SCTP, SCTP_EVENT, &e, sizeof e);
    }
    const int bytes = 1 << 20, on = 1;
    const struct sctp_assoc_value resets = {.assoc_value = SCTP_ENABLE_RESET_STREAM_REQ};
    const struct sctp_initmsg init = {.sinit_num_ostreams = 1024, .sinit_max_instreams = 1024};
    (void)usrsctp_setsockopt(association, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    (void)usrsctp_setsockopt(association, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    (void)usrsctp_setsockopt(association, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof on);
    (void)usrsctp_setsockopt(association, IPPROTO_SCTP, SCTP_ENABLE_STREAM_RESET, &resets,
                             sizeof resets);
    (void)usrsctp_setsockopt(association, IPPROTO_SCTP, SCTP_INITMSG, &init, sizeof init);
    struct sockaddr_conn address = {
        .sconn_family = AF_CONN, .sconn_port = htons(5000), .sconn_addr = &client};
    (void)usrsctp_bind(association, (struct sockaddr *)&address, sizeof address);
    (void)usrsctp_connect(association, (struct sockaddr *)&address, sizeof address);
    struct sctp_paddrparams p = {.spp_flags = SPP_PMTUD_DISABLE, .spp_pathmtu = 1160};
    memcpy(&p.spp_address, &address, sizeof address);
    (void)usrsctp_setsockopt(association, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &p, sizeof p);
}

static void obey(const char *line) {
    unsigned stream, ppid;
    int at = 0;
    char label[64];
    if (sscanf(line, "open %u %63s", &stream, label) == 2) {
        bool lossy = strcmp(label, "_reliable") != 0;
        const struct dcep_open open = {
            .label = slice_from_cstr(label),
            .unordered = lossy,
            .reliability = lossy ? DCEP_RETRANSMITS_MAX : DCEP_RELIABLE,
        };
        struct buf b;
        buf_init(&b, 256);
        dcep_put_open(&b, &open);
        (void)send_message((uint16_t)stream, PPID_DCEP, b.data, b.len);
        buf_deinit(&b);
    } else if (sscanf(line, "send %u %u %n", &stream, &ppid, &at) == 2 && at > 0) {
        static uint8_t bytes[LINE_MAX_BYTES / 2];
        size_t len = packet_unhex(line + at, bytes);
        (void)send_message((uint16_t)stream, ppid, bytes, len);
    } else if (sscanf(line, "reset %u", &stream) == 1) {
        reset_stream((uint16_t)stream);
    } else if (strncmp(line, "stall", 5) == 0) {
        stalled = true;
    } else if (strncmp(line, "rebind", 6) == 0) {
        client_rebind(&client);
        client_check(&client, CHECK_NOMINATES);
    }
}

/* False at the end of the input. */
static bool take_input(void) {
    static char input[LINE_MAX_BYTES];
    static size_t have;
    ssize_t n = read(STDIN_FILENO, input + have, sizeof input - 1 - have);
    if (n == 0) {
        return false;
    }
    have += n > 0 ? (size_t)n : 0;
    input[have] = '\0';
    for (char *end; (end = strchr(input, '\n')) != NULL;) {
        *end = '\0';
        obey(input);
        have -= (size_t)(end + 1 - input);
        memmove(input, end + 1, have + 1);
    }
    return true;
}

int main(int argc, char **argv) {
    if (argc != 4) {
        return 2;
    }
    struct client_server server = {.port = (uint16_t)strtoul(argv[1], NULL, 10)};
    (void)snprintf(server.ufrag, sizeof server.ufrag, "%s", argv[2]);
    (void)snprintf(server.pwd, sizeof server.pwd, "%s", argv[3]);
    setvbuf(stdout, NULL, _IOLBF, 1 << 18);
    client_init(&client, &server);
    printf("hello %s %s ", client.ufrag, client.pwd);
    say_hex(client.fingerprint, sizeof client.fingerprint);
    puts("");
    if (!client_connect(&client) || !client.connected) {
        puts("failed");
        return 1;
    }
    puts("connected");
    start_association();
    (void)fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    bool told_goodbye = false;
    for (int tick = 0; take_input(); tick++) {
        if (!told_goodbye && (SSL_get_shutdown(client.ssl) & SSL_RECEIVED_SHUTDOWN)) {
            told_goodbye = true;
            puts("goodbye");
        }
        if (!stalled) {
            (void)client_pump(&client, TICK_MS);
        } else {
            usleep(TICK_MS * 1000);
        }
        usrsctp_handle_timers(TICK_MS);
        if (tick % CHECK_TICKS == 0) {
            client_check(&client, CHECK_NOMINATES);
        }
    }
    return 0; /* the process takes everything with it */
}
