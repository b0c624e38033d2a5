/* peer_priv.h: the inside of struct peer, and the steps of one exchange.
 * Owns: see the fields. Callers: peer*.c. */
#pragma once

#include "caps.h"
#include "peer.h"

enum {
    PEER_ICE_TEXT_MAX = 256, /* RFC 8839: ufrag and pwd have at most so many characters */
    PEER_SCTP_PORT = 5000,   /* ours, and the client's when it names none */
    PEER_MESSAGE_BYTES_DEFAULT = 65536, /* RFC 8841: when no max-message-size stands there */
};

struct peer_credentials {
    char ufrag[UFRAG_LEN];
    char pwd[ICE_PWD_LEN];
};

/* What a description of the client comes to. Built aside and then taken as a whole, so that a
 * refused one changes nothing. */
struct peer_state {
    struct peer_section *sections; /* owned */
    size_t sections_count;
    char ufrag[PEER_ICE_TEXT_MAX], pwd[PEER_ICE_TEXT_MAX]; /* of the client */
    size_t ufrag_len, pwd_len;
    uint8_t fingerprint[32];
    bool has_remote; /* the client's part is known: false after our first offer alone */
    bool has_data;
    uint16_t sctp_port;
    uint32_t max_message_bytes;
};

struct peer {
    enum peer_role role;
    const struct peer_local *local; /* borrowed */
    uint64_t session_id;
    uint64_t version; /* of the description written last */
    struct peer_credentials credentials;
    struct peer_credentials fresh; /* held ready for a restart */
    bool has_fresh;
    bool offer_outstanding; /* ours */
    struct peer_state state;
    struct peer_remote remote; /* derived from state */
    const char *reason;        /* borrowed: static text */
};

/* The outcome of a step that may refuse: status and why. */
struct peer_verdict {
    enum status status;
    const char *reason;
};
#define PEER_FINE ((struct peer_verdict){STATUS_OK, "ok"})
#define PEER_REFUSE(s, why) ((struct peer_verdict){STATUS_##s, (why)})

bool peer_state_make_sections(struct peer_state *s, size_t count);
void peer_state_deinit(struct peer_state *s);
/* Notes the verdict as the peer's reason and returns its status. */
enum status peer_conclude(struct peer *p, struct peer_verdict verdict);
/* `next` becomes the state of p and is empty afterwards. */
void peer_take_state(struct peer *p, struct peer_state *next);

/* peer_read.c: the client's description against what was agreed before. */
struct peer_verdict peer_read_remote(const struct peer *p, const struct sdp *sdp, bool is_offer,
                                     struct peer_state *ret_next);

/* peer_media.c: codecs, extensions, layers and msid of an audio or video section. */
must_check bool peer_section_read_media(struct peer_section *s, const struct sdp_section *from);
/* The format that an answer keeps for an unused section: the first codec that we know, else the
 * first of all. The section has at least one. */
const struct sdp_format *peer_keep_format(const struct peer_section *s,
                                          const struct sdp_section *from);

/* a=extmap lines for what the section offered and we use. */
void peer_put_extensions(struct buf *out, const struct peer_section *s);

/* peer_write.c */
struct peer_description {
    const struct peer_local *local;
    const struct peer_credentials *credentials;
    const struct peer_state *state;
    const struct sdp *offer; /* the client's, when this is an answer; else NULL */
    uint64_t session_id, version;
};
void peer_write(struct buf *out, const struct peer_description *d);
