#include "load_peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base64.h"
#include "livekit_rtc.pb-c.h"
#include "proto.h"

enum { FRAME_BYTES_MAX = 1 << 20, CHECK_US = 2 * 1000000, CLOSE_S = 1, CLOSE_WAITS_MAX = 60 };

/* ---- what it says -----------------------------------------------------------------------------
 */

enum { DATA_MID = 8 };

static void put_section(struct buf *sdp, const struct client *c, int mid, bool sends) {
    static const char *const formats[] = {
        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
        "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n",
        "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n"};
    bool video = mid % 2 == 1;
    if (mid == DATA_MID) {
        buf_printf(sdp, "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n");
    } else {
        buf_printf(sdp, "m=%s 9 UDP/TLS/RTP/SAVPF %d\r\n", video ? "video" : "audio",
                   video ? LOAD_VP8 : LOAD_OPUS);
    }
    buf_printf(sdp, "c=IN IP4 0.0.0.0\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:sha-256 ",
               c->ufrag, c->pwd);
    for (size_t i = 0; i < sizeof(c->fingerprint); i++) {
        buf_printf(sdp, "%s%02X", i == 0 ? "" : ":", c->fingerprint[i]);
    }
    buf_printf(sdp, "\r\na=setup:actpass\r\na=mid:%d\r\n", mid);
    if (mid == DATA_MID) {
        buf_printf(sdp, "a=sctp-port:5000\r\na=max-message-size:262144\r\n");
        return;
    }
    buf_printf(sdp, "a=rtcp-mux\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n%s%s%s\r\n",
               formats[video], sends ? "a=sendonly\r\na=msid:- " : "a=recvonly",
               !sends  ? ""
               : video ? "cam"
                       : "mic");
}

static bool has_section(unsigned what, int mid) {
    return what & (mid < 2           ? LOAD_PEER_PUBLISHES
                   : mid == DATA_MID ? LOAD_PEER_DATA
                                     : LOAD_PEER_SUBSCRIBES);
}

static void put_offer(struct buf *sdp, const struct client *c, unsigned what) {
    buf_printf(sdp, "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE");
    for (int mid = 0; mid <= DATA_MID; mid++) {
        if (has_section(what, mid)) {
            buf_printf(sdp, " %d", mid);
        }
    }
    buf_printf(sdp, "\r\n");
    for (int mid = 0; mid <= DATA_MID; mid++) {
        if (has_section(what, mid)) {
            put_section(sdp, c, mid, mid < 2);
        }
    }
    buf_put_u8(sdp, 0);
}

static char *text(const char *s) {
    return (char *)(uintptr_t)s;
}

/* The join_request of the URL; without an offer it resumes. */
static void put_request(struct buf *out, const struct buf *sdp, unsigned what) {
    Livekit__AddTrackRequest tracks[2] = {LIVEKIT__ADD_TRACK_REQUEST__INIT,
                                          LIVEKIT__ADD_TRACK_REQUEST__INIT};
    tracks[0].cid = text("mic");
    tracks[0].source = LIVEKIT__TRACK_SOURCE__MICROPHONE;
    tracks[1].cid = text("cam");
    tracks[1].type = LIVEKIT__TRACK_TYPE__VIDEO;
    tracks[1].source = LIVEKIT__TRACK_SOURCE__CAMERA;
    tracks[1].width = 1280;
    tracks[1].height = 720;
    Livekit__AddTrackRequest *list[] = {&tracks[0], &tracks[1]};
    Livekit__ClientInfo client = LIVEKIT__CLIENT_INFO__INIT;
    client.sdk = LIVEKIT__CLIENT_INFO__SDK__GO;
    client.version = text("1.0.0");
    client.protocol = 16;
    Livekit__ConnectionSettings settings = LIVEKIT__CONNECTION_SETTINGS__INIT;
    settings.auto_subscribe = (what & LOAD_PEER_SUBSCRIBES) != 0;
    Livekit__SessionDescription offer = LIVEKIT__SESSION_DESCRIPTION__INIT;
    offer.type = text("offer");
    offer.sdp = (char *)sdp->data;
    offer.id = 1;
    Livekit__JoinRequest join = LIVEKIT__JOIN_REQUEST__INIT;
    join.client_info = &client;
    join.connection_settings = &settings;
    join.publisher_offer = sdp->len > 0 ? &offer : NULL;
    join.reconnect = sdp->len == 0;
    join.add_track_requests = list;
    join.n_add_track_requests = what & LOAD_PEER_PUBLISHES ? 2 : 0;
    struct buf inner, wrapped;
    buf_init(&inner, 65536);
    buf_init(&wrapped, 65536);
    proto_encode(&join.base, &inner);
    Livekit__WrappedJoinRequest wrap = LIVEKIT__WRAPPED_JOIN_REQUEST__INIT;
    wrap.join_request = (ProtobufCBinaryData){.len = inner.len, .data = inner.data};
    proto_encode(&wrap.base, &wrapped);
    base64url_put(out, buf_slice(&wrapped));
    buf_deinit(&inner);
    buf_deinit(&wrapped);
}

