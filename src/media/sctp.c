#include "sctp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <usrsctp.h>

#include "caps.h"
#include "mem.h"

enum {
    SCTP_PORT = 5000, /* as every SDP says */
    SCTP_HEADER_BYTES = 12,
    RECEIVE_BYTES = 256 << 10, /* holds a message of the largest size and what follows it */
    PARTIAL_BYTES = 128 << 10, /* delivery in parts only of what is too large anyway */
    CHUNKS_QUEUED_MAX = 4096,  /* small ones cost more than their bytes */
    SENDS_PER_COUNT = 64,      /* how often the stack is asked for the number that waits */
    INIT_ATTEMPTS = 64,        /* a client may start SCTP long after DTLS */
    INIT_TIMEOUT_MS_MAX = 2000,
    RTO_FIRST_MS = 500,
    RTO_MIN_MS = 300,
    RTO_MAX_MS = 5000,
    SACK_DELAY_MS = 20,
    FINISH_TRIES = 200, /* ticks that the stack gets to let go of closed sockets */
};
static_assert((int)PARTIAL_BYTES > (int)DATA_MESSAGE_BYTES_MAX,
              "a message that is allowed comes whole");
static_assert(RECEIVE_BYTES / 2 >= PARTIAL_BYTES, "the stack takes the smaller of both");

struct sctp_stack {
    struct sctp_handlers handlers;
    struct pool table; /* struct sctp_assoc *, by the numbers that the stack knows */
};

/* The library is one for the process, and its output callback has no argument of ours. */
static struct sctp_stack *the_stack;

static void *address_of(const struct sctp_assoc *a) {
    return (void *)(uintptr_t)pool_ref_pack(a->ref);
}

static struct sctp_assoc *resolve(const void *address) {
    if (!the_stack) {
        return NULL;
    }
    struct sctp_assoc **slot =
        pool_resolve(&the_stack->table, pool_ref_unpack((uint64_t)(uintptr_t)address));
    return slot ? *slot : NULL;
}

static int on_output(void *address, void *data, size_t len, uint8_t tos, uint8_t set_df) {
    (void)tos;
    (void)set_df;
    const struct sctp_assoc *a = resolve(address);
    if (a) {
        const struct sctp_handlers *h = &the_stack->handlers;
        h->on_packet(h->arg, a->owner, slice_of(data, len));
    }
    return 0;
}

static void on_association(struct sctp_assoc *a, const struct sctp_assoc_change *change) {
    const struct sctp_handlers *h = &the_stack->handlers;
    switch (change->sac_state) {
    case SCTP_COMM_UP:
    case SCTP_RESTART:
        a->streams_out = change->sac_outbound_streams;
        a->queued_bytes = 0;
        a->up = true;
        h->on_up(h->arg, a->owner);
        break;
    case SCTP_COMM_LOST:
    case SCTP_SHUTDOWN_COMP:
    case SCTP_CANT_STR_ASSOC:
        a->up = false;
        h->on_lost(h->arg, a->owner);
        break;
    default: break;
    }
}

static void on_reset(struct sctp_assoc *a, const struct sctp_stream_reset_event *e, size_t len) {
    const struct sctp_handlers *h = &the_stack->handlers;
    if ((e->strreset_flags & SCTP_STREAM_RESET_INCOMING_SSN) &&
        !(e->strreset_flags & (SCTP_STREAM_RESET_DENIED | SCTP_STREAM_RESET_FAILED))) {
        size_t count = (len - offsetof(struct sctp_stream_reset_event, strreset_stream_list)) /
                       sizeof(uint16_t);
        for (size_t i = 0; i < count; i++) {
            h->on_stream_reset(h->arg, a->owner, e->strreset_stream_list[i]);
        }
    }
}

static void on_notification(struct sctp_assoc *a, const void *data, size_t len) {
    const union sctp_notification *n = data;
    if (len < sizeof n->sn_header || n->sn_header.sn_length > len) {
        return;
    }
    if (n->sn_header.sn_type == SCTP_ASSOC_CHANGE && len >= sizeof(struct sctp_assoc_change)) {
        on_association(a, &n->sn_assoc_change);
    } else if (n->sn_header.sn_type == SCTP_STREAM_RESET_EVENT &&
               len >= sizeof(struct sctp_stream_reset_event)) {
        on_reset(a, &n->sn_strreset_event, n->sn_header.sn_length);
    }
}

