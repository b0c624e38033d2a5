#include "sfu_server.h"

#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sfu_pin.h"

enum { OPUS = 111, VP8 = 96, MID_ID = 4, LEVEL_ID = 1, ABS_ID = 2 };

enum order_kind { ORDER_OPEN, ORDER_REMOTE, ORDER_PUBLISH, ORDER_SUBSCRIBE, ORDER_READ };
struct order {
    enum order_kind kind;
    uint64_t transport, track, send;
    uint32_t ssrc;
    bool video;
    struct media_transport_remote remote;
};
struct answer {
    uint64_t transport;
    struct client_server server;
    struct sfu_figures figures;
};

static void must(bool good, const char *what) {
    if (!good) {
        fprintf(stderr, "sfu server: %s\n", what);
        _exit(1);
    }
}

static struct rtp_section section_of(bool video) {
    struct rtp_section s = {.video = video, .mid_len = 1, .formats_count = 1};
    s.mid[0] = video ? '1' : '0';
    s.formats[0] = video ? (struct rtp_format){.codec = RTP_CODEC_VP8,
                                               .payload_type = VP8,
                                               .feedback = RTP_FEEDBACK_NACK | RTP_FEEDBACK_PLI}
                         : (struct rtp_format){.codec = RTP_CODEC_OPUS, .payload_type = OPUS};
    s.extension_ids[RTP_EXTENSION_MID] = MID_ID;
    s.extension_ids[video ? RTP_EXTENSION_ABS_SEND_TIME : RTP_EXTENSION_AUDIO_LEVEL] =
        video ? ABS_ID : LEVEL_ID;
    return s;
}

struct plane {
    struct media *media;
    struct mailbox *to_control;
    uint16_t port;
    uint64_t last_transport;
};

static void plane_open(struct plane *p, struct answer *a) {
    struct media_transport_open open = {.transport = ++p->last_transport};
    (void)snprintf(open.ufrag, sizeof open.ufrag, "serverufrag%05u", (unsigned)open.transport);
    (void)snprintf(open.pwd, sizeof open.pwd, "serverpassword%010u", (unsigned)open.transport);
    must(media_open(p->media, &open), "open");
    a->transport = open.transport;
    a->server.port = p->port;
    memcpy(a->server.ufrag, open.ufrag, sizeof open.ufrag);
    memcpy(a->server.pwd, open.pwd, sizeof open.pwd);
}

