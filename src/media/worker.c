#include "worker_priv.h"

#include "entropy.h"
#include "log.h"
#include "mem.h"
#include "thread.h"

static void on_commands(void *arg, uint32_t events) {
    (void)events;
    struct worker *w = worker_of(arg);
    struct worker_command commands[TURN_MESSAGES_MAX];
    size_t count = mailbox_drain(w->commands, commands, TURN_MESSAGES_MAX);
    for (size_t i = 0; i < count; i++) {
        worker_take_command(w, &commands[i]);
    }
}

/* Its receiver does not take what is sent to it: the client notices and comes again. */
static void close_slow(struct worker *w, struct transport *t) {
    worker_say_goodbye(w, t);
    worker_transport_end(w, t, MEDIA_FAILED, STATUS_EXHAUSTED);
}

static void on_packets(void *arg, uint32_t events) {
    (void)events;
    struct worker *w = worker_of(arg);
    struct worker_packet packets[TURN_MESSAGES_MAX];
    size_t count = mailbox_drain(w->packets, packets, TURN_MESSAGES_MAX);
    for (size_t i = 0; i < count; i++) {
        struct packet *p = packets[i].packet;
        struct transport *t = transports_find(&w->transports, packets[i].transport);
        if (t && p) {
            worker_send_sctp(w, t, slice_of(p->bytes, p->len));
        } else if (t) {
            close_slow(w, t);
        }
        mem_free(p);
    }
}

/* Only wakes the loop: the turn's end sees that packets have waited long enough. */
static void on_hold(void *arg) {
}

static void on_retry(void *arg) {
    worker_retry_owed(worker_of(arg));
}

/* The end of each turn: one flight of a handshake, then all that the turn has to send; and memory
 * for what the next one receives. */
static void on_turn_end(void *arg) {
    struct worker *w = worker_of(arg);
    if (!list_empty(&w->streaming) && packet_pool_refill(&w->pool) != STATUS_OK) {
        metric_inc(&w->metrics.media_no_memory); /* histories are shorter for now */
    }
    worker_run_handshake(w);
    worker_io_flush(w);
    egress_expire(&w->egress, loop_now_us(w->loop));
    worker_io_flush_egress(w);
    if (!list_empty(&w->egress.waiting)) {
        loop_timer_set(&w->hold, loop_now_ms(w->loop) + 1);
    }
    if (!list_empty(&w->handshakes)) {
        loop_again(w->loop);
    }
}

static void run(void *arg) {
    loop_run(worker_of(arg)->loop);
}

static enum status start_watching(struct worker *w) {
    enum status s =
        loop_add(w->loop, &w->on_commands, mailbox_fd(w->commands), LOOP_READ, on_commands, w);
    if (s == STATUS_OK) {
        s = loop_add(w->loop, &w->on_packets, mailbox_fd(w->packets), LOOP_READ, on_packets, w);
    }
    if (s == STATUS_OK) {
        s = loop_timer_init(w->loop, &w->retry, on_retry, w);
    }
    if (s == STATUS_OK) {
        s = loop_timer_init(w->loop, &w->hold, on_hold, w);
    }
    if (s == STATUS_OK) {
        s = loop_timer_init(w->loop, &w->pace, worker_on_pace, w);
    }
    if (s == STATUS_OK) {
        s = loop_timer_init(w->loop, &w->silence, worker_on_silence, w);
    }
    if (s == STATUS_OK) {
        s = loop_timer_init(w->loop, &w->probe, worker_on_probe, w);
    }
    if (s == STATUS_OK) {
        s = loop_timer_init(w->loop, &w->reports, worker_on_reports, w);
    }
    loop_set_hook(w->loop, on_turn_end, w);
    return s;
}

