/* media.h: UDP ports, ICE-lite, DTLS, SCTP data: what carries a call.
 * Owns: worker threads with their sockets and transports; the data thread with SCTP and routes.
 * Never: knows rooms' rules: control tells which transports exist and who may send to whom.
 *   Depends on neither directory, journal, archive nor bus: what is up goes on without them.
 * Invariant: transport ids are never used again; commands about unknown ids do nothing.
 * Source: wire/realtime.md 3.10, 4.1, 4.2; design section 6.
 * Callers: control (commands), app (create, destroy). */
#pragma once

#include "caps.h"
#include "ident.h"
#include "mailbox.h"
#include "metrics.h"
#include "rtp_section.h"

struct media;
enum { MEDIA_IP_TEXT_MAX = 72 };

struct media_config {
    uint16_t udp_port_first, udp_port_last; /* worker i takes the i-th; 0: any free ones (tests) */
    bool ice_tcp;                           /* also serve clients whose network lets no UDP pass, */
    uint16_t tcp_port;                      /* here; 0: any free one (tests) */
    bool tcp_only;                          /* clients are told of no UDP */
    uint32_t workers;
    const char *const *node_ips; /* addresses told to clients; count 0: all local, non-loopback */
    size_t node_ips_count;
    bool loopback_candidates;   /* also 127.0.0.1 (dev, tests) */
    struct mailbox *to_control; /* items: struct media_event, by value */
    /* 0: as caps.h says; else for tests */
    uint32_t transport_timeout_ms, silent_timeout_ms, handshake_timeout_ms;
};

/* The address that the world sees this machine at, asked of STUN servers ("host:port") before media
 * begins; looking up a name may take longer than the time given. UNAVAILABLE: nobody answered. */
must_check enum status media_external_ip(const struct slice *servers, size_t count,
                                         uint32_t timeout_ms, char ret_ip[MEDIA_IP_TEXT_MAX]);
must_check enum status media_create(const struct media_config *config, struct media **ret_media);
struct media *media_destroy(struct media *m);
const uint8_t *media_fingerprint(const struct media *m); /* 32 bytes, SHA-256 */
/* Complete "a=candidate:...\r\n" lines of worker `worker`. */
struct slice media_candidates(const struct media *m, uint32_t worker);
uint32_t media_worker_count(const struct media *m);
/* All threads' metrics, for the scrape; borrowed until media_destroy. */
size_t media_metrics(const struct media *m, const struct metrics **ret, size_t max);

enum media_event_kind {
    MEDIA_CONNECTED,    /* ICE and DTLS are up */
    MEDIA_SILENT,       /* no valid check for TRANSPORT_TIMEOUT_MS: nothing is sent to it any more,
                         * until an address of its client echoes a check of ours */
    MEDIA_DISCONNECTED, /* nor for TRANSPORT_SILENT_MS more: the transport is gone */
    MEDIA_FAILED,       /* DTLS failed (wrong fingerprint, timeout): the transport is gone. Also
                         * EXHAUSTED: its client did not take the data sent to it */
    MEDIA_DATA_OPEN,    /* `_reliable` and `_lossy` are open on this transport */
    MEDIA_DATA_HEARD,   /* numbered reliable packets came over it: now and then, which was last */
    MEDIA_RPC,          /* a participant answers a call of the server's; see media_rpc */
    MEDIA_LEVELS,       /* loudness that changed: report */
    MEDIA_QUALITIES,    /* qualities that changed: report */
    MEDIA_STREAM_STATE, /* a sent stream was paused for want of bandwidth, or goes on */
};

/* An acknowledgement or response whose destination names nobody in the room: it is for us. Two at
 * most come for each request that was sent to the participant. */
struct media_rpc {
    uint64_t room;
    struct slice identity; /* of the sender */
    struct slice packet;   /* DataPacket as sent */
};
/* Items of a report, at most so many in one. */
enum { MEDIA_REPORT_MAX = 256 };
struct media_report {
    size_t count;
    struct {
        uint64_t id; /* levels: track; qualities: transport */
        float level; /* 0 silent, up to 1 */
        uint8_t score;
    } items[MEDIA_REPORT_MAX];
};

struct media_event {
    enum media_event_kind kind;
    enum status reason; /* FAILED: DENIED wrong fingerprint, TIMEOUT, MALFORMED, ... */
    bool paused;        /* STREAM_STATE */
    uint32_t sequence;  /* DATA_HEARD */
    uint64_t transport; /* STREAM_STATE: the send */
    /* owned by who takes the event: media_event_free; NULL: not of that kind */
    struct media_rpc *rpc;
    struct media_report *report;
};
void media_event_free(struct media_event *ev);
void media_rpc_free(struct media_rpc *rpc); /* NULL: nothing */