/* A client's frame, masked with zeros. */
static void send_frame(struct load_peer *p, uint8_t opcode, struct slice payload) {
    uint8_t frame[6 + 125] = {(uint8_t)(0x80 | opcode), (uint8_t)(0x80 | payload.len)};
    if (payload.len > 125) {
        load_fail("a client has nothing so long to say");
    }
    if (payload.len > 0) {
        memcpy(frame + 6, payload.data, payload.len);
    }
    (void)!send(p->ws, frame, 6 + payload.len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* ---- what it hears ----------------------------------------------------------------------------
 */

static unsigned number_at(const char *sdp, const char *before) {
    const char *at = strstr(sdp, before);
    return at ? (unsigned)strtoul(at + strlen(before), NULL, 10) : 0;
}

static void copy_line(const char *sdp, const char *name, char *to, size_t size) {
    const char *at = strstr(sdp, name);
    size_t len = at ? strcspn(at + strlen(name), "\r\n") : 0;
    if (len == 0 || len >= size) {
        load_fail("an answer without %s", name);
    }
    memcpy(to, at + strlen(name), len);
    to[len] = 0;
}

static void take_answer(struct load_peer *p, const char *sdp) {
    char ufrag[sizeof(p->rtp.client.server.ufrag)], pwd[sizeof(p->rtp.client.server.pwd)];
    copy_line(sdp, "a=ice-ufrag:", ufrag, sizeof(ufrag));
    copy_line(sdp, "a=ice-pwd:", pwd, sizeof(pwd));
    client_use(&p->rtp.client, ufrag, pwd);
    struct sockaddr_in *to = (void *)&p->rtp.client.to;
    to->sin_port = htons((uint16_t)number_at(sdp, " 127.0.0.1 "));
    p->answers++;
}

static void take_response(struct load_peer *p, struct slice bytes) {
    Livekit__SignalResponse *r = livekit__signal_response__unpack(NULL, bytes.len, bytes.data);
    if (!r) {
        load_fail("a message that cannot be read");
    }
    if (r->message_case == LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ANSWER) {
        take_answer(p, r->answer->sdp);
    } else if (r->message_case == LIVEKIT__SIGNAL_RESPONSE__MESSAGE_LEAVE) {
        p->leaves++;
    }
    livekit__signal_response__free_unpacked(r, NULL);
}

/* True: a whole frame was taken. */
static bool take_frame(struct load_peer *p) {
    const uint8_t *in = p->in;
    if (p->in_len < 2) {
        return false;
    }
    size_t head = 2, len = in[1];
    if (len >= 126) {
        head = len == 126 ? 4 : 10;
        if (p->in_len < head) {
            return false;
        }
        len = 0;
        for (size_t i = 2; i < head; i++) {
            len = len << 8 | in[i];
        }
    }
    if (p->in_len - head < len) {
        return false;
    }
    struct slice payload = slice_of(in + head, len);
    if ((in[0] & 15) == 2) {
        take_response(p, payload);
    } else if ((in[0] & 15) == 9) {
        send_frame(p, 10, payload);
    }
    p->in_len -= head + len;
    memmove(p->in, p->in + head + len, p->in_len);
    return true;
}

/* False: the server has closed. */
static bool read_some(struct load_peer *p, int flags) {
    if (p->in_size - p->in_len < 4096) {
        p->in_size = MAX((size_t)16384, 2 * p->in_size);
        p->in = p->in_size <= FRAME_BYTES_MAX ? realloc(p->in, p->in_size) : NULL;
        if (!p->in) {
            load_fail("a message too long");
        }
    }
    ssize_t got = recv(p->ws, p->in + p->in_len, p->in_size - p->in_len, flags);
    if (got > 0) {
        p->in_len += (size_t)got;
    }
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

static void read_upgrade(struct load_peer *p) {
    uint8_t *end = NULL;
    while (!end) {
        if (!read_some(p, 0)) {
            load_fail("a join was cut off");
        }
        end = memmem(p->in, p->in_len, "\r\n\r\n", 4);
    }
    if (memcmp(p->in, "HTTP/1.1 101", 12) != 0) {
        load_fail("a join: %.*s", (int)p->in_len, (const char *)p->in);
    }
    size_t used = (size_t)(end + 4 - p->in);
    p->in_len -= used;
    memmove(p->in, end + 4, p->in_len);
}

/* ---- its life ---------------------------------------------------------------------------------
 */

/* Asks for a WebSocket, and has it. */
static void upgrade(struct load_peer *p, uint16_t port, const char *room, const char *identity,
                    const struct buf *sdp, unsigned what) {
    struct buf request;
    buf_init(&request, 65536);
    char *token = load_token(1, room, identity);
    buf_printf(&request, "GET /rtc/v1?access_token=%s&join_request=", token);
    put_request(&request, sdp, what);
    buf_printf(&request, " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n"
                         "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    if (sdp->failed || request.failed) {
        load_fail("no memory for a join");
    }
    p->ws = load_connect(port);
    load_send(p->ws, request.data, request.len);
    free(token);
    buf_deinit(&request);
    read_upgrade(p);
}

void load_peer_join(struct load_peer *p, uint16_t port, const char *room, const char *identity,
                    unsigned what) {
    *p = (struct load_peer){0};
    const struct client_server nowhere = {.ufrag = "nobody", .pwd = "nothing"};
    client_init(&p->rtp.client, &nowhere);
    struct buf sdp;
    buf_init(&sdp, 16384);
    put_offer(&sdp, &p->rtp.client, what);
    upgrade(p, port, room, identity, &sdp, what);
    buf_deinit(&sdp);
    while (p->answers == 0) {
        if (take_frame(p)) {
            continue;
        }
        if (p->leaves > 0 || !read_some(p, 0)) {
            load_fail("a join of %s without an answer", identity);
        }
    }
}

void load_peer_resume(struct load_peer *p, uint16_t port, const char *room, const char *identity) {
    struct buf none;
    buf_init(&none, 1);
    close(p->ws);
    p->in_len = 0;
    upgrade(p, port, room, identity, &none, 0);
}

bool load_peer_connect(struct load_peer *p) {
    if (!client_connect(&p->rtp.client) || !p->rtp.client.connected) {
        return false;
    }
    rtp_client_begin(&p->rtp);
    p->checked_us = load_now_us();
    return true;
}

bool load_peer_turn(struct load_peer *p) {
    (void)client_pump(&p->rtp.client, 0);
    return load_peer_tend(p);
}

bool load_peer_tend(struct load_peer *p) {
    uint64_t now_us = load_now_us();
    if (p->rtp.client.connected && now_us - p->checked_us > CHECK_US) {
        p->checked_us = now_us;
        client_check(&p->rtp.client, CHECK_NOMINATES);
    }
    if (!read_some(p, MSG_DONTWAIT)) {
        return false;
    }
    while (take_frame(p)) {
    }
    return p->leaves == 0;
}

static void end(struct load_peer *p) {
    close(p->ws);
    free(p->in);
    if (p->rtp.srtp) {
        rtp_client_end(&p->rtp);
    }
    client_deinit(&p->rtp.client);
    p->in = NULL;
}

void load_peer_leave(struct load_peer *p) {
    Livekit__LeaveRequest leave = LIVEKIT__LEAVE_REQUEST__INIT;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    leave.reason = LIVEKIT__DISCONNECT_REASON__CLIENT_INITIATED;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE;
    request.leave = &leave;
    uint8_t bytes[64];
    send_frame(p, 2, slice_of(bytes, protobuf_c_message_pack(&request.base, bytes)));
    const struct timeval limit = {.tv_sec = CLOSE_S};
    setsockopt(p->ws, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    for (int waits = 0; read_some(p, 0);) {
        waits += !take_frame(p); /* by the count: somebody may stop this process for minutes */
        while (take_frame(p)) {
        }
        if (waits > CLOSE_WAITS_MAX) {
            load_fail("the server does not close a session that has left");
        }
    }
    end(p);
}

void load_peer_drop(struct load_peer *p) {
    end(p);
}

void load_peer_send(struct load_peer *p, bool video, uint16_t sequence, uint32_t timestamp,
                    struct slice payload, bool marker) {
    const struct rtp_header h = {.payload_type = video ? LOAD_VP8 : LOAD_OPUS,
                                 .sequence = sequence,
                                 .timestamp = timestamp,
                                 .ssrc = video ? 22 : 11,
                                 .marker = marker};
    const struct rtp_extension list[] = {
        {LOAD_MID_ID, video ? SLICE_LIT("1") : SLICE_LIT("0")},
        {LOAD_LEVEL_ID, SLICE_LIT("\x20")},
    };
    rtp_client_send(&p->rtp, &h, list, video ? 1 : 2, payload);
}