/* Messages come whole, except those that are larger than any that we take. */
static void on_data(struct sctp_assoc *a, struct slice data, const struct sctp_rcvinfo *info,
                    bool is_end) {
    const struct sctp_handlers *h = &the_stack->handlers;
    bool is_rest = a->skipping && a->skip_stream == info->rcv_sid;
    if (!is_end) {
        if (!is_rest) {
            h->on_too_large(h->arg, a->owner);
        }
        a->skipping = true;
        a->skip_stream = info->rcv_sid;
    } else if (is_rest) {
        a->skipping = false;
    } else if (data.len > DATA_MESSAGE_BYTES_MAX) {
        h->on_too_large(h->arg, a->owner);
    } else {
        h->on_message(h->arg, a->owner, info->rcv_sid, ntohl(info->rcv_ppid), data);
    }
}

static int on_receive(struct socket *socket, union sctp_sockstore from, void *data, size_t len,
                      struct sctp_rcvinfo info, int flags, void *address) {
    (void)socket;
    (void)from;
    struct sctp_assoc *a = resolve(address);
    if (a && data && (flags & MSG_NOTIFICATION)) {
        on_notification(a, data, len);
    } else if (a && data) {
        on_data(a, slice_of(data, len), &info, (flags & MSG_EOR) != 0);
    }
    free(data); /* the stack's own malloc */
    return 1;
}

static int on_send_room(struct socket *socket, uint32_t free_bytes, void *address) {
    (void)socket;
    struct sctp_assoc *a = resolve(address);
    if (a) {
        a->queued_bytes = DATA_OUTQ_BYTES_MAX - MIN(free_bytes, (uint32_t)DATA_OUTQ_BYTES_MAX);
        a->too_many = false;
        a->sends_since_count = SENDS_PER_COUNT; /* count anew at the next one */
    }
    return 0;
}

enum status sctp_stack_create(const struct sctp_handlers *handlers, struct sctp_stack **ret_stack) {
    assert(!the_stack);
    struct sctp_stack *s = mem_zalloc(sizeof *s);
    if (!s) {
        return STATUS_NO_MEMORY;
    }
    s->handlers = *handlers;
    pool_init(&s->table, sizeof(struct sctp_assoc *), 2 * SESSIONS_MAX);
    usrsctp_init_nothreads(0, on_output, NULL);
    (void)usrsctp_sysctl_set_sctp_blackhole(2); /* silence for what belongs to no association */
    (void)usrsctp_sysctl_set_sctp_ecn_enable(0);
    (void)usrsctp_sysctl_set_sctp_asconf_enable(0);
    (void)usrsctp_sysctl_set_sctp_auth_enable(0);
    (void)usrsctp_sysctl_set_sctp_nrsack_enable(0);
    (void)usrsctp_sysctl_set_sctp_pktdrop_enable(0);
    (void)usrsctp_sysctl_set_sctp_max_chunks_on_queue(CHUNKS_QUEUED_MAX);
    (void)usrsctp_sysctl_set_sctp_rto_initial_default(RTO_FIRST_MS);
    (void)usrsctp_sysctl_set_sctp_rto_min_default(RTO_MIN_MS);
    (void)usrsctp_sysctl_set_sctp_rto_max_default(RTO_MAX_MS);
    (void)usrsctp_sysctl_set_sctp_delayed_sack_time_default(SACK_DELAY_MS);
    the_stack = s;
    *ret_stack = s;
    return STATUS_OK;
}

struct sctp_stack *sctp_stack_destroy(struct sctp_stack *s) {
    if (s) {
        assert(s == the_stack && s->table.count == 0);
        the_stack = NULL;
        for (int i = 0; i < FINISH_TRIES && usrsctp_finish() != 0; i++) {
            usrsctp_handle_timers(SCTP_TICK_MS);
        }
        pool_deinit(&s->table);
        mem_free(s);
    }
    return NULL;
}

static bool set(struct socket *socket, int level, int option, const void *value, socklen_t len) {
    return usrsctp_setsockopt(socket, level, option, value, len) == 0;
}

