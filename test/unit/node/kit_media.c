#include <stdio.h>
#include <string.h>

#include "kit_media.h"

static const char SESSION[] = "v=0\r\n"
                              "o=- 1 2 IN IP4 127.0.0.1\r\n"
                              "s=-\r\n"
                              "t=0 0\r\n";
static const char TRANSPORT[] =
    "a=ice-ufrag:abcd\r\n"
    "a=ice-pwd:aaaaaaaaaaaaaaaaaaaaaaaa\r\n"
    "a=fingerprint:sha-256 "
    "70:9B:8A:A9:CD:B4:16:74:80:5D:F8:19:0D:44:50:69:2C:CE:25:AF:0E:C7:49:E6:B0:81:57:0D:69:09:10:"
    "1D\r\n";
static const char AUDIO_FORMATS[] = "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
                                    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
                                    "a=rtpmap:111 opus/48000/2\r\n"
                                    "a=rtcp-fb:111 transport-cc\r\n"
                                    "a=fmtp:111 minptime=10;useinbandfec=1\r\n";
static const char VIDEO_FORMATS[] =
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
    "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"
    "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n"
    "a=rtpmap:96 VP8/90000\r\n"
    "a=rtcp-fb:96 nack\r\n"
    "a=rtcp-fb:96 nack pli\r\n"
    "a=rtpmap:97 rtx/90000\r\n"
    "a=fmtp:97 apt=96\r\n";

static const char VP9_FORMATS[] = "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
                                  "a=rtpmap:98 VP9/90000\r\n"
                                  "a=fmtp:98 profile-id=0\r\n";

static void put_rids(struct buf *out, struct slice rids) {
    for (size_t i = 0; i < rids.len; i++) {
        buf_printf(out, "a=rid:%c send\r\n", rids.data[i]);
    }
    for (size_t i = 0; i < rids.len; i++) {
        buf_printf(out, "%s%c", i == 0 ? "a=simulcast:send " : ";", rids.data[i]);
    }
    buf_put_cstr(out, "\r\n");
}

static void put_direction(struct buf *out, char what, struct slice rest) {
    if (what == '>') {
        struct slice msid = slice_split(&rest, ':');
        buf_put_cstr(out, "a=sendonly\r\na=msid:- ");
        buf_put(out, msid);
        buf_put_cstr(out, "\r\n");
        if (rest.len > 0) {
            put_rids(out, rest);
        }
        return;
    }
    buf_put_cstr(out, what == '<' ? "a=recvonly\r\n" : "a=inactive\r\n");
}

static size_t digits(struct slice word) {
    size_t len = 1;
    while (len < word.len && word.data[len] >= '0' && word.data[len] <= '9') {
        len++;
    }
    return len - 1;
}

static void put_section(struct buf *out, struct slice word) {
    size_t len = digits(word);
    struct slice mid = slice_sub(word, 1, len), rest = slice_after(word, 1 + len);
    char kind = (char)word.data[0], what = rest.len > 0 ? (char)rest.data[0] : ' ';
    if (kind == 'd') {
        buf_put_cstr(out, "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n");
    } else {
        buf_printf(out, "m=%s %d UDP/TLS/RTP/SAVPF %s\r\n", kind == 'a' ? "audio" : "video",
                   what == '!' ? 0 : 9,
                   kind == 'a'   ? "111"
                   : kind == 'w' ? "98"
                                 : "96 97");
    }
    buf_put_cstr(out, "c=IN IP4 0.0.0.0\r\n");
    buf_put_cstr(out, TRANSPORT);
    buf_put_cstr(out, "a=setup:actpass\r\na=mid:");
    buf_put(out, mid);
    buf_put_cstr(out, "\r\n");
    if (kind == 'd') {
        buf_put_cstr(out, "a=sctp-port:5000\r\n");
        return;
    }
    buf_put_cstr(out, "a=rtcp-mux\r\n");
    buf_put_cstr(out, kind == 'a' ? AUDIO_FORMATS : kind == 'w' ? VP9_FORMATS : VIDEO_FORMATS);
    put_direction(out, what, slice_after(rest, 1));
}