static uint64_t resident(void) {
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long all = 0, rss = 0;
    must(f && fscanf(f, "%lu %lu", &all, &rss) == 2, "statm");
    fclose(f);
    return (uint64_t)rss * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t metric_now(const uint64_t *field) {
    return __atomic_load_n(field, __ATOMIC_RELAXED);
}

static uint64_t cpu_ns(clockid_t which) {
    struct timespec t;
    (void)clock_gettime(which, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* How long threads of this process could have run, and others did; but for the one that asks. */
static uint64_t waited_ns(void) {
    uint64_t sum = 0;
    DIR *tasks = opendir("/proc/self/task");
    must(tasks != NULL, "tasks");
    for (struct dirent *d; (d = readdir(tasks)) != NULL;) {
        char path[64];
        unsigned long long ran = 0, waited = 0;
        (void)snprintf(path, sizeof path, "/proc/self/task/%.20s/schedstat", d->d_name);
        FILE *f = strtol(d->d_name, NULL, 10) != getpid() ? fopen(path, "r") : NULL;
        if (f) {
            sum += fscanf(f, "%llu %llu", &ran, &waited) == 2 ? waited : 0;
            fclose(f);
        }
    }
    closedir(tasks);
    return sum;
}

static void plane_read(struct plane *p, struct sfu_figures *f) {
    f->cpu_ns = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns(CLOCK_THREAD_CPUTIME_ID);
    f->rss_bytes = resident();
    f->waited_ns = waited_ns();
    const struct metrics *list[4];
    size_t count = media_metrics(p->media, list, 4);
    for (size_t i = 0; i < count; i++) {
        f->forwarded += metric_now(&list[i]->media_forwarded);
        f->messages += metric_now(&list[i]->media_messages_out);
        f->unsent += metric_now(&list[i]->datagrams_unsent);
        f->datagrams_in += metric_now(&list[i]->datagrams_in);
    }
}

static void plane_take(struct plane *p, const struct order *o, struct answer *a) {
    struct rtp_section section = section_of(o->video);
    struct media_receive receive = {
        .transport = o->transport, .track = o->track, .layers = 1, .section = section};
    struct media_send send = {
        .transport = o->transport,
        .track = o->track,
        .ssrc = o->ssrc,
        .cname = SLICE_LIT("PA_bench|TR_bench"),
        .section = &section,
        .want = {.send = o->send, .layer_max = 2, .priority = 1},
    };
    switch (o->kind) {
    case ORDER_OPEN: plane_open(p, a); break;
    case ORDER_REMOTE: must(media_set_remote(p->media, &o->remote), "remote"); break;
    case ORDER_PUBLISH: must(media_receive_put(p->media, &receive), "publish"); break;
    case ORDER_SUBSCRIBE: must(media_send_put(p->media, &send), "subscribe"); break;
    case ORDER_READ: plane_read(p, &a->figures); break;
    }
    struct media_event ev;
    while (mailbox_drain(p->to_control, &ev, 1) == 1) {
        media_event_free(&ev);
    }
}

_Noreturn static void serve(int fd) {
    struct plane p = {.to_control = mailbox_create(sizeof(struct media_event), 4096)};
    static const char *const ips[] = {"127.0.0.1"};
    const struct media_config config = {.workers = 1,
                                        .node_ips = ips,
                                        .node_ips_count = 1,
                                        .loopback_candidates = true,
                                        .to_control = p.to_control};
    must(p.to_control && media_create(&config, &p.media) == STATUS_OK, "media");
    char line[128] = {0};
    struct slice candidates = media_candidates(p.media, 0);
    memcpy(line, candidates.data, MIN(candidates.len, sizeof line - 1));
    const char *at = strstr(line, "127.0.0.1 ");
    must(at != NULL, "candidates");
    p.port = (uint16_t)strtoul(at + strlen("127.0.0.1 "), NULL, 10);
    struct order o;
    while (read(fd, &o, sizeof o) == (ssize_t)sizeof o) {
        struct answer a = {0};
        plane_take(&p, &o, &a);
        must(write(fd, &a, sizeof a) == (ssize_t)sizeof a, "answer");
    }
    p.media = media_destroy(p.media);
    p.to_control = mailbox_destroy(p.to_control);
    exit(0);
}

void sfu_server_start(struct sfu_server *s) {
    int pair[2];
    must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
    s->pid = fork();
    must(s->pid >= 0, "fork");
    if (s->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(pair[0]);
        sfu_pin(SFU_MEASURED);
        serve(pair[1]);
    }
    close(pair[1]);
    sfu_pin(SFU_LOAD);
    s->fd = pair[0];
}

void sfu_server_stop(struct sfu_server *s) {
    close(s->fd);
    (void)waitpid(s->pid, NULL, 0);
}

void sfu_server_go_first(const struct sfu_server *s, bool first) {
    const struct sched_param how = {.sched_priority = first ? 1 : 0};
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/task", s->pid);
    DIR *tasks = opendir(path);
    must(tasks != NULL, "tasks");
    for (struct dirent *d; (d = readdir(tasks)) != NULL;) {
        int task = (int)strtol(d->d_name, NULL, 10);
        if (task > 0) {
            (void)sched_setscheduler(task, first ? SCHED_FIFO : SCHED_OTHER, &how);
        }
    }
    closedir(tasks);
}

static struct answer ask(struct sfu_server *s, const struct order *o) {
    struct answer a = {0};
    must(write(s->fd, o, sizeof *o) == (ssize_t)sizeof *o &&
             read(s->fd, &a, sizeof a) == (ssize_t)sizeof a,
         "it is gone");
    return a;
}

uint64_t sfu_server_open(struct sfu_server *s, struct client_server *ret_server) {
    const struct order o = {.kind = ORDER_OPEN};
    struct answer a = ask(s, &o);
    *ret_server = a.server;
    return a.transport;
}

void sfu_server_set_remote(struct sfu_server *s, uint64_t transport, const struct client *c) {
    struct order o = {.kind = ORDER_REMOTE, .transport = transport};
    o.remote.transport = transport;
    o.remote.max_message_bytes = 65536;
    (void)snprintf(o.remote.ufrag, sizeof o.remote.ufrag, "%s", c->ufrag);
    (void)snprintf(o.remote.pwd, sizeof o.remote.pwd, "%s", c->pwd);
    memcpy(o.remote.fingerprint, c->fingerprint, sizeof o.remote.fingerprint);
    (void)ask(s, &o);
}

void sfu_server_publish(struct sfu_server *s, uint64_t transport, bool video, uint64_t track) {
    const struct order o = {
        .kind = ORDER_PUBLISH, .transport = transport, .video = video, .track = track};
    (void)ask(s, &o);
}

void sfu_server_subscribe(struct sfu_server *s, uint64_t transport, bool video, uint64_t track,
                          uint64_t send, uint32_t ssrc) {
    const struct order o = {.kind = ORDER_SUBSCRIBE,
                            .transport = transport,
                            .video = video,
                            .track = track,
                            .send = send,
                            .ssrc = ssrc};
    (void)ask(s, &o);
}

void sfu_server_read(struct sfu_server *s, struct sfu_figures *ret_figures) {
    const struct order o = {.kind = ORDER_READ};
    *ret_figures = ask(s, &o).figures;
}