static enum status build(struct worker *w) {
    w->commands = mailbox_create(sizeof(struct worker_command), MAILBOX_MEDIA_MAX);
    w->packets = mailbox_create(sizeof(struct worker_packet), MAILBOX_MEDIA_MAX);
    w->loop = loop_create();
    if (!w->commands || !w->packets || !w->loop) {
        return STATUS_NO_MEMORY;
    }
    struct hash_key key;
    uint8_t rng_key[32];
    entropy_fill(&key, sizeof key);
    entropy_fill(rng_key, sizeof rng_key);
    rng_init(&w->rng, rng_key);
    w->tie_breaker = rng_u64(&w->rng);
    enum status s = transports_init(&w->transports, key);
    if (s == STATUS_OK) {
        s = streams_init(&w->streams, key);
    }
    if (s == STATUS_OK) {
        s = egress_init(&w->egress);
    }
    if (s == STATUS_OK) {
        s = worker_tcp_open(w, key);
    }
    if (s == STATUS_OK) {
        s = start_watching(w);
    }
    return s == STATUS_OK ? worker_io_open(w) : s;
}

enum status worker_create(const struct worker_config *config, struct worker **ret_worker) {
    struct worker *w = mem_zalloc(sizeof *w);
    if (!w) {
        return STATUS_NO_MEMORY;
    }
    w->magic = WORKER_MAGIC;
    w->config = *config;
    packet_pool_init(&w->pool, HISTORY_CHUNKS_MAX);
    list_init(&w->handshakes);
    list_init(&w->owed);
    list_init(&w->streaming);
    list_init(&w->probing);
    enum status s = build(w);
    if (s != STATUS_OK) {
        (void)worker_destroy(w);
        return s;
    }
    *ret_worker = w;
    return STATUS_OK;
}

enum status worker_start(struct worker *w) {
    return thread_start("stoa-media", run, w, &w->thread);
}

void worker_stop(struct worker *w) {
    if (w->thread) {
        loop_stop(w->loop);
        w->thread = thread_join(w->thread);
    }
}

/* Nobody runs any more: what still lies in the mailboxes is freed. */
static void empty_mailboxes(struct worker *w) {
    struct worker_command c;
    while (w->commands && mailbox_drain(w->commands, &c, 1) == 1) {
        if (c.kind == WORKER_OPEN) {
            (void)transport_destroy(c.open);
        } else if (c.kind == WORKER_REMOTE) {
            (void)transport_remote_destroy(c.remote);
        } else if (c.kind == WORKER_RESTART) {
            (void)credentials_destroy(c.restart);
        } else if (c.kind == WORKER_RECEIVE_PUT) {
            (void)receiver_destroy(c.receive);
        } else if (c.kind == WORKER_SEND_PUT) {
            (void)sender_destroy(c.send);
        } else if (c.kind == WORKER_TCP) {
            tcp_arrival_drop(&c.arrival);
        }
    }
    struct worker_packet p;
    while (w->packets && mailbox_drain(w->packets, &p, 1) == 1) {
        mem_free(p.packet);
    }
}

struct worker *worker_destroy(struct worker *w) {
    if (w) {
        assert(!w->thread);
        empty_mailboxes(w);
        worker_transports_free(w);
        transports_deinit(&w->transports);
        streams_deinit(&w->streams);
        egress_deinit(&w->egress);
        packet_pool_deinit(&w->pool);
        worker_tcp_close(w);
        worker_io_close(w);
        loop_timer_deinit(&w->retry);
        loop_timer_deinit(&w->reports);
        loop_timer_deinit(&w->hold);
        loop_timer_deinit(&w->pace);
        loop_timer_deinit(&w->silence);
        loop_timer_deinit(&w->probe);
        w->loop = loop_destroy(w->loop);
        w->packets = mailbox_destroy(w->packets);
        w->commands = mailbox_destroy(w->commands);
        mem_free(w);
    }
    return NULL;
}

struct mailbox *worker_commands(struct worker *w) {
    return w->commands;
}

struct mailbox *worker_packets(struct worker *w) {
    return w->packets;
}

const struct metrics *worker_metrics(const struct worker *w) {
    return &w->metrics;
}
