/* caps.h: every limit of the server on one page, with its reason.
 * Owns: nothing. Limits that operators may change are settings (settings.h); these are fixed.
 * Callers: everybody. Relations between limits are asserted at the end. */
#pragma once

#include "base.h"

enum {
    /* HTTP front door */
    HTTP_HEAD_BYTES_MAX = 64 * 1024,  /* a /rtc/v1 join carries a compressed 14 KB SDP in its URL */
    HTTP_HEADERS_MAX = 64,            /* browsers behind two proxies send about 30 */
    HTTP_BODY_BYTES_MAX = 10 << 20,   /* as the reference: limit.max_api_request_body_size */
    HTTP_HEAD_TIMEOUT_MS = 10 * 1000, /* a request not complete by then is closed */
    HTTP_IDLE_TIMEOUT_MS = 75 * 1000, /* keep-alive between requests; above common proxies' 60 s */
    HTTP_WRITE_TIMEOUT_MS = 10 * 1000,  /* a reader takes the rest, or so many bytes, in it: */
    HTTP_WRITE_BYTES_MIN = 16 * 1024,   /* 1.6 KB/s; the slowest phone takes more */
    HTTP_ANSWER_TIMEOUT_MS = 30 * 1000, /* control answers in milliseconds, or it is dead */
    HTTP_LINGER_MS = 1000,              /* read and drop behind a last answer: it must arrive */
    CONN_OUTQ_BYTES_MAX = 4 << 20,      /* past this the reader is too slow: close it */
    CONN_UNSENT_BYTES_MAX = 128 << 10,  /* in the kernel's queue: more would hide slow readers */
    EDGE_CONNS_MAX = 65536,             /* per edge thread; the descriptor limit comes first */
    EDGE_HANDSHAKES_MAX = 1024,         /* unauthenticated connections; the oldest makes room */
    EDGE_PER_ADDRESS_MAX = 512,         /* of them from one address or IPv6 /64 */
    EDGE_METRICS_CONNS_MAX = 64,        /* of the metrics listener: a few scrapers */
    EDGE_BODY_BYTES_IN_FLIGHT_MAX = 64 << 20, /* request bodies held at once, per edge thread */

    /* WebSocket and signalling */
    SIGNAL_BYTES_MAX = 2 << 20,        /* reference: signal_message_size_limit */
    JOIN_REQUEST_BYTES_MAX = 1 << 20,  /* after gunzip; reference */
    WS_PING_INTERVAL_MS = 10 * 1000,   /* reference */
    WS_SILENT_MS = 35 * 1000,          /* three pings unanswered: the peer is gone */
    WS_MESSAGE_TIMEOUT_MS = 30 * 1000, /* a message begun and not whole by then is an attack */
    WS_CLOSE_FLUSH_MS = 250,           /* reference: queued messages go out, then close */
    SIGNAL_RATE_PER_S = 50,            /* sustained signal messages of one client */
    SIGNAL_RATE_BURST = 500,           /* a resume repeats everything at once */

    /* text */
    IDENTITY_BYTES_MAX = 256,
    ROOM_NAME_BYTES_MAX = 256,
    PARTICIPANT_NAME_BYTES_MAX = 256,
    METADATA_BYTES_MAX = 512 * 1024,
    ATTRIBUTES_BYTES_MAX = 64 * 1024,
    JSON_DEPTH_MAX = 100,          /* our deepest message nests 8 */
    TOKEN_BYTES_MAX = 600 * 1024,  /* metadata of full size rides in a token */
    TWIRP_MSG_BYTES_MAX = 1000000, /* reference cuts error texts there */

    /* messages */
    PROTO_DEPTH_MAX = 32,            /* our deepest message nests 8 */
    PROTO_ELEMENTS_MAX = 256 * 1024, /* fields and list items of one message: each costs 40 to
                                        100 bytes decoded, and a body of 40-byte names fits */