static bool configure(struct socket *socket) {
    const struct linger abort_at_close = {.l_onoff = 1, .l_linger = 0};
    const struct sctp_assoc_value resets = {.assoc_value = SCTP_ENABLE_RESET_STREAM_REQ};
    const struct sctp_initmsg init = {
        .sinit_num_ostreams = DATA_STREAMS_MAX,
        .sinit_max_instreams = DATA_STREAMS_MAX,
        .sinit_max_attempts = INIT_ATTEMPTS,
        .sinit_max_init_timeo = INIT_TIMEOUT_MS_MAX,
    };
    const int send_bytes = DATA_OUTQ_BYTES_MAX, receive_bytes = RECEIVE_BYTES, on = 1;
    const uint32_t partial = PARTIAL_BYTES;
    bool ok = usrsctp_set_non_blocking(socket, 1) == 0 &&
              set(socket, SOL_SOCKET, SO_LINGER, &abort_at_close, sizeof abort_at_close) &&
              set(socket, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes) &&
              set(socket, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes) &&
              set(socket, IPPROTO_SCTP, SCTP_PARTIAL_DELIVERY_POINT, &partial, sizeof partial) &&
              set(socket, IPPROTO_SCTP, SCTP_ENABLE_STREAM_RESET, &resets, sizeof resets) &&
              set(socket, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof on) &&
              set(socket, IPPROTO_SCTP, SCTP_INITMSG, &init, sizeof init);
    static const uint16_t events[] = {SCTP_ASSOC_CHANGE, SCTP_STREAM_RESET_EVENT};
    for (size_t i = 0; i < ARRAY_LEN(events) && ok; i++) {
        const struct sctp_event e = {
            .se_assoc_id = SCTP_FUTURE_ASSOC, .se_type = events[i], .se_on = 1};
        ok = set(socket, IPPROTO_SCTP, SCTP_EVENT, &e, sizeof e);
    }
    return ok;
}

/* The path's size is known (what one DTLS record takes), and that the peer is there is ICE's to
 * watch: no probing, no heartbeats. */
static bool configure_path(struct socket *socket, const struct sockaddr_conn *peer) {
    struct sctp_paddrparams p = {
        .spp_flags = SPP_PMTUD_DISABLE | SPP_HB_DISABLE,
        .spp_pathmtu = SCTP_PACKET_BYTES_MAX - SCTP_HEADER_BYTES, /* the stack adds it */
    };
    memcpy(&p.spp_address, peer, sizeof *peer);
    return set(socket, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &p, sizeof p);
}

static bool start(struct sctp_assoc *a) {
    struct sockaddr_conn address = {
        .sconn_family = AF_CONN, .sconn_port = htons(SCTP_PORT), .sconn_addr = address_of(a)};
    struct sockaddr *sa = (struct sockaddr *)&address;
    if (!configure(a->socket) || usrsctp_bind(a->socket, sa, sizeof address) != 0) {
        return false;
    }
    int r = usrsctp_connect(a->socket, sa, sizeof address);
    return (r == 0 || errno == EINPROGRESS) && configure_path(a->socket, &address);
}

