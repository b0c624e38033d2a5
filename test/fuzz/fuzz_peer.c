/* Whole lives of peer connections. The first byte says the role. Parts of the rest stand between
 * NULs: one that begins with a control byte is a list of steps (an operation and its argument, a
 * byte each), others are session descriptions of the client. What is written must read back, say
 * what the sections say, and name nothing that was not offered. Long lives find nothing that short
 * ones do not, and there is time for few of them.
 * Longest: 24576 bytes
 * Covers: src/peer/peer_*.c */
#include "caps.h"
#include "fuzz.h"
#include "peer.h"

#include <stdio.h>

enum operation { OP_ADD = 1, OP_REMOVE, OP_OFFER, OP_ECHO, OP_DROP, OP_RESTART, OP_HOLD };
enum { OUT_BYTES_MAX = 8 << 20, STEPS_MAX = 200, TEXTS_MAX = 12 };

static const struct peer_local local = {
    .candidates = {(const uint8_t *)"a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n", 44},
};

struct life {
    struct peer *peer;
    enum peer_role role;
    struct buf out;      /* our last description */
    uint32_t ssrcs_used; /* none is used twice */
    bool holds;          /* the next offer of the client is not answered */
    struct {
        uint64_t send;
        bool sends;
        char mid[SDP_MID_BYTES_MAX];
        size_t mid_len;
    } before[SDP_SECTIONS_MAX]; /* as agreed last */
    size_t before_count;
};

static void remember(struct life *l) {
    l->before_count = peer_sections_count(l->peer);
    for (size_t i = 0; i < l->before_count; i++) {
        const struct peer_section *s = peer_section_at(l->peer, i);
        l->before[i].send = s->send;
        l->before[i].sends = peer_section_sends(s);
        l->before[i].mid_len = s->rtp.mid_len;
        memcpy(l->before[i].mid, s->rtp.mid, s->rtp.mid_len);
    }
}

static void is_unchanged(const struct life *l) {
    assert(peer_sections_count(l->peer) == l->before_count);
    for (size_t i = 0; i < l->before_count; i++) {
        const struct peer_section *s = peer_section_at(l->peer, i);
        assert(s->send == l->before[i].send && peer_section_sends(s) == l->before[i].sends);
    }
}

/* One send has one section, and a section rests between two of them. */
static void check_sends(const struct life *l) {
    for (size_t i = 0; i < peer_sections_count(l->peer); i++) {
        const struct peer_section *s = peer_section_at(l->peer, i);
        assert(!peer_section_sends(s) || (s->send != 0 && !s->send_refused));
        assert(!peer_section_receives(s) || (s->remote_sends && s->receive != 0));
        for (size_t k = 0; k < i && s->send != 0; k++) {
            assert(peer_section_at(l->peer, k)->send != s->send);
        }
        bool same = i < l->before_count &&
                    slice_eq(peer_section_mid(s), slice_of(l->before[i].mid, l->before[i].mid_len));
        if (same && l->before[i].sends && peer_section_sends(s)) {
            assert(l->before[i].send == s->send);
        }
    }
}

static bool offers_extension(const struct sdp_section *from, const struct sdp_extension *x) {
    for (size_t i = 0; i < from->extensions_count; i++) {
        if (from->extensions[i].id == x->id && slice_eq(from->extensions[i].uri, x->uri)) {
            return true;
        }
    }
    return false;
}

static void check_section(const struct peer_section *s, const struct sdp_section *said,
                          const struct sdp_section *offered) {
    assert(slice_eq(said->mid, peer_section_mid(s)));
    assert((said->port == 0) == s->stopped);
    if (s->stopped || s->kind == SDP_APPLICATION) {
        return;
    }
    assert(said->direction == s->local_direction);
    assert(said->has_msid == peer_section_sends(s));
    assert((said->ssrcs_count > 0) == peer_section_sends(s));
    assert(said->formats_count > 0);
    for (size_t i = 0; offered && i < said->formats_count; i++) {
        assert(sdp_find_format(offered, said->formats[i].payload_type));
    }
    for (size_t i = 0; offered && i < said->extensions_count; i++) {
        assert(offers_extension(offered, &said->extensions[i]));
    }
    if (s->local_direction != SDP_INACTIVE) {
        assert(said->formats[0].payload_type == s->rtp.formats[0].payload_type);
    }
}

