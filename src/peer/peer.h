/* peer.h: one peer connection as negotiated: sections, mids, codecs, offers and answers.
 * Owns: struct peer and all text in it. Pure: no socket, clock or entropy; credentials are given.
 * Never: opens transports; node tells media what was agreed. Never makes up an SSRC or a name.
 * Invariant: sections never disappear and keep their order; a fingerprint, once set, never changes
 *   (trap T27: a changed one is refused); a section carries at most one send, and rests inactive
 *   for one exchange before it carries another; a call that fails has changed nothing.
 * Source: wire/realtime.md sections 3.2 to 3.7, 4.1 to 4.7; RFC 8829, 8839, 8841, 9143.
 * Callers: room, node (control thread), simulator. */
#pragma once

#include "buf.h"
#include "ident.h"
#include "peer_section.h"

enum peer_role {
    PEER_PUBLISHER,  /* dual mode: the client offers, we answer */
    PEER_SUBSCRIBER, /* dual mode: we offer, the client answers */
    PEER_SINGLE,     /* single mode: the client offers, we answer, both ways */
};

/* What is the same for all peers of a process. Borrowed, outlives every peer. */
struct peer_local {
    uint8_t fingerprint[32]; /* SHA-256 of our DTLS certificate */
    struct slice candidates; /* complete "a=candidate:...\r\n" lines, may be empty */
};

struct peer_remote {
    struct slice ufrag, pwd; /* views into the peer */
    uint8_t fingerprint[32]; /* sha-256 */
    bool has_fingerprint;
    bool has_data; /* an application section was negotiated */
    uint32_t sctp_port;
    uint32_t max_message_bytes; /* of the client; 64 KiB when absent */
};

struct peer;

/* ufrag/pwd: our ICE credentials (UFRAG_LEN, ICE_PWD_LEN characters). NULL without memory. */
struct peer *peer_create(enum peer_role role, const struct peer_local *local, struct slice ufrag,
                         struct slice pwd, uint64_t session_id);
struct peer *peer_destroy(struct peer *p);

/* What answers and offers say of us from now on; the fingerprint stays. */
void peer_use_local(struct peer *p, const struct peer_local *local);

/* New local credentials for an ICE restart, held ready: an offer of ours takes them at once, and so
 * restarts; an answer of ours takes them only when the client's offer restarts, since answers to
 * others must repeat the old ones. So give fresh ones before each answer (those not taken are
 * replaced); without any, a restart keeps the old ones. INVALID: wrong lengths. */
must_check enum status peer_set_local_credentials(struct peer *p, struct slice ufrag,
                                                  struct slice pwd);

/* A track that we send over this peer connection (single, subscriber). */
struct peer_send {
    uint64_t id;                      /* the caller's; unique in this peer, never 0 */
    enum rtp_codec codec;             /* of the published track; never RED */
    uint32_t profile;                 /* as in struct rtp_format */
    uint8_t packetization_mode;       /* H264 */
    uint32_t ssrc, rtx_ssrc;          /* ours, never used before on this connection; rtx 0: none */
    struct slice stream_id, track_id; /* "PA_x|TR_y" and "TR_y"; copied */
    bool stereo;                      /* opus */
    bool red;                         /* opus comes in RED, and may go on in it */
};

/* Waits for the next description of ours. EXISTS: the id or an SSRC is in use; EXHAUSTED:
 * PEER_SENDS_MAX, or no section could be left for it; INVALID: a name that cannot stand in SDP
 * (empty, spaces, controls, over 512 bytes); NO_MEMORY. */
must_check enum status peer_send_add(struct peer *p, const struct peer_send *send);
/* Its section goes inactive in the next description. An unknown id is nothing. */
void peer_send_remove(struct peer *p, uint64_t id);
/* Sends were added or removed that the client was not told of in a completed exchange. */
bool peer_needs_negotiation(const struct peer *p);
/* Single mode: how many sections of each kind the client's next offer must add, so that all sends
 * have one (media_sections_requirement). */
void peer_sections_missing(const struct peer *p, uint32_t *ret_audios, uint32_t *ret_videos);

/* The client's offer (publisher, single) in two steps, so that the caller can say between them what
 * each section is for. First it is parsed, checked and held aside; one held before is dropped.
 * *ret_restarted: the client's ICE credentials changed, an ICE restart. When it fails nothing has
 * changed, and peer_reason says why:
 *   MALFORMED      not a session description, or one against the rules
 *   UNIMPLEMENTED  no sha-256 fingerprint, a DTLS or ICE role that leaves us none, no BUNDLE or
 *                  rtcp-mux
 *   PRECONDITION   contradicts what was agreed (sections, mids, fingerprint, DTLS role), or not
 *                  the turn or the role of this peer
 *   TOO_LARGE      beyond a limit of sdp.h
 *   NO_MEMORY */
must_check enum status peer_take_offer(struct peer *p, struct slice sdp, bool *ret_restarted);
/* The sections held aside: of the client's offer, or of ours that waits for its answer. Sections
 * that sent before and still do have their track in `receive` already. */
size_t peer_offered_count(const struct peer *p);
const struct peer_section *peer_offered_at(const struct peer *p, size_t index);

struct peer_receive {
    uint64_t track;   /* the caller's, not 0 */
    bool stereo, dtx; /* opus: what the answer asks the client to send */
    bool red;         /* opus may come in RED: it stands first then, if it was offered */
    bool has_preferred;
    enum rtp_codec preferred; /* stands first in the answer when it was offered: browsers send it */
};
/* Says what track an offered section with remote_sends is (again: replaces). It sticks to the mid
 * while the client sends in it. Sections bound to nothing are answered inactive. */
void peer_receive(struct peer *p, size_t offered_index, const struct peer_receive *how);
/* Appends our answer to the held offer, which becomes the agreed state; sends get their sections.
 * PRECONDITION: no offer is held; TOO_LARGE: no room in *out, which keeps its length then, and the
 * offer stays held. */
must_check enum status peer_write_answer(struct peer *p, struct buf *out);
/* Forgets the held offer of the client. */
void peer_drop_offer(struct peer *p);
/* Both steps in one, without binding anything. Fails as they do. */
must_check enum status peer_answer(struct peer *p, struct slice offer_sdp, struct buf *out,
                                   bool *ret_restarted);

/* Appends our offer (subscriber): the application section first, always, then one for each send.
 * An offer that was not answered is replaced; the caller matches answers to offers by their
 * signalling id. */
must_check enum status peer_offer(struct peer *p, struct buf *out);
/* Takes the client's answer to our last offer; fails as peer_take_offer does. */
must_check enum status peer_take_answer(struct peer *p, struct slice answer_sdp);

const struct peer_remote *peer_remote(const struct peer *p);
struct slice peer_local_ufrag(const struct peer *p);
struct slice peer_local_pwd(const struct peer *p);
/* Why the last call that failed did (static text); "ok" before. */
const char *peer_reason(const struct peer *p);

/* The sections agreed last, in the order of the descriptions. */
size_t peer_sections_count(const struct peer *p);
const struct peer_section *peer_section_at(const struct peer *p, size_t index);

/* Walks what our last description sends (in dual mode: our last offer, answered or not), for
 * mid_to_track_id: starts with *at = 0 and answers false at the end. */
must_check bool peer_next_sending(const struct peer *p, size_t *at, struct slice *ret_mid,
                                  struct slice *ret_track_id);