    /* rooms */
    ROOMS_MAX =
        16 << 20, /* the most that stoa.rooms_max may say: 8 GB; a cap, nothing is allocated */
    ROOM_PARTICIPANTS_MAX = 10000,
    SESSIONS_MAX = 100000,                    /* per node */
    SWEEP_PER_STEP_MAX = 128,                 /* bounds the tail of a control step */
    LIST_SLICE_ROOMS = 200,                   /* rooms encoded in one step, 3 us each */
    LIST_SLICE_BYTES = 256 << 10,             /* and the bytes of one step, for large metadata */
    LIST_PART_BYTES = 256 << 10,              /* of an answer that leaves in parts: each at least */
    LIST_ANSWER_BYTES_MAX = 256 << 20,        /* of an answer that does not leave in parts */
    HELD_BYTES_MAX = 512 << 20,               /* all answers in the making together */
    LIST_NAMES_BYTES_MAX = 1 << 20,           /* names of one ListRooms; 4,000 of full length */
    HELD_REPLIES_MAX = 64,                    /* answers assembled in slices at once */
    HELD_REPLY_TIMEOUT_MS = 9 * 1000,         /* clients give up after 10 s */
    LEAVES_PER_STEP_MAX = 256,                /* participants that one step takes out of rooms */
    TIMERS_PER_STEP_MAX = 256,                /* session and room timers of one tick */
    PAGE_ROWS_MAX = 100,                      /* of one answer to the operators' pages */
    PAGE_SLOTS_MAX = 2048,                    /* of the directory, looked at for it in one step */
    PAGE_BYTES = 256 << 10,                   /* then the answer takes no more rows */
    ATTRIBUTES_MAX = 1024,                    /* of one participant: merging stays under 1 ms */
    ATTRIBUTES_MERGED_BYTES_MAX = 256 * 1024, /* requests are limited, their sum is bounded here */
    ROOM_NONCES = 100,                        /* SendData repeats remembered; reference */
    TRACKS_PER_PARTICIPANT_MAX = 32,   /* three layers with RTX each: within SRTP_SSRCS_IN_MAX */
    TRACKS_PENDING_MAX = 20,           /* announced, no section yet; reference */
    TRACKS_QUEUED_MAX = 3,             /* of one cid, waiting for the one before; reference */
    TRACK_CID_BYTES_MAX = 256,         /* browsers write UUIDs */
    TRACK_INFO_BYTES_MAX = 4096,       /* told to everybody; usual ones have 200 */
    TRACK_MEMORY_BYTES_MAX = 64 << 10, /* a TrackInfo of full size, decoded */
    TRACK_FEATURES_MAX = 16,           /* there are 7 */
    TRACK_CODECS_MAX = 4,              /* of one track; clients send two */
    TRACK_RULES_MAX = ROOM_PARTICIPANTS_MAX, /* who may subscribe: one for each participant */
    TRACK_RULES_BYTES_MAX = 256 << 10,       /* of one participant */
    SUBSCRIPTIONS_MAX = 4096,         /* of one participant, those it does not want included */
    SUBSCRIPTIONS_ATTACHED_MAX = 200, /* sent to one participant at once: SDP has 256 sections */
    EARLY_SECTIONS_MAX = 8,           /* sent in before their track was announced */
    TRACK_WISHES_MAX = 256,           /* of one participant: tracks wanted that are not there */
    TRACK_WISH_MS = 60 * 1000,        /* and for so long; reference */
    JOIN_SUBSCRIPTIONS_MAX = 24,      /* in the first exchange; the rest follow in slices */
    LOOKS_PER_STEP = 64,              /* subscriptions begun or ended in one step, 10 us each */
    LOOK_SESSIONS_PER_STEP = 512,     /* sessions that look around in one step */
    TIMER_BYTES_PER_STEP = 256 << 10, /* of what timers say in one step: offers are large */
    EXCHANGE_DELAY_MS = 10,           /* what changes together is told together; reference */
    EXCHANGE_PAUSE_MS = 150,          /* between two exchanges; reference */
    EXCHANGE_TIMEOUT_MS = 15 * 1000,  /* reference */
    QUALITY_FALL_MS = 5 * 1000,       /* before a publisher is asked for less; reference */
    PARTICIPANT_ENCODED_BYTES_MAX = 1024, /* kept for joiners; with more metadata, made anew */
    ROOM_DEPARTED_MAX = 64,               /* told to clients that resume: more leave in no minute */
    RESUME_LOOKBACK_MS = 40 * 1000,       /* a dead WebSocket is noticed after WS_SILENT_MS */
    DATA_TRACKS_MAX = 64,                 /* of one participant */
    DATA_SUBSCRIPTIONS_MAX = 1024,        /* likewise */
    DATA_TRACK_NAME_BYTES_MAX = 256,      /* of tracks, schemas and keys of blobs; reference */
    DATA_TRACK_ENCODING_BYTES_MAX = 32,   /* reference */
    DATA_BLOBS_BYTES_MAX = 64000,         /* of one participant, keys included; reference */
    SIMULATED_DROP_MS = 5 * 1000, /* the next resume is cut off when it comes by then; reference */
    SIF_TRAILER_BYTES = 32,       /* unguessable, as the reference's */
    JOIN_TIMEOUT_MS = 60 * 1000,  /* join to ACTIVE; reference */
    SIGNAL_GRACE_MS = 30 * 1000,  /* media up, signal gone: a client rejoins within 20 s */
    SILENT_GRACE_MS = 10 * 1000,  /* neither: attempts to resume are at most 7 s apart */
    TOKEN_REFRESH_MS = 5 * 60 * 1000, /* reference */
    TOKEN_VALID_MIN_S = 10 * 60,      /* reference */
    ROOM_UPDATE_MS = 5 * 1000,        /* counts of a room are told at most so often; reference */
    ANSWER_DELAY_MS = 20,             /* for clients that ask first and listen then; unfelt */
    ANSWERS_HELD_MAX = 4096,          /* at once: 200,000 a second; beyond, the oldest go early */
    ANSWERS_HELD_BYTES_MAX = 4 << 20, /* of them together: 1 KB each, 100 bytes are usual */
    ANSWERS_PER_STEP_MAX = 512,       /* sent in one step, under 1 us each */
    WRITES_HELD_MAX = 8192, /* answers that wait for the journal: 400,000 writes a second */
    WRITES_HELD_BYTES_MAX = 64 << 20, /* of them together; 1 KB each is usual */
    WRITES_PER_STEP_MAX = 512,        /* sent in one step, under 1 us each */
    RPCS_MAX = 4096,                  /* PerformRpc calls that wait at once, 200 bytes each */
    RPC_PAYLOAD_BYTES_MAX = 15360,    /* reference; clients refuse more */
    RPC_ACK_MS = 2000,                /* reference */
    RPC_TIMEOUT_MS = 10 * 1000,       /* reference, when the caller names none */
    RPC_TIMEOUT_MAX_MS = 28 * 1000,   /* below HTTP_ANSWER_TIMEOUT_MS: the caller hears why */
    ROOM_MESSAGE_BYTES_MAX = METADATA_BYTES_MAX + (8 << 10), /* beside metadata: 1 KB is usual */
    NOTES_BYTES_PER_STEP = 4 << 20, /* webhooks made before the rest waits for the next step */
    STEP_BYTES_MAX = 64 << 20,      /* effects of one step; more is refused, not sent */

