/* transport.h: one client's ICE and DTLS transport: credentials, address pairs, handshake.
 * Owns: struct transport its credentials, pairs, DTLS association and held datagrams.
 * Never: sends or receives; workers do.
 * Invariant: `selected` is where we send: a pair that passed an authenticated check of the client,
 *   and, once connected, one that also echoed a check of ours if it is not the first.
 * Source: RFC 8445; design section 6.
 * Callers: media.c creates the parts on the control thread; then the worker alone. */
#pragma once

#include "budget.h"
#include "caps.h"
#include "egress.h"
#include "list.h"
#include "loop.h"
#include "map.h"
#include "media.h"
#include "media_priv.h"
#include "pacer.h"
#include "stun.h"
#include "udp.h"

struct dtls;
struct hmac_key;
struct srtp_session;
struct twcc_recorder;

/* Ours, of one ICE generation. */
struct credentials {
    struct map_node by_ufrag;
    /* borrowed */ struct transport *transport; /* NULL until it is in the table */
    char ufrag[UFRAG_LEN + 1];
    /* owned */ struct hmac_key *key;
};
must_check struct credentials *credentials_create(const char *ufrag, const char *pwd);
struct credentials *credentials_destroy(struct credentials *c); /* in no table */

/* The client's. */
struct transport_remote {
    struct media_transport_remote say;
    /* owned */ struct hmac_key *key;
};
must_check struct transport_remote *
transport_remote_create(const struct media_transport_remote *say);
struct transport_remote *transport_remote_destroy(struct transport_remote *r);

/* An address of the client as seen by an address of ours. */
struct pair {
    struct map_node by_path;
    struct list_node in_transport;
    /* borrowed */ struct transport *transport;
    struct udp_path path;
    uint64_t valid_ms; /* of the last authenticated check or answer over it */
    struct {           /* a check of ours that it shall echo */
        uint8_t transaction[STUN_TRANSACTION_BYTES];
        uint64_t sent_ms;
        uint32_t sent; /* 0: none is out */
    } echo;
};

enum transport_state {
    TRANSPORT_NEW,       /* no valid check yet */
    TRANSPORT_CHECKED,   /* the client proved that it knows our password; DTLS may begin */
    TRANSPORT_CONNECTED, /* DTLS is up */
    TRANSPORT_GONE,      /* in no table; only tells what it owes */
};

/* A datagram of the handshake that waits for its turn or for the client's fingerprint. */
struct held {
    struct list_node in_transport;
    size_t len;
    uint8_t bytes[];
};

enum { TRANSPORT_MAGIC = 0x74726e73 };

enum { SCORE_UNTOLD = 0xff }; /* scores go to 100 */

struct transport {
    uint32_t magic;
    enum transport_state state;
    struct map_node by_id;
    uint64_t id;
    /* borrowed */ void *worker;
    bool opens_channels;
    /* owned */ struct credentials *now, *next;  /* next: of a restart not used yet */
    /* owned */ struct transport_remote *remote; /* NULL until control knows it */
    /* owned */ struct dtls *dtls;               /* NULL until the first flight's turn */
    bool dtls_closed;                            /* the peer said goodbye */

    /* owned    */ struct list pairs; /* struct pair, by in_transport */
    /* borrowed */ struct pair *selected, *nominated;

    /* owned */ struct list held; /* struct held */
    size_t held_bytes;
    struct list_node in_handshakes; /* of the worker: waits for its turn */

    struct loop_timer timer; /* the earliest of the deadlines that the fields give */
    uint64_t checked_ms;     /* of the first valid check */
    uint64_t valid_ms;       /* of the last one */
    uint64_t silent_due_ms;  /* 0: it is not silent; else it ends then, unless it is heard again */
    uint64_t dtls_due_ms;    /* UINT64_MAX: none */
    bool dtls_timed_out;     /* a resend is due and waits for its turn */

    /* What others are still to be told; kept while their mailboxes are full. */
    struct list_node in_owed;
    bool owes_data_open, owes_connected, owes_silent, owes_data_close, owes_end;
    bool data_open; /* the data thread knows of it, or is owed to */
    struct media_event end;

    /* Media. */
    /* owned */ struct srtp_session *srtp;  /* NULL until connected */
    /* owned */ struct list receivers;      /* struct receiver, by in_transport */
    /* owned */ struct list senders;        /* struct sender, by in_transport */
    /* owned */ struct twcc_recorder *twcc; /* NULL until a section with transport-cc comes */
    struct list_node in_streaming;          /* of the worker: has receivers or senders */
    struct egress_queue egress;
    struct budget budget; /* what its link carries */
    struct pacer pacer;
    struct list_node in_probing; /* of the worker: padding is sent to it */
    uint64_t probed_us;          /* when it was, last */
    uint64_t budget_due_us, sent_bytes, sent_bps;
    uint64_t resent_bytes; /* of sent_bytes */
    uint8_t told_score;    /* SCORE_UNTOLD at first, so that good ones are told, too */
};

/* NULL without memory. */
must_check struct transport *transport_create(const struct media_transport_open *open);
struct transport *transport_destroy(struct transport *t); /* in no table or list */

/* Keeps a copy for later; false when what is held is at its bound, or memory is. */
must_check bool transport_hold(struct transport *t, struct slice datagram);
/* The oldest held datagram, to be freed by the caller; NULL when there is none. */
struct held *transport_take_held(struct transport *t);
/* The pair to give up for a new one; never the selected one. */
struct pair *transport_oldest_pair(struct transport *t);