static const char *keep(struct kit *k, struct buf *out) {
    assert_false(out->failed);
    const char *text = arena_cstr(&k->arena, buf_slice(out));
    assert_non_null(text);
    buf_deinit(out);
    return text;
}

const char *kit_offer(struct kit *k, const char *words) {
    struct buf out;
    buf_init(&out, 1 << 20);
    buf_put_cstr(&out, SESSION);
    buf_put_cstr(&out, "a=group:BUNDLE");
    struct slice rest = slice_from_cstr(words);
    while (rest.len > 0) {
        struct slice word = slice_split(&rest, ' ');
        if (slice_find(word, '!') == word.len) {
            buf_put_u8(&out, ' ');
            buf_put(&out, slice_sub(word, 1, digits(word)));
        }
    }
    buf_put_cstr(&out, "\r\n");
    rest = slice_from_cstr(words);
    while (rest.len > 0) {
        put_section(&out, slice_split(&rest, ' '));
    }
    return keep(k, &out);
}

static bool is_ours_alone(struct slice line) {
    static const char *const gone[] = {
        "a=candidate",   "a=end-of-cand", "a=msid:",    "a=ssrc",         "a=ice-",
        "a=fingerprint", "a=setup",       "a=sendonly", "a=msid-semantic"};
    for (size_t i = 0; i < ARRAY_LEN(gone); i++) {
        if (slice_starts_with(line, slice_from_cstr(gone[i]))) {
            return true;
        }
    }
    return false;
}

const char *kit_answer_to(struct kit *k, const char *offer) {
    struct buf out;
    buf_init(&out, 1 << 20);
    struct slice rest = slice_from_cstr(offer);
    while (rest.len > 0) {
        struct slice line = slice_split(&rest, '\n');
        line.len -= line.len > 0 && line.data[line.len - 1] == '\r';
        bool sends = slice_eq_cstr(line, "a=sendonly");
        if (!is_ours_alone(line)) {
            buf_put(&out, line);
            buf_put_cstr(&out, "\r\n");
        }
        if (sends) {
            buf_put_cstr(&out, "a=recvonly\r\n");
        }
        if (slice_starts_with(line, SLICE_LIT("c="))) {
            buf_put_cstr(&out, TRANSPORT);
            buf_put_cstr(&out, "a=setup:active\r\n");
        }
    }
    return keep(k, &out);
}

void kit_send_offer(struct kit *k, uint64_t conn, const char *words) {
    Livekit__SessionDescription d = LIVEKIT__SESSION_DESCRIPTION__INIT;
    d.type = (char[]){"offer"};
    d.sdp = (char *)(uintptr_t)kit_offer(k, words);
    d.id = 7;
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_OFFER;
    r.offer = &d;
    kit_signal(k, conn, &r);
}

void kit_send_answer(struct kit *k, uint64_t conn, const char *sdp, uint32_t id) {
    Livekit__SessionDescription d = LIVEKIT__SESSION_DESCRIPTION__INIT;
    d.type = (char[]){"answer"};
    d.sdp = (char *)(uintptr_t)sdp;
    d.id = id;
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_ANSWER;
    r.answer = &d;
    kit_signal(k, conn, &r);
}