    /* between nodes */
    CLUSTER_MESSAGE_BYTES_MAX = 4 << 20, /* a room of 7 lives with metadata of full size fits */
    CLUSTER_PAGE_BYTES = 64 << 10,       /* of records in one message: 1 ms to merge */
    CLUSTER_HASHES_MAX = 8192,           /* of one bucket: at 30 million rooms it is full */
    CLUSTER_PARTS_MAX = ROOMS_MAX,       /* rooms with people elsewhere, counted by host */

    /* media */
    DATAGRAM_BYTES_MAX = 2048, /* above any path MTU that WebRTC uses */
    UFRAG_LEN = 16,
    ICE_PWD_LEN = 24,                 /* RFC 8445 asks for at least 4 and 22 */
    PEER_SENDS_MAX = 255,             /* tracks sent to one client: each has a section, and a
                                         description has 256 at most, one of them for data */
    TRANSPORT_TIMEOUT_MS = 30 * 1000, /* media stops so long after the last valid check */
    TRANSPORT_SILENT_MS = 30 * 1000,  /* then its client may come back: three attempts to resume */
    DTLS_HANDSHAKE_TIMEOUT_MS = 60 * 1000,
    DATA_MESSAGE_BYTES_MAX = 65535,         /* clients cap at 64000; the reference reads 65535 */
    DATA_STREAMS_MAX = 256,                 /* SCTP streams: 16 cost 10 KB, 65535 cost 2.6 MB */
    DATA_OUTQ_BYTES_MAX = 2 << 20,          /* one receiver's reliable backlog; then it is closed */
    DATA_LOSSY_BACKLOG_BYTES = 64 << 10,    /* 100 ms at 5 Mbit/s: later, lossy data is stale */
    DATA_RECENT_BYTES_MAX = 100 * 1000,     /* kept a room for who is still joining; reference */
    DATA_RECENT_MS = 2 * 1000,              /* and for so long; reference */
    DATA_RECENT_TOTAL_BYTES_MAX = 64 << 20, /* of all rooms: 640 rooms at their bound */
    TRANSPORT_PAIRS_MAX = 16,               /* address pairs of a client; Chromium shows up to 12 */
    HANDSHAKES_QUEUED_MAX = 2048,           /* per worker: a second of work at 2,200 handshakes/s */
    HANDSHAKE_HELD_BYTES_MAX = 8 << 10,     /* a flight with a large ClientHello, split */
    EGRESS_PACKET_BYTES = 1536,             /* an Ethernet frame's UDP payload, and the seal */
    EGRESS_PACKETS_MAX = 4096,              /* 6 MB a worker: a frame to 400 subscribers */
    REPORT_DATAGRAM_BYTES = 1200,           /* of RTCP, gathered */
    HISTORY_CHUNKS_MAX = 32768,             /* of 8 KB: 256 MB a worker, 1 s of 2 Gbit/s received */
    EGRESS_HOLD_US = 1000,                  /* how long packets wait for others to the same place */
    EGRESS_READY_MAX = 16,                  /* destinations that wait for a common system call */
    ICE_TCP_FIRST_MS = 10 * 1000,           /* for a connection to say whose it is */
    ICE_TCP_STRANGERS_MAX = 1024,           /* connections that have not said it, 3 KB each */
    ICE_TCP_LINKS_MAX = 16384,              /* of one worker */
    ICE_TCP_OUT_BYTES_MAX = 256 << 10,      /* one second of 2 Mbit/s: later, it is stale */
    RECEIVER_SSRCS_MAX = 16,   /* of one section: 3 layers with RTX, twice, and spare */
    BUDGET_STREAMS_MAX = 512,  /* of one link that share it; others are not limited */
    RECEIVERS_MAX = 64,        /* sections in which one client sends */
    SRTP_SSRCS_IN_MAX = 256,   /* of one client: 20 tracks, 3 layers, RTX, and spare */
    SRTP_SSRCS_OUT_MAX = 8192, /* to one client: 4,096 tracks of media and RTX */

