#include "data_thread_priv.h"

#include <string.h>

#include "mem.h"

struct packet *packet_create(struct slice bytes) {
    struct packet *p = mem_alloc(sizeof *p + bytes.len);
    if (p) {
        p->len = bytes.len;
        if (bytes.len > 0) {
            memcpy(p->bytes, bytes.data, bytes.len);
        }
    }
    return p;
}

/* What a full mailbox refused is tried again at each tick until it is through. */
static void link_settle(struct data_thread *d, struct data_link *link) {
    if (link->owes_event) {
        struct media_event e = {.kind = MEDIA_DATA_OPEN, .transport = link->transport};
        link->owes_event = !mailbox_push(d->to_control, &e);
    }
    if (link->owes_closing) {
        struct worker_packet order = {.transport = link->transport};
        link->owes_closing = !mailbox_push(d->to_workers[link->worker], &order);
    }
    bool owes = link->owes_event || link->owes_closing;
    bool is_in = list_node_linked(&link->in_owed);
    if (owes && !is_in) {
        metric_inc(&d->metrics.media_mailbox_full);
        list_push_back(&d->owed, &link->in_owed);
    } else if (!owes && is_in) {
        list_remove(&d->owed, &link->in_owed);
    }
}

static void link_order_closing(struct data_thread *d, struct data_link *link) {
    if (!link->closing) {
        link->closing = true;
        link->owes_closing = true;
        link_settle(d, link);
    }
}

static void send_dcep(struct data_thread *d, struct data_link *link, uint16_t stream,
                      const struct buf *message) {
    const struct sctp_delivery how = {.stream = stream, .ppid = PPID_DCEP};
    if (message->failed || sctp_send(&link->assoc, &how, buf_slice(message)) != STATUS_OK) {
        /* A channel that cannot even be opened: the association is as good as gone. */
        link->lost = true;
        metric_inc(&d->metrics.sctp_lost);
    }
}

static void link_opened(struct data_thread *d, struct data_link *link) {
    if (!channels_ready(&link->channels)) {
        return;
    }
    if (!link->announced) {
        link->announced = true;
        link->owes_event = true;
        link_settle(d, link);
    }
    data_router_opened(&d->router, link->transport, loop_now_ms(d->loop));
}

/* Handlers of the stack. */

static void on_packet(void *arg, uint64_t transport, struct slice bytes) {
    struct data_thread *d = data_thread_of(arg);
    const struct data_link *link = data_links_find(&d->links, transport);
    struct packet *p = link ? packet_create(bytes) : NULL;
    if (!p) {
        metric_inc(&d->metrics.media_no_memory);
        return;
    }
    const struct worker_packet message = {.transport = transport, .packet = p};
    if (!mailbox_push(d->to_workers[link->worker], &message)) {
        metric_inc(&d->metrics.media_mailbox_full); /* as if lost on the way: sent again */
        mem_free(p);
    }
}

static void on_up(void *arg, uint64_t transport) {
    struct data_thread *d = data_thread_of(arg);
    struct data_link *link = data_links_find(&d->links, transport);
    if (!link) {
        return;
    }
    metric_inc(&d->metrics.sctp_up);
    link->channels = (struct channels){0};
    for (uint32_t i = 0; link->opens_channels && i < CHANNELS; i++) {
        const struct dcep_open open = channels_ask(&link->channels, (enum channel)i);
        struct buf out;
        buf_init(&out, 64);
        dcep_put_open(&out, &open);
        send_dcep(d, link, link->channels.of[i].stream, &out);
        buf_deinit(&out);
    }
}

static void on_lost(void *arg, uint64_t transport) {
    struct data_thread *d = data_thread_of(arg);
    struct data_link *link = data_links_find(&d->links, transport);
    if (link && !link->lost) {
        metric_inc(&d->metrics.sctp_lost);
        link->lost = true;
    }
}

static void on_dcep(struct data_thread *d, struct data_link *link, uint16_t stream,
                    struct slice message) {
    struct dcep_open open;
    switch (dcep_classify(message)) {
    case DCEP_OPEN:
        if (dcep_read_open(message, &open) != STATUS_OK) {
            metric_inc(&d->metrics.data_dropped_malformed);
            return;
        }
        if (channels_on_open(&link->channels, stream, &open) == CHANNELS) {
            metric_inc(&d->metrics.data_unknown_labels);
        }
        struct buf out;
        buf_init(&out, 16);
        dcep_put_ack(&out);
        send_dcep(d, link, stream, &out);
        buf_deinit(&out);
        link_opened(d, link);
        break;
    case DCEP_ACK:
        channels_on_ack(&link->channels, stream);
        link_opened(d, link);
        break;
    case DCEP_UNKNOWN: metric_inc(&d->metrics.data_dropped_malformed); break;
    }
}