/* `offer` is the client's, or empty when the description is an offer of ours. */
static void check_said(const struct life *l, struct slice offer) {
    struct arena arena;
    struct sdp said, offered = {0};
    const char *reason = NULL;
    bool ours = offer.len == 0;
    arena_init(&arena, 4 * (size_t)SDP_ARENA_BYTES_MAX);
    enum status s = sdp_read(buf_slice(&l->out), &arena, &said, &reason);
    assert(s == STATUS_OK);
    s = ours ? STATUS_OK : sdp_read(offer, &arena, &offered, &reason);
    assert(s == STATUS_OK);
    size_t count = ours ? peer_offered_count(l->peer) : peer_sections_count(l->peer);
    assert(said.sections_count == count);
    for (size_t i = 0; i < count; i++) {
        check_section(ours ? peer_offered_at(l->peer, i) : peer_section_at(l->peer, i),
                      &said.sections[i], ours ? NULL : &offered.sections[i]);
    }
    arena_deinit(&arena);
}

/* Some stay unbound, as tracks that were not announced. */
static void bind_all(struct life *l) {
    for (size_t i = 0; i < peer_offered_count(l->peer); i++) {
        const struct peer_section *s = peer_offered_at(l->peer, i);
        if (s->remote_sends && s->receive == 0 && i % 5 != 4) {
            peer_receive(l->peer, i,
                         &(struct peer_receive){.track = i + 1, .stereo = i % 2, .dtx = i % 3});
        }
    }
}

static void refuses_small_buffer(struct life *l) {
    struct buf small;
    buf_init(&small, 64);
    enum status s = peer_write_answer(l->peer, &small);
    assert(s == STATUS_TOO_LARGE && small.len == 0);
    buf_deinit(&small);
    is_unchanged(l);
}

static void take_text(struct life *l, struct slice text) {
    bool restarted = false;
    if (l->role == PEER_SUBSCRIBER) {
        if (peer_take_answer(l->peer, text) == STATUS_OK) {
            check_sends(l);
            remember(l);
        }
        is_unchanged(l);
        return;
    }
    if (peer_take_offer(l->peer, text, &restarted) != STATUS_OK) {
        is_unchanged(l);
        return;
    }
    bind_all(l);
    is_unchanged(l);
    if (l->holds) {
        l->holds = false;
        return;
    }
    refuses_small_buffer(l);
    buf_clear(&l->out);
    enum status s = peer_write_answer(l->peer, &l->out);
    assert(s == STATUS_OK);
    check_said(l, text);
    check_sends(l);
    remember(l);
}

static void make_offer(struct life *l) {
    buf_clear(&l->out);
    if (peer_offer(l->peer, &l->out) == STATUS_OK) {
        check_said(l, slice_of(NULL, 0));
    }
    is_unchanged(l);
}

/* The answer of a client that takes all of our last offer. */
static void echo_offer(struct life *l) {
    struct buf text;
    struct slice rest = buf_slice(&l->out);
    buf_init(&text, OUT_BYTES_MAX);
    while (rest.len > 0) {
        struct slice line = slice_split(&rest, '\n');
        if (slice_starts_with(line, SLICE_LIT("a=setup:"))) {
            buf_put_cstr(&text, "a=setup:active\n");
        } else if (slice_starts_with(line, SLICE_LIT("a=sendonly"))) {
            buf_put_cstr(&text, "a=recvonly\n");
        } else if (!slice_starts_with(line, SLICE_LIT("a=ice-lite"))) {
            buf_put(&text, line);
            buf_put_u8(&text, '\n');
        }
    }
    take_text(l, buf_slice(&text));
    buf_deinit(&text);
}