    /* webhooks */
    HOOK_RECEIVERS_MAX = 16,            /* each gets every event: more is a bus's work */
    HOOK_FILTERS_MAX = 64,              /* names in a list; there are 13 events */
    HOOK_CONFIG_BYTES_MAX = 1 << 20,    /* URLs and names as configured */
    HOOK_KEY_NAME_BYTES_MAX = 256,      /* rides escaped in each token: */
    HOOK_TOKEN_BYTES_MAX = 4096,        /* which stays far below this */
    HOOK_TOKEN_VALID_S = 5 * 60,        /* reference; all tries end within 170 s */
    HOOK_AGE_MS = 30 * 1000,            /* reference: older news is dropped, not told */
    HOOK_DEPTH = 200,                   /* reference: events waiting for one receiver and key */
    HOOK_TRIES_MAX = 5,                 /* reference: the first and four more */
    HOOK_RETRY_FIRST_MS = 1000,         /* reference: 1, 2, 4, 8 s */
    HOOK_RETRY_WAIT_MAX_MS = 30 * 1000, /* reference; also what Retry-After may ask for */
    HOOK_ATTEMPT_MS = 10 * 1000,        /* a receiver that has not answered by then has not */
    HOOK_IN_FLIGHT_MAX = 128,           /* requests at once to one receiver, each a connection */
    HOOK_IDLE_CONNS_MAX = 64,           /* kept open for the next request, of all receivers */
    HOOK_ANSWER_BYTES_MAX = 64 << 10,   /* of an answer, read and dropped; more is cut off */
    HOOK_BYTES_MAX = 64 << 20,          /* events held: about 30,000 small ones, or 60 of 1 MB */
    HOOK_POSTS_PER_TURN = 64,           /* taken at once; requests get their turns between */
    HOOK_LOOK_AFTER_MS = 500,           /* libcurl is asked so often while requests go on */
    HOOK_NO_MEMORY_WAIT_MS = 10,        /* libcurl cannot wait without memory; nor do we spin */