struct media_transport_open {
    uint64_t transport; /* never 0 */
    uint32_t worker;
    char ufrag[UFRAG_LEN + 1], pwd[ICE_PWD_LEN + 1]; /* ours */
    bool opens_channels; /* dual mode's subscriber transport: we create the three channels */
};
struct media_transport_remote {
    uint64_t transport;
    char ufrag[256 + 1], pwd[256 + 1]; /* the client's, for checks of ours */
    uint8_t fingerprint[32];
    bool has_data;
    uint32_t max_message_bytes;
};

/* All: control thread only. False: the owner's mailbox is full; nothing was done. */
must_check bool media_open(struct media *m, const struct media_transport_open *open);
must_check bool media_set_remote(struct media *m, const struct media_transport_remote *remote);
/* ICE restart: the new credentials are answered beside the old ones until one is used. A silent
 * transport gets its time anew. */
must_check bool media_restart(struct media *m, uint64_t transport, const char *ufrag,
                              const char *pwd);
/* What its link carries from now on, for clients that try themselves out; 0: what it seems to. */
must_check bool media_fix_bandwidth(struct media *m, uint64_t transport, uint64_t bitrate_bps);
/* Also of a transport that went by itself: its id is let go of. */
must_check bool media_close(struct media *m, uint64_t transport);

/* What a client sends in one section; replaces that of the same mid. A track lives with its
 * section: the next section of the track's mid continues it. */
struct media_receive {
    uint64_t transport;
    uint64_t track; /* 0: not known yet, its packets are dropped; once set it stays */
    bool muted;
    uint8_t layers; /* of video: 1 to RTP_LAYERS_MAX */
    uint8_t layer_of_rid[RTP_RIDS_MAX];
    /* Of a track that clients encrypt: what stands behind frames of the server's own. Empty: it is
     * not encrypted. */
    uint8_t trailer[SIF_TRAILER_BYTES];
    uint8_t trailer_len;
    struct rtp_section section;
};
must_check bool media_receive_put(struct media *m, const struct media_receive *receive);
must_check bool media_receive_remove(struct media *m, uint64_t transport, struct slice mid);

/* One subscriber's copy of a track, on the worker of both. What it wants of it: */
struct media_want {
    uint64_t send;
    uint32_t worker;
    bool paused;
    uint8_t layer_max, fps_max, priority; /* fps 0: all; priority 1 to 255 */
};
struct media_send {
    uint64_t transport, track;
    uint32_t ssrc, rtx_ssrc; /* never used before on this transport; rtx 0: none */
    struct slice cname;
    const struct rtp_section *section; /* formats[0] is what is sent */
    struct media_want want;            /* its send is the id, never used again */
};
must_check bool media_send_put(struct media *m, const struct media_send *send);
must_check bool media_send_set(struct media *m, const struct media_want *want);
must_check bool media_send_remove(struct media *m, uint32_t worker, uint64_t send);

/* Data routing, one entry for each participant. Put replaces. Text is copied. */
struct media_route {
    uint64_t participant; /* never 0 */
    uint64_t room;
    struct ident sid;
    struct slice identity;
    uint64_t rx_transport; /* packets of this one come from here (publisher or single) */
    uint64_t tx_transport; /* and packets to it go out here (subscriber or single) */
    bool can_publish_data, hidden, agent;
    bool active; /* lossy data goes to active ones only */
};
must_check bool media_route_put(struct media *m, const struct media_route *route);
must_check bool media_route_remove(struct media *m, uint64_t participant);
/* Packets of a data track go to a subscriber, under a handle of its own. Put replaces. */
struct media_handle {
    uint64_t publisher, subscriber; /* participants, as in media_route */
    uint16_t publisher_handle;      /* in packets that come */
    uint16_t subscriber_handle;     /* in packets that go */
    uint16_t fps_max;               /* frames a second; 0: all */
};
must_check bool media_handle_put(struct media *m, const struct media_handle *handle);
must_check bool media_handle_remove(struct media *m, const struct media_handle *handle);
/* An encoded DataPacket of the server's own (SendData, RPC) to a room. The data thread reads its
 * destinations; none: everybody. Copied. */
must_check bool media_data_send(struct media *m, uint64_t room, bool reliable, struct slice packet);
