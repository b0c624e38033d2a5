/* peer_priv.h: the inside of struct peer, and the steps of one exchange.
 * Owns: see the fields. Callers: peer*.c. */
#pragma once

#include "caps.h"
#include "peer.h"

enum {
    PEER_ICE_TEXT_MAX = 256, /* RFC 8839: ufrag and pwd have at most so many characters */
    PEER_SCTP_PORT = 5000,   /* ours, and the client's when it names none */
    PEER_MESSAGE_BYTES_DEFAULT = 65536, /* RFC 8841: when no max-message-size stands there */
    PEER_NAME_BYTES_MAX = 512,          /* of a stream or track that we send */
    PEER_FMTP_BYTES_MAX = 80,           /* of our own; the longest has 69 */
};

static_assert(PEER_SENDS_MAX == SDP_SECTIONS_MAX - 1, "each send fits beside the data section");
static_assert((int)RTP_SECTION_MID_BYTES_MAX >= (int)SDP_MID_BYTES_MAX, "every mid fits");

struct peer_credentials {
    char ufrag[UFRAG_LEN];
    char pwd[ICE_PWD_LEN];
};

/* What a description comes to. Built aside and then taken as a whole, so that a refused one changes
 * nothing. */
struct peer_state {
    struct peer_section *sections; /* owned */
    size_t sections_count;
    uint8_t *texts; /* owned: the bytes of all msid_track; NULL while those lie elsewhere */
    char ufrag[PEER_ICE_TEXT_MAX], pwd[PEER_ICE_TEXT_MAX]; /* of the client */
    size_t ufrag_len, pwd_len;
    uint8_t fingerprint[32];
    bool has_remote; /* the client's part is known: false in an offer of ours */
    bool has_data;
    uint16_t sctp_port;
    uint32_t max_message_bytes;
};

/* A description that waits for its counterpart. */
struct peer_held {
    struct arena arena;          /* of offer and agreed */
    struct sdp offer;            /* the client's; empty when the offer is ours */
    struct peer_state next;      /* as offered */
    struct peer_section *agreed; /* in arena; room for the sections of next as answered */
    bool restarted;
};

struct peer_sender {
    struct peer_send send; /* its names are views into `names` */
    struct bytes names;    /* owned */
};

struct peer {
    enum peer_role role;
    const struct peer_local *local; /* borrowed */
    uint64_t session_id;
    uint64_t version; /* of the description written last */
    struct peer_credentials credentials;
    struct peer_credentials fresh; /* held ready for a restart */
    bool has_fresh;
    struct peer_state state;
    struct peer_held *held;      /* owned; NULL: no offer is open, on either side */
    struct peer_sender *senders; /* owned */
    size_t senders_count, senders_cap;
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
#define PEER_NO_MEMORY PEER_REFUSE(NO_MEMORY, "out of memory")

must_check bool peer_state_make_sections(struct peer_state *s, size_t count);
void peer_state_deinit(struct peer_state *s);
struct peer_held *peer_held_create(void);
struct peer_held *peer_held_destroy(struct peer_held *h);
/* Notes the verdict as the peer's reason and returns its status. */
enum status peer_conclude(struct peer *p, struct peer_verdict verdict);
/* `next` becomes the state of p and is empty afterwards. */
void peer_take_state(struct peer *p, struct peer_state *next);

/* peer_read.c: the client's description. `before` is what its places are compared with: the agreed
 * state for an offer, our offer for an answer. */
must_check struct peer_verdict peer_read_remote(const struct peer *p, const struct sdp *sdp,
                                                const struct peer_state *before, bool is_offer,
                                                struct peer_state *ret_next);

/* peer_send.c */
const struct peer_send *peer_find_send(const struct peer *p, uint64_t id);
/* The section of the agreed state at this place, when `mid` still is its mid. */
const struct peer_section *peer_agreed_same(const struct peer *p, size_t index, struct slice mid);
/* Gives each send without a section one of those that are free, while there are some. Sections name
 * the sends that they carried before; those that are gone are cleared. */
void peer_place_sends(const struct peer *p, struct peer_section *sections, size_t count);

/* peer_codec.c: codecs and what they are called. */
/* The formats of the section that we take, in its order; no more than the array has room for. */
void peer_read_formats(struct rtp_section *s, const struct sdp_section *from);
/* The format in which a client that described `s` takes this send, or NULL. */
const struct rtp_format *peer_fit_format(const struct rtp_section *s, const struct peer_send *send);
/* How our own offers number and name the codec of a send. */
struct rtp_format peer_own_format(const struct peer_send *send);
/* What the format is called in a description of ours; `from` is the client's section, or NULL in an
 * offer of ours. Texts are views into `from`, static, or lie in `fmtp`. */
struct sdp_format peer_name_format(const struct peer_section *s, const struct rtp_format *format,
                                   const struct sdp_section *from, bool send_stereo,
                                   char fmtp[PEER_FMTP_BYTES_MAX]);
/* The payload type under which our own offers let opus go redundantly; 0: they do not. */
uint8_t peer_own_red(const struct peer_send *send);
void peer_put_red(struct buf *out, const struct rtp_section *s); /* nothing without RED */
void peer_put_feedback(struct buf *out, const struct rtp_format *format);

/* peer_extension.c */
/* Extensions that one direction of a section may use: bits of enum rtp_extension_kind. */
uint32_t peer_extensions_received(enum peer_role role, bool video);
uint32_t peer_extensions_sent(enum peer_role role, const struct peer_send *send);
/* The ids of those in `set` whose direction lets media flow: SDP_SENDONLY from the client,
 * SDP_RECVONLY to it. */
void peer_read_extensions(struct rtp_section *s, const struct sdp_section *from, uint32_t set,
                          enum sdp_direction flow);
/* The ids that our own offers give. */
void peer_own_extensions(struct rtp_section *s, uint32_t set);
/* a=extmap lines: in an answer those of the offer within `set`, else our own. */
void peer_put_extensions(struct buf *out, const struct sdp_section *from, uint32_t set);

/* peer_media.c: one audio or video section. */
void peer_section_read_media(struct peer_section *s, const struct sdp_section *from);
/* Formats of the codec that is preferred come first; otherwise the order stays. */
void peer_section_prefer(struct peer_section *s);
/* Takes RED away where peer_receive did not say that it may be. */
void peer_section_choose_red(struct peer_section *s);
/* Decides what flows in the section that the client described as `from`, and cuts s->rtp to it. */
void peer_section_agree(const struct peer *p, struct peer_section *s,
                        const struct sdp_section *from);
/* What a section of our own offer says, */
void peer_section_offer(const struct peer *p, struct peer_section *s);
/* and what it comes to with the client's answer. */
void peer_section_answered(const struct peer *p, struct peer_section *s,
                           const struct peer_section *answer);

/* peer_write.c */
struct peer_description {
    const struct peer *peer;
    const struct peer_credentials *credentials;
    const struct peer_section *sections;
    size_t sections_count;
    const struct sdp *offer; /* the client's, when this is an answer; else NULL */
};
void peer_write(struct buf *out, const struct peer_description *d);
/* The attributes of a section that carry its transport; peer_write.c. */
void peer_put_transport(struct buf *out, const struct peer_description *d, bool has_candidates);

/* peer_write_media.c: a section of audio or video, unless it is stopped. */
void peer_put_media(struct buf *out, const struct peer_description *d, size_t index,
                    bool has_candidates);
/* Up to the formats, which the caller puts before it ends the line. */
void peer_begin_media(struct buf *out, struct slice media, unsigned port, struct slice protocol);
void peer_end_media(struct buf *out);
