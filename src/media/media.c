#include "media.h"

#include <string.h>

#include "data_thread.h"
#include "dtls.h"
#include "entropy.h"
#include "external_ip.h"
#include "handles.h"
#include "map.h"
#include "media_candidates.h"
#include "mem.h"
#include "routes.h"
#include "streams.h"
#include "thread.h"
#include "transport.h"
#include "worker.h"

enum {
    CANDIDATES_BYTES_MAX = 8192, /* 32 lines of at most 130 bytes */
    WORKERS_MAX = 64,
};

/* Which worker a transport is with: control's commands name only the transport. */
struct placed {
    struct map_node by_transport;
    uint64_t transport;
    uint32_t worker;
};

struct media {
    /* owned */ struct dtls_identity *identity;
    /* owned */ struct data_thread *data;
    uint32_t workers_count;
    /* owned */ struct worker *workers[WORKERS_MAX];
    /* borrowed */ struct mailbox *packets[WORKERS_MAX]; /* of the workers, for the data thread */
    struct buf candidates[WORKERS_MAX];
    /* Control thread only. */
    struct map placed;
};

static bool placed_equal(const struct map_node *node, struct slice key) {
    const struct placed *p = container_of(node, const struct placed, by_transport);
    return slice_eq(slice_of(&p->transport, sizeof p->transport), key);
}

static struct placed *placed_find(const struct media *m, uint64_t transport) {
    struct map_node *node = map_find(&m->placed, slice_of(&transport, sizeof transport));
    return node ? container_of(node, struct placed, by_transport) : NULL;
}

static enum status create_worker(struct media *m, const struct media_config *c, uint32_t index) {
    const struct worker_config config = {
        .index = index,
        .port = c->udp_port_first ? (uint16_t)(c->udp_port_first + index) : 0,
        .listens = index == 0 && c->ice_tcp,
        .tcp_port = c->tcp_port,
        .transport_timeout_ms =
            c->transport_timeout_ms ? c->transport_timeout_ms : (uint32_t)TRANSPORT_TIMEOUT_MS,
        .silent_timeout_ms =
            c->silent_timeout_ms ? c->silent_timeout_ms : (uint32_t)TRANSPORT_SILENT_MS,
        .handshake_timeout_ms =
            c->handshake_timeout_ms ? c->handshake_timeout_ms : (uint32_t)DTLS_HANDSHAKE_TIMEOUT_MS,
        .identity = m->identity,
        .to_control = c->to_control,
        .data_inputs = data_thread_inputs(m->data),
    };
    enum status s = worker_create(&config, &m->workers[index]);
    if (s == STATUS_OK) {
        m->workers_count = index + 1;
        m->packets[index] = worker_packets(m->workers[index]);
    }
    return s;
}

static enum status write_candidates(struct media *m, const struct media_config *config) {
    struct candidate_addresses addresses;
    enum status s = candidate_addresses_find(config, &addresses);
    for (uint32_t i = 0; i < m->workers_count && s == STATUS_OK; i++) {
        const struct worker *w = m->workers[i];
        buf_init(&m->candidates[i], CANDIDATES_BYTES_MAX);
        candidates_put(&m->candidates[i], &addresses, config->tcp_only ? 0 : worker_port(w),
                       worker_tcp_port(m->workers[0]), worker_has_v6(w));
        s = m->candidates[i].failed ? STATUS_NO_MEMORY : STATUS_OK;
    }
    return s;
}

static enum status start_threads(struct media *m) {
    enum status s = data_thread_start(m->data, m->packets, m->workers_count);
    for (uint32_t i = 0; i < m->workers_count; i++) {
        struct worker *next = m->workers[(i + 1) % m->workers_count];
        worker_set_next(m->workers[i], worker_commands(next), m->workers_count);
    }
    for (uint32_t i = 0; i < m->workers_count && s == STATUS_OK; i++) {
        s = worker_start(m->workers[i]);
    }
    return s;
}

static enum status build(struct media *m, const struct media_config *config) {
    struct hash_key key;
    entropy_fill(&key, sizeof key);
    enum status s = map_init(&m->placed, key, placed_equal);
    if (s == STATUS_OK) {
        s = dtls_identity_create(&m->identity);
    }
    if (s == STATUS_OK) {
        s = data_thread_create(config->to_control, &m->data);
    }
    for (uint32_t i = 0; i < config->workers && s == STATUS_OK; i++) {
        s = create_worker(m, config, i);
    }
    if (s == STATUS_OK) {
        s = write_candidates(m, config);
    }
    return s == STATUS_OK ? start_threads(m) : s;
}