enum status sctp_open(struct sctp_stack *s, struct sctp_assoc *a, uint64_t owner) {
    assert(s == the_stack);
    *a = (struct sctp_assoc){.owner = owner};
    struct sctp_assoc **slot = pool_take(&s->table, &a->ref);
    if (!slot) {
        return STATUS_EXHAUSTED;
    }
    *slot = a;
    usrsctp_register_address(address_of(a));
    a->socket = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, on_receive, on_send_room, 0,
                               address_of(a));
    if (!a->socket || !start(a)) {
        sctp_close(s, a);
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

void sctp_close(struct sctp_stack *s, struct sctp_assoc *a) {
    if (!pool_resolve(&s->table, a->ref)) {
        return;
    }
    if (a->socket) {
        usrsctp_close(TAKE(a->socket)); /* the ABORT goes out by on_output */
    }
    usrsctp_deregister_address(address_of(a));
    pool_give(&s->table, a->ref);
    *a = (struct sctp_assoc){0};
}

/* The stack takes one request at a time; what it refuses now goes out after the next packet. */
static void flush_resets(struct sctp_assoc *a) {
    _Alignas(struct sctp_reset_streams)
        uint8_t space[sizeof(struct sctp_reset_streams) + DATA_STREAMS_MAX * sizeof(uint16_t)] = {
            0};
    struct sctp_reset_streams *request = (void *)space;
    request->srs_flags = SCTP_STREAM_RESET_OUTGOING;
    for (uint16_t stream = 0; stream < MIN(a->streams_out, (uint16_t)DATA_STREAMS_MAX); stream++) {
        if (a->reset_streams[stream / 64] >> (stream % 64) & 1) {
            request->srs_stream_list[request->srs_number_streams++] = stream;
        }
    }
    size_t size = sizeof *request + request->srs_number_streams * sizeof(uint16_t);
    if (request->srs_number_streams > 0 && a->up &&
        set(a->socket, IPPROTO_SCTP, SCTP_RESET_STREAMS, request, (socklen_t)size)) {
        memset(a->reset_streams, 0, sizeof a->reset_streams);
        a->resets_owed = false;
    }
}

void sctp_input(struct sctp_stack *s, struct sctp_assoc *a, struct slice packet) {
    assert(s == the_stack);
    usrsctp_conninput(address_of(a), packet.data, packet.len, 0);
    if (a->resets_owed) {
        flush_resets(a);
    }
}

void sctp_tick(struct sctp_stack *s, uint32_t elapsed_ms) {
    assert(s == the_stack);
    usrsctp_handle_timers(elapsed_ms);
}

bool sctp_is_idle(const struct sctp_stack *s) {
    return s->table.count == 0;
}

/* Bytes are bounded by the send buffer; this bounds the messages, which have a cost of their own.
 */
static bool has_too_many(struct sctp_assoc *a) {
    if (a->too_many || ++a->sends_since_count < SENDS_PER_COUNT) {
        return a->too_many;
    }
    a->sends_since_count = 0;
    struct sctp_status st = {0};
    socklen_t len = sizeof st;
    if (usrsctp_getsockopt(a->socket, IPPROTO_SCTP, SCTP_STATUS, &st, &len) == 0) {
        a->too_many = (uint32_t)st.sstat_penddata + st.sstat_unackdata > CHUNKS_QUEUED_MAX;
    }
    return a->too_many;
}

enum status sctp_send(struct sctp_assoc *a, const struct sctp_delivery *how, struct slice message) {
    if (!a->up || how->stream >= a->streams_out) {
        return STATUS_CLOSED;
    }
    if (has_too_many(a)) {
        return STATUS_AGAIN;
    }
    struct sctp_sendv_spa spa = {
        .sendv_flags = SCTP_SEND_SNDINFO_VALID,
        .sendv_sndinfo = {.snd_sid = how->stream,
                          .snd_flags = SCTP_EOR | (how->unordered ? SCTP_UNORDERED : 0),
                          .snd_ppid = htonl(how->ppid)},
    };
    if (how->reliability != DCEP_RELIABLE) {
        spa.sendv_flags |= SCTP_SEND_PRINFO_VALID;
        spa.sendv_prinfo.pr_policy =
            how->reliability == DCEP_RETRANSMITS_MAX ? SCTP_PR_SCTP_RTX : SCTP_PR_SCTP_TTL;
        spa.sendv_prinfo.pr_value = how->parameter;
    }
    size_t queued = a->queued_bytes;
    a->queued_bytes += message.len; /* before: an answer may come from inside the call */
    ssize_t sent = usrsctp_sendv(a->socket, message.data, message.len, NULL, 0, &spa, sizeof spa,
                                 SCTP_SENDV_SPA, 0);
    if (sent >= 0) {
        return STATUS_OK;
    }
    a->queued_bytes = queued;
    switch (errno) {
    case EWOULDBLOCK: return STATUS_AGAIN;
    case EMSGSIZE: return STATUS_TOO_LARGE;
    case ENOBUFS:
    case ENOMEM: return STATUS_NO_MEMORY;
    default: return STATUS_CLOSED;
    }
}

void sctp_reset_stream(struct sctp_assoc *a, uint16_t stream) {
    if (stream < DATA_STREAMS_MAX) {
        a->reset_streams[stream / 64] |= (uint64_t)1 << (stream % 64);
        a->resets_owed = true;
    }
}