static void on_message(void *arg, uint64_t transport, uint16_t stream, uint32_t ppid,
                       struct slice message) {
    struct data_thread *d = data_thread_of(arg);
    struct data_link *link = data_links_find(&d->links, transport);
    if (!link) {
        return;
    }
    if (ppid == PPID_DCEP) {
        on_dcep(d, link, stream, message);
        return;
    }
    uint64_t now_ms = loop_now_ms(d->loop);
    if (ppid != PPID_STRING && ppid != PPID_BINARY) {
        metric_inc(&d->metrics.data_dropped_malformed); /* empty ones carry no packet */
        return;
    }
    switch (channels_find(&link->channels, stream)) {
    case CHANNEL_RELIABLE:
        data_router_receive(&d->router, transport, DATA_KIND_RELIABLE, message, now_ms);
        break;
    case CHANNEL_LOSSY:
        data_router_receive(&d->router, transport, DATA_KIND_LOSSY, message, now_ms);
        break;
    case CHANNEL_DATA_TRACK:
        data_router_receive_track(&d->router, transport, message, now_ms);
        break;
    case CHANNELS: metric_inc(&d->metrics.data_dropped_no_channel); break;
    }
}

static void on_too_large(void *arg, uint64_t transport) {
    (void)transport;
    metric_inc(&data_thread_of(arg)->metrics.data_dropped_too_large);
}

/* The peer closed a channel: so do we, that its number may be used again. */
static void on_stream_reset(void *arg, uint64_t transport, uint16_t stream) {
    struct data_thread *d = data_thread_of(arg);
    struct data_link *link = data_links_find(&d->links, transport);
    if (link) {
        (void)channels_on_reset(&link->channels, stream);
        sctp_reset_stream(&link->assoc, stream);
    }
}

static enum data_sent send_on(struct data_thread *d, uint64_t transport, enum channel which,
                              struct slice message) {
    struct data_link *link = data_links_find(&d->links, transport);
    if (!link || !link->announced || link->closing) {
        return DATA_SENT_NOT_OPEN;
    }
    bool reliable = which == CHANNEL_RELIABLE;
    const struct channel_state *channel = &link->channels.of[which];
    if (!channel->open) {
        return DATA_SENT_NOT_OPEN;
    }
    if (link->max_message_bytes && message.len > link->max_message_bytes) {
        return DATA_SENT_TOO_LARGE;
    }
    if (!reliable && link->assoc.queued_bytes + message.len > DATA_LOSSY_BACKLOG_BYTES) {
        return DATA_SENT_SLOW;
    }
    const struct sctp_delivery how = {
        .stream = channel->stream,
        .ppid = PPID_BINARY,
        .unordered = channel->unordered,
        .reliability = channel->reliability,
        .parameter = channel->parameter,
    };
    switch (sctp_send(&link->assoc, &how, message)) {
    case STATUS_OK: return DATA_SENT;
    case STATUS_TOO_LARGE: return DATA_SENT_TOO_LARGE;
    case STATUS_CLOSED: return DATA_SENT_NOT_OPEN;
    default: break; /* its backlog is at the bound, or memory is */
    }
    if (reliable) {
        metric_inc(&d->metrics.data_slow_closed);
        link_order_closing(d, link);
    }
    return DATA_SENT_SLOW;
}

/* The router's ways out. */
enum data_sent data_session_send(void *arg, uint64_t transport, enum data_packet_kind kind,
                                 struct slice message) {
    return send_on(data_thread_of(arg), transport,
                   kind == DATA_KIND_RELIABLE ? CHANNEL_RELIABLE : CHANNEL_LOSSY, message);
}

enum data_sent data_session_send_track(void *arg, uint64_t transport, struct slice packet) {
    return send_on(data_thread_of(arg), transport, CHANNEL_DATA_TRACK, packet);
}

/* What workers tell. */

static void open_link(struct data_thread *d, const struct data_input *in) {
    const struct data_link config = {
        .transport = in->transport,
        .worker = in->worker,
        .opens_channels = in->opens_channels,
        .max_message_bytes = in->max_message_bytes,
    };
    enum status s = data_links_open(&d->links, &config);
    if (s != STATUS_OK && s != STATUS_EXISTS) {
        /* A client without data is worse off than one that is told to come again. */
        metric_inc(&d->metrics.media_no_memory);
        const struct worker_packet order = {.transport = in->transport};
        if (!mailbox_push(d->to_workers[in->worker], &order)) {
            metric_inc(&d->metrics.media_mailbox_full);
        }
    }
}

static void close_link(struct data_thread *d, struct data_link *link) {
    if (list_node_linked(&link->in_owed)) {
        list_remove(&d->owed, &link->in_owed);
    }
    data_links_close(&d->links, link);
}

void data_session_input(struct data_thread *d, struct data_input *in) {
    struct data_link *link = data_links_find(&d->links, in->transport);
    switch (in->kind) {
    case DATA_INPUT_OPEN: open_link(d, in); break;
    case DATA_INPUT_PACKET:
        if (link && !link->lost) {
            sctp_input(d->stack, &link->assoc, slice_of(in->packet->bytes, in->packet->len));
        }
        mem_free(TAKE(in->packet));
        break;
    case DATA_INPUT_CLOSE:
        if (link) {
            close_link(d, link);
        }
        break;
    }
    metric_set(&d->metrics.sctp_associations, d->links.table.count);
}

void data_session_retry(struct data_thread *d) {
    list_each_safe (node, after, &d->owed) {
        link_settle(d, container_of(node, struct data_link, in_owed));
    }
}

struct sctp_handlers data_session_handlers(struct data_thread *d) {
    return (struct sctp_handlers){
        .arg = d,
        .on_packet = on_packet,
        .on_up = on_up,
        .on_lost = on_lost,
        .on_message = on_message,
        .on_too_large = on_too_large,
        .on_stream_reset = on_stream_reset,
    };
}