void kit_add_track(struct kit *k, uint64_t conn, const struct kit_add *add) {
    static const uint32_t heights[] = {180, 360, 720};
    Livekit__VideoLayer layers[3], *list[3];
    for (size_t i = 0; i < add->layers_count; i++) {
        livekit__video_layer__init(&layers[i]);
        layers[i].quality = add->layers[i];
        layers[i].height = heights[add->layers[i]];
        layers[i].width = layers[i].height * 16 / 9;
        list[i] = &layers[i];
    }
    Livekit__SimulcastCodec codec = LIVEKIT__SIMULCAST_CODEC__INIT;
    Livekit__SimulcastCodec second = LIVEKIT__SIMULCAST_CODEC__INIT, *codecs[] = {&codec, &second};
    Livekit__AddTrackRequest a = LIVEKIT__ADD_TRACK_REQUEST__INIT;
    a.cid = (char *)(uintptr_t)add->cid;
    a.type = add->video ? LIVEKIT__TRACK_TYPE__VIDEO : LIVEKIT__TRACK_TYPE__AUDIO;
    a.muted = add->muted;
    a.encryption =
        add->encrypted ? LIVEKIT__ENCRYPTION__TYPE__GCM : LIVEKIT__ENCRYPTION__TYPE__NONE;
    a.source = (Livekit__TrackSource)add->source;
    a.width = add->video ? 1280 : 0;
    a.height = add->video ? 720 : 0;
    a.layers = list;
    a.n_layers = add->layers_count;
    if (add->name) {
        a.name = (char *)(uintptr_t)add->name;
    }
    if (add->sid) {
        a.sid = (char *)(uintptr_t)add->sid;
    }
    if (add->codec) {
        codec.codec = (char *)(uintptr_t)add->codec;
        codec.cid = a.cid;
        a.simulcast_codecs = codecs;
        second.codec = (char *)(uintptr_t)add->second;
        a.n_simulcast_codecs = add->second ? 2 : 1;
    }
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_ADD_TRACK;
    r.add_track = &a;
    kit_signal(k, conn, &r);
}

const char *kit_published_sid(struct kit *k, uint64_t conn) {
    const Livekit__SignalResponse *r =
        kit_told(k, conn, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRACK_PUBLISHED, 0);
    return r ? r->track_published->track->sid : NULL;
}

uint64_t kit_single_as(struct kit *k, const struct kit_single *how) {
    struct kit_join j = {.conn = how->conn,
                         .room = how->room,
                         .identity = how->identity,
                         .single = true,
                         .auto_subscribe = !how->no_auto,
                         .adaptive = how->adaptive,
                         .claims = how->claims,
                         .offer = kit_offer(k, how->words)};
    assert_int_equal(kit_join(k, &j), STATUS_OK);
    assert_int_equal(kit_count(k, FX_UPGRADE), 1);
    uint64_t id = kit_effect(k, FX_TRANSPORT_OPEN, 0)->transport.id;
    kit_up(k, id);
    return id;
}

uint64_t kit_single(struct kit *k, uint64_t conn, const char *room, const char *identity,
                    const char *offer_words) {
    return kit_single_as(
        k, &(struct kit_single){
               .conn = conn, .room = room, .identity = identity, .words = offer_words});
}

const char *kit_publish(struct kit *k, uint64_t conn, const struct kit_add *add,
                        const char *words) {
    kit_add_track(k, conn, add);
    const char *sid = kit_published_sid(k, conn);
    assert_non_null(sid);
    kit_send_offer(k, conn, words);
    return sid;
}

const Livekit__SessionDescription *kit_told_answer(struct kit *k, uint64_t conn) {
    const Livekit__SignalResponse *r =
        kit_told(k, conn, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ANSWER, 0);
    assert_non_null(r);
    return r->answer;
}

const char *kit_track_of_mid(const Livekit__SessionDescription *d, const char *mid) {
    for (size_t i = 0; i < d->n_mid_to_track_id; i++) {
        if (strcmp(d->mid_to_track_id[i]->key, mid) == 0) {
            return d->mid_to_track_id[i]->value;
        }
    }
    return NULL;
}

void kit_subscribe(struct kit *k, uint64_t conn, const char *sid, bool subscribe) {
    char *sids[] = {(char *)(uintptr_t)sid};
    Livekit__UpdateSubscription u = LIVEKIT__UPDATE_SUBSCRIPTION__INIT;
    u.track_sids = sids;
    u.n_track_sids = 1;
    u.subscribe = subscribe;
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION;
    r.subscription = &u;
    kit_signal(k, conn, &r);
}

void kit_levels(struct kit *k, const struct media_level *items, size_t count) {
    struct node_event ev = {.kind = EV_LEVELS, .levels = {items, count}};
    assert_int_equal(kit_step(k, &ev), STATUS_OK);
}

void kit_quality(struct kit *k, uint64_t transport, uint8_t score) {
    struct media_quality item = {.transport = transport, .score = score};
    struct node_event ev = {.kind = EV_QUALITY, .qualities = {&item, 1}};
    assert_int_equal(kit_step(k, &ev), STATUS_OK);
}
