/* peer.h: one peer connection as negotiated: sections, mids, codecs, offers and answers.
 * Owns: struct peer and all text in it. Pure: no socket, clock or entropy; credentials are given.
 * Never: opens transports; node tells media what was agreed.
 * Invariant: sections never disappear and keep their order; a fingerprint, once set, never changes
 *   (trap T27: a changed one is refused).
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

/* New local credentials for an ICE restart, held ready: an offer of ours takes them at once, and so
 * restarts; an answer of ours takes them only when the client's offer restarts, since answers to
 * others must repeat the old ones. So give fresh ones before each peer_answer (those not taken are
 * replaced); without any, a restart keeps the old ones. INVALID: wrong lengths. */
must_check enum status peer_set_local_credentials(struct peer *p, struct slice ufrag,
                                                  struct slice pwd);

/* Takes the client's offer (publisher, single) and appends our answer to *out. *ret_restarted: the
 * client's ICE credentials changed, an ICE restart. When it fails nothing has changed, *out keeps
 * its length, and peer_reason says why:
 *   MALFORMED      not a session description, or one against the rules
 *   UNIMPLEMENTED  no sha-256 fingerprint, a DTLS or ICE role that leaves us none, no BUNDLE or
 *                  rtcp-mux
 *   PRECONDITION   contradicts what was agreed (sections, mids, fingerprint, DTLS role), or not
 *                  the turn or the role of this peer
 *   TOO_LARGE      beyond a limit of sdp.h, or of *out
 *   NO_MEMORY */
must_check enum status peer_answer(struct peer *p, struct slice offer_sdp, struct buf *out,
                                   bool *ret_restarted);
/* Appends our offer (subscriber): the application section first, always. An offer that was not
 * answered is replaced; the caller matches answers to offers by their signalling id. */
must_check enum status peer_offer(struct peer *p, struct buf *out);
/* Takes the client's answer to our last offer; fails as peer_answer does. */
must_check enum status peer_take_answer(struct peer *p, struct slice answer_sdp);

const struct peer_remote *peer_remote(const struct peer *p);
struct slice peer_local_ufrag(const struct peer *p);
struct slice peer_local_pwd(const struct peer *p);
/* Why the last call that failed did (static text); "ok" before. */
const char *peer_reason(const struct peer *p);

/* The sections agreed last, in the order of the descriptions. */
size_t peer_sections_count(const struct peer *p);
const struct peer_section *peer_section_at(const struct peer *p, size_t index);