static_assert((int)MEDIA_IP_TEXT_MAX >= (int)NET_ADDRESS_TEXT_MAX, "holds any address");
enum status media_external_ip(const struct slice *servers, size_t count, uint32_t timeout_ms,
                              char ret_ip[MEDIA_IP_TEXT_MAX]) {
    struct net_address address;
    enum status s = external_ip_find(servers, count, timeout_ms, &address);
    if (s == STATUS_OK) {
        (void)net_address_ip_text(&address, ret_ip);
    }
    return s;
}

enum status media_create(const struct media_config *config, struct media **ret_media) {
    uint32_t ports = (uint32_t)config->udp_port_last - config->udp_port_first + 1;
    bool has_ports = config->udp_port_first == 0 ||
                     (config->udp_port_last >= config->udp_port_first && ports >= config->workers);
    if (config->workers == 0 || config->workers > WORKERS_MAX || !has_ports) {
        return STATUS_INVALID;
    }
    assert(mailbox_item_size(config->to_control) == sizeof(struct media_event));
    struct media *m = mem_zalloc(sizeof *m);
    if (!m) {
        return STATUS_NO_MEMORY;
    }
    enum status s = build(m, config);
    if (s != STATUS_OK) {
        (void)media_destroy(m);
        return s;
    }
    *ret_media = m;
    return STATUS_OK;
}

static void free_placed(struct media *m) {
    while (m->placed.count > 0) {
        struct map_node *node = map_any(&m->placed);
        map_remove(&m->placed, node);
        mem_free(container_of(node, struct placed, by_transport));
    }
    map_deinit(&m->placed);
}

struct media *media_destroy(struct media *m) {
    if (!m) {
        return NULL;
    }
    for (uint32_t i = 0; i < m->workers_count; i++) {
        worker_stop(m->workers[i]);
    }
    if (m->data) {
        data_thread_stop(m->data);
    }
    /* The data thread first: its associations say goodbye into the workers' mailboxes. */
    struct data_thread *data = m->data;
    m->data = data_thread_destroy(data);
    for (uint32_t i = 0; i < m->workers_count; i++) {
        m->workers[i] = worker_destroy(m->workers[i]);
        buf_deinit(&m->candidates[i]);
    }
    m->identity = dtls_identity_destroy(m->identity);
    free_placed(m);
    mem_free(m);
    return NULL;
}

const uint8_t *media_fingerprint(const struct media *m) {
    return dtls_identity_fingerprint(m->identity);
}

struct slice media_candidates(const struct media *m, uint32_t worker) {
    assert(worker < m->workers_count);
    return buf_slice(&m->candidates[worker]);
}

uint32_t media_worker_count(const struct media *m) {
    return m->workers_count;
}

size_t media_metrics(const struct media *m, const struct metrics **ret, size_t max) {
    size_t count = 0;
    if (count < max) {
        ret[count++] = data_thread_metrics(m->data);
    }
    for (uint32_t i = 0; i < m->workers_count && count < max; i++) {
        ret[count++] = worker_metrics(m->workers[i]);
    }
    return count;
}

/* Commands: what they carry is made here, so that the worker cannot run out of memory for it. */

bool media_open(struct media *m, const struct media_transport_open *open) {
    assert(open->worker < m->workers_count && !placed_find(m, open->transport));
    struct placed *p = mem_zalloc(sizeof *p);
    struct transport *t = transport_create(open);
    struct worker_command c = {.kind = WORKER_OPEN, .transport = open->transport, .open = t};
    if (!p || !t || !mailbox_push(worker_commands(m->workers[open->worker]), &c)) {
        (void)transport_destroy(t);
        mem_free(p);
        return false;
    }
    p->transport = open->transport;
    p->worker = open->worker;
    map_insert(&m->placed, &p->by_transport, slice_of(&p->transport, sizeof p->transport));
    return true;
}

bool media_set_remote(struct media *m, const struct media_transport_remote *remote) {
    const struct placed *p = placed_find(m, remote->transport);
    if (!p) {
        return true; /* an unknown id: there is nothing to do */
    }
    struct transport_remote *r = transport_remote_create(remote);
    struct worker_command c = {.kind = WORKER_REMOTE, .transport = remote->transport, .remote = r};
    if (!r || !mailbox_push(worker_commands(m->workers[p->worker]), &c)) {
        (void)transport_remote_destroy(r);
        return false;
    }
    return true;
}

bool media_restart(struct media *m, uint64_t transport, const char *ufrag, const char *pwd) {
    const struct placed *p = placed_find(m, transport);
    if (!p) {
        return true;
    }
    struct credentials *next = credentials_create(ufrag, pwd);
    struct worker_command c = {.kind = WORKER_RESTART, .transport = transport, .restart = next};
    if (!next || !mailbox_push(worker_commands(m->workers[p->worker]), &c)) {
        (void)credentials_destroy(next);
        return false;
    }
    return true;
}