static void add_send(struct life *l, uint8_t arg) {
    static const uint32_t profiles[] = {0, 1, 0x42e01f, 0x42001f, 0x640032, 0xffffffff};
    char stream[32], track[32];
    enum rtp_codec codec = (enum rtp_codec)(arg % (RTP_CODEC_H265 + 1));
    snprintf(stream, sizeof(stream), "PA_b|TR_%u", arg);
    snprintf(track, sizeof(track), "TR_%u", arg);
    struct peer_send send = {
        .id = arg,
        .codec = codec == RTP_CODEC_RED ? RTP_CODEC_VP8 : codec,
        .profile = profiles[arg % ARRAY_LEN(profiles)],
        .packetization_mode = arg % 2,
        .ssrc = ++l->ssrcs_used,
        .rtx_ssrc = arg % 4 ? ++l->ssrcs_used : 0,
        .stream_id = slice_from_cstr(stream),
        .track_id = slice_from_cstr(track),
        .stereo = arg % 3 == 0,
    };
    enum status s = peer_send_add(l->peer, &send);
    assert(s == STATUS_OK || s == STATUS_EXISTS || s == STATUS_EXHAUSTED);
}

static void step(struct life *l, enum operation op, uint8_t arg) {
    uint32_t audios = 0, videos = 0;
    if (op == OP_ADD && l->role != PEER_PUBLISHER && arg > 0) {
        add_send(l, arg);
    } else if (op == OP_REMOVE) {
        peer_send_remove(l->peer, arg);
    } else if (op == OP_OFFER) {
        make_offer(l);
    } else if (op == OP_ECHO && l->out.len > 0) {
        echo_offer(l);
    } else if (op == OP_DROP) {
        peer_drop_offer(l->peer);
    } else if (op == OP_RESTART) {
        enum status s = peer_set_local_credentials(l->peer, SLICE_LIT("fedcba9876543210"),
                                                   SLICE_LIT("fedcba9876543210fedcba98"));
        assert(s == STATUS_OK);
    } else if (op == OP_HOLD) {
        l->holds = true;
    }
    peer_sections_missing(l->peer, &audios, &videos);
    assert(peer_sections_count(l->peer) + audios + videos <= SDP_SECTIONS_MAX);
    (void)peer_needs_negotiation(l->peer);
    is_unchanged(l);
}

static void live(enum peer_role role, struct slice input) {
    static struct life l;
    l = (struct life){.role = role};
    l.peer = peer_create(role, &local, SLICE_LIT("0123456789abcdef"),
                         SLICE_LIT("0123456789abcdef01234567"), 1);
    assert(l.peer);
    buf_init(&l.out, OUT_BYTES_MAX);
    struct slice rest = input;
    size_t steps = 0, texts = 0;
    while (rest.len > 0 && texts < TEXTS_MAX) {
        struct slice part = slice_split(&rest, 0);
        if (part.len == 0 || part.data[0] >= ' ') {
            take_text(&l, part);
            texts++;
            continue;
        }
        for (size_t i = 0; i + 2 <= part.len && steps < STEPS_MAX; i += 2, steps++) {
            step(&l, (enum operation)part.data[i], part.data[i + 1]);
        }
    }
    buf_deinit(&l.out);
    l.peer = peer_destroy(l.peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const enum peer_role roles[] = {PEER_SINGLE, PEER_PUBLISHER, PEER_SUBSCRIBER};
    if (size > 0) {
        struct slice input = tight_copy(slice_of(data + 1, size - 1));
        live(roles[data[0] % ARRAY_LEN(roles)], input);
        tight_free(input);
    }
    return 0;
}
