/* Session descriptions: any text to the reader, and as an offer and an answer to a peer. What comes
 * before the first NUL is one description, what follows it another of the same connection. What a
 * peer writes must read back.
 * Covers: src/wire/sdp.c src/wire/sdp_attribute.c src/peer/peer_read.c */
#include "peer.h"
#include "sdp.h"

#define CANDIDATE "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n"

static const struct peer_local local = {
    .candidates = {(const uint8_t *)CANDIDATE, sizeof(CANDIDATE) - 1},
};

static void must(bool holds) {
    if (!holds) {
        __builtin_trap();
    }
}

static const struct peer_section *said_at(const struct peer *p, size_t i) {
    return peer_offered_count(p) > 0 ? peer_offered_at(p, i) : peer_section_at(p, i);
}

static void reads_back(struct slice text, const struct peer *p) {
    struct arena arena;
    struct sdp sdp;
    const char *reason = NULL;
    arena_init(&arena, SDP_ARENA_BYTES_MAX);
    must(sdp_read(text, &arena, &sdp, &reason) == STATUS_OK);
    size_t offered = peer_offered_count(p);
    must(sdp.sections_count == (offered > 0 ? offered : peer_sections_count(p)));
    for (size_t i = 0; i < sdp.sections_count; i++) {
        must(slice_eq(sdp.sections[i].mid, peer_section_mid(said_at(p, i))));
        must((sdp.sections[i].port == 0) == said_at(p, i)->stopped);
    }
    arena_deinit(&arena);
}

static struct peer *make_peer(enum peer_role role) {
    struct peer *p = peer_create(role, &local, SLICE_LIT("0123456789abcdef"),
                                 SLICE_LIT("0123456789abcdef01234567"), 1);
    must(p != NULL);
    return p;
}

static void offer_to(struct peer *p, struct slice text) {
    struct buf out;
    bool restarted = false;
    buf_init(&out, 8 << 20);
    if (peer_answer(p, text, &out, &restarted) == STATUS_OK) {
        reads_back(buf_slice(&out), p);
    } else {
        must(out.len == 0);
    }
    buf_deinit(&out);
}

static void answer_to(struct peer *p, struct slice text) {
    struct buf out;
    buf_init(&out, 8 << 20);
    must(peer_offer(p, &out) == STATUS_OK);
    reads_back(buf_slice(&out), p);
    buf_deinit(&out);
    (void)peer_take_answer(p, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice second = slice_of(data, size);
    struct slice first = slice_split(&second, 0);
    struct peer *p = make_peer(PEER_SINGLE);
    offer_to(p, first);
    offer_to(p, second);
    offer_to(p, first);
    p = peer_destroy(p);
    p = make_peer(PEER_SUBSCRIBER);
    answer_to(p, first);
    answer_to(p, second);
    p = peer_destroy(p);
    return 0;
}