bool media_fix_bandwidth(struct media *m, uint64_t transport, uint64_t bitrate_bps) {
    const struct placed *p = placed_find(m, transport);
    const struct worker_command c = {
        .kind = WORKER_BANDWIDTH, .transport = transport, .bitrate_bps = bitrate_bps};
    return !p || mailbox_push(worker_commands(m->workers[p->worker]), &c);
}

bool media_close(struct media *m, uint64_t transport) {
    struct placed *p = placed_find(m, transport);
    if (!p) {
        return true;
    }
    const struct worker_command c = {.kind = WORKER_CLOSE, .transport = transport};
    if (!mailbox_push(worker_commands(m->workers[p->worker]), &c)) {
        return false;
    }
    map_remove(&m->placed, &p->by_transport);
    mem_free(p);
    return true;
}

bool media_receive_put(struct media *m, const struct media_receive *receive) {
    const struct placed *p = placed_find(m, receive->transport);
    if (!p) {
        return true;
    }
    struct receiver *r = receiver_create(receive);
    const struct worker_command c = {
        .kind = WORKER_RECEIVE_PUT, .transport = receive->transport, .receive = r};
    if (!r || !mailbox_push(worker_commands(m->workers[p->worker]), &c)) {
        (void)receiver_destroy(r);
        return false;
    }
    return true;
}

bool media_receive_remove(struct media *m, uint64_t transport, struct slice mid) {
    const struct placed *p = placed_find(m, transport);
    if (!p) {
        return true;
    }
    struct worker_command c = {.kind = WORKER_RECEIVE_REMOVE, .transport = transport};
    assert(mid.len <= sizeof(c.mid.text));
    c.mid.len = (uint8_t)mid.len;
    memcpy(c.mid.text, mid.data, mid.len);
    return mailbox_push(worker_commands(m->workers[p->worker]), &c);
}

bool media_send_put(struct media *m, const struct media_send *send) {
    const struct placed *p = placed_find(m, send->transport);
    if (!p) {
        return true;
    }
    struct sender *s = sender_create(send);
    const struct worker_command c = {
        .kind = WORKER_SEND_PUT, .transport = send->transport, .send = s};
    if (!s || !mailbox_push(worker_commands(m->workers[p->worker]), &c)) {
        (void)sender_destroy(s);
        return false;
    }
    return true;
}

bool media_send_set(struct media *m, const struct media_want *want) {
    assert(want->worker < m->workers_count);
    const struct worker_command c = {.kind = WORKER_SEND_SET, .want = *want};
    return mailbox_push(worker_commands(m->workers[want->worker]), &c);
}

bool media_send_remove(struct media *m, uint32_t worker, uint64_t send) {
    assert(worker < m->workers_count);
    const struct worker_command c = {.kind = WORKER_SEND_REMOVE, .transport = send};
    return mailbox_push(worker_commands(m->workers[worker]), &c);
}

void media_event_free(struct media_event *ev) {
    mem_free(TAKE(ev->report));
    media_rpc_free(TAKE(ev->rpc));
}

bool media_route_put(struct media *m, const struct media_route *route) {
    struct route *r = route_create(route);
    const struct data_command c = {.kind = DATA_ROUTE_PUT, .route = r};
    if (!r || !mailbox_push(data_thread_commands(m->data), &c)) {
        (void)route_destroy(r);
        return false;
    }
    return true;
}

bool media_route_remove(struct media *m, uint64_t participant) {
    const struct data_command c = {.kind = DATA_ROUTE_REMOVE, .id = participant};
    return mailbox_push(data_thread_commands(m->data), &c);
}

bool media_data_send(struct media *m, uint64_t room, bool reliable, struct slice packet) {
    struct packet *p = packet_create(packet);
    const struct data_command c = {
        .kind = DATA_SEND, .id = room, .reliable = reliable, .packet = p};
    if (!p || !mailbox_push(data_thread_commands(m->data), &c)) {
        mem_free(p);
        return false;
    }
    return true;
}

bool media_handle_put(struct media *m, const struct media_handle *handle) {
    struct handle_subscription *s = handle_subscription_create(handle);
    const struct data_command c = {.kind = DATA_HANDLE_PUT, .subscription = s};
    if (!s || !mailbox_push(data_thread_commands(m->data), &c)) {
        (void)handle_subscription_destroy(s);
        return false;
    }
    return true;
}

bool media_handle_remove(struct media *m, const struct media_handle *handle) {
    const struct data_command c = {.kind = DATA_HANDLE_REMOVE, .handle = *handle};
    return mailbox_push(data_thread_commands(m->data), &c);
}
