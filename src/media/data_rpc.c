#include <string.h>

#include "data_thread_priv.h"
#include "mem.h"

/* Text behind the struct, in one block. */
static struct media_rpc *rpc_create(const struct route *from, struct slice packet) {
    struct media_rpc *rpc = mem_alloc(sizeof(*rpc) + from->identity.len + packet.len);
    if (rpc) {
        uint8_t *text = (uint8_t *)(rpc + 1);
        memcpy(text, from->identity.data, from->identity.len);
        memcpy(text + from->identity.len, packet.data, packet.len);
        *rpc = (struct media_rpc){
            .room = from->room_id,
            .identity = slice_of(text, from->identity.len),
            .packet = slice_of(text + from->identity.len, packet.len),
        };
    }
    return rpc;
}

void media_rpc_free(struct media_rpc *rpc) {
    mem_free(rpc);
}

/* Lost when control is behind: the caller then hears of a timeout. */
void data_session_to_server(void *arg, const struct route *from, struct slice packet) {
    struct data_thread *d = data_thread_of(arg);
    struct media_event e = {.kind = MEDIA_RPC, .rpc = rpc_create(from, packet)};
    if (!e.rpc) {
        metric_inc(&d->metrics.media_no_memory);
    } else if (!mailbox_push(d->to_control, &e)) {
        metric_inc(&d->metrics.media_mailbox_full);
        media_rpc_free(e.rpc);
    }
}

bool data_session_heard(void *arg, const struct route *from) {
    struct data_thread *d = data_thread_of(arg);
    const struct media_event ev = {
        .kind = MEDIA_DATA_HEARD, .transport = from->rx_transport, .sequence = from->last_sequence};
    return mailbox_push(d->to_control, &ev);
}