    /* journal */
    JOURNAL_SYNC_INTERVAL_MS = 50,        /* syncs are grouped: what a power cut may take */
    JOURNAL_BEHIND_MS = 20,               /* a write of the API waits no longer than this */
    JOURNAL_STUCK_MS = 1000,              /* a stop waits no longer for a disk, past its grace */
    JOURNAL_AHEAD_MAX_S = 24 * 3600,      /* of the wall: a node among others does not start */
    JOURNAL_CALM_MS = 1000,               /* after a late write nobody waits for so long */
    JOURNAL_BATCH_BYTES_MAX = 4 << 20,    /* a room of 7 lives with metadata of full size fits */
    JOURNAL_QUEUE_BYTES_MAX = 32 << 20,   /* posted and not written; more stays owed */
    JOURNAL_POSTS_MAX = 1024,             /* of them: a second of control turns */
    JOURNAL_GROUP_BYTES = 1 << 20,        /* one write; larger ones are no faster */
    JOURNAL_SEGMENT_BYTES = 64 << 20,     /* of one file: half a million small rooms */
    JOURNAL_SEGMENTS_MAX = 4096,          /* files; far above what the bytes allow */
    JOURNAL_COMPACT_MIN_BYTES = 64 << 20, /* a log below this is not worth a snapshot */
    JOURNAL_COMPACT_RATIO = 3,            /* nor one below so many times the last snapshot */
    JOURNAL_RETRY_FIRST_MS = 10,          /* after a failed write, then twice that, up to: */
    JOURNAL_RETRY_MAX_MS = 1000,          /* a disk that comes back is noticed in a second */
    JOURNAL_GIVE_UP_TRIES = 3,            /* of a file that fails: the next one is begun */
    JOURNAL_EVENTS_MAX = 256,             /* told to control; sequences coalesce beyond */
    JOURNAL_NODE_BYTES_MAX = 24,          /* a node's name in the header */

    /* operating system */
    LOOP_EVENTS_PER_TURN = 256,    /* fetched at once; the rest comes in the next turn */
    LOG_QUEUE_BYTES_MAX = 1 << 20, /* some seconds of a busy log; beyond, lines are dropped */
    LOG_VALUE_BYTES_MAX = 512,     /* of one logged text: escaped six-fold it fits a line */
    LOG_CLOSE_WAIT_MS = 1000,      /* what is queued at the end gets so long to leave */

    /* mailboxes, in messages */
    MAILBOX_CONTROL_MAX = 16384,
    MAILBOX_EDGE_MAX = 16384,
    MAILBOX_MEDIA_MAX = 8192,
    MAILBOX_HOOK_MAX = 8192,
};

#define JOURNAL_BYTES_MAX ((uint64_t)16 << 30) /* 40 million small rooms; more is refused */

static_assert(ROOM_PARTICIPANTS_MAX <= SESSIONS_MAX, "a full room fits the node");
static_assert(RPC_TIMEOUT_MAX_MS < HTTP_ANSWER_TIMEOUT_MS, "a call ends before its connection");
static_assert(METADATA_BYTES_MAX < TOKEN_BYTES_MAX, "a token carries the largest metadata");
static_assert(TOKEN_BYTES_MAX < HTTP_BODY_BYTES_MAX, "a form body carries a token");
