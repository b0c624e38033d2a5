#include "sfu_limit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sfu_pin.h"

enum {
    HEADER = 12,
    TAG = 16,
    DESTINATIONS_MAX = 512,
    GROUP_MAX = 16,
    BYTES_MAX = 1500,
    BURST = 64
};

struct destination {
    EVP_CIPHER_CTX *cipher;
    struct sockaddr_in to;
    uint16_t sequence;
    uint8_t salt[12];
    uint8_t out[GROUP_MAX][BYTES_MAX];
};

struct limit {
    int in, out;
    size_t bytes; /* of a packet before it is sealed */
    unsigned destinations, group;
    struct destination *to;
    int sinks[DESTINATIONS_MAX];
};

static void must(bool good, const char *what) {
    if (!good) {
        perror(what);
        exit(1);
    }
}

static int bound(struct sockaddr_in *ret_address) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    must(fd >= 0 && bind(fd, (struct sockaddr *)&a, len) == 0 &&
             getsockname(fd, (struct sockaddr *)&a, &len) == 0,
         "bind");
    *ret_address = a;
    return fd;
}

/* A process that sends bursts for ever. */
static pid_t start_source(const struct sockaddr_in *to, size_t bytes) {
    pid_t pid = fork();
    must(pid >= 0, "fork");
    if (pid != 0) {
        return pid;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    uint8_t packet[BYTES_MAX] = {0x80, 96};
    for (;;) {
        for (int i = 0; i < BURST; i++) {
            (void)!sendto(fd, packet, bytes, 0, (const struct sockaddr *)to, sizeof *to);
        }
        const struct timespec rest = {.tv_nsec = 200 * 1000};
        (void)nanosleep(&rest, NULL);
    }
}

static void prepare(struct limit *l) {
    l->to = calloc(l->destinations, sizeof *l->to);
    must(l->to != NULL, "memory");
    static const uint8_t key[16] = "0123456789abcde";
    for (unsigned i = 0; i < l->destinations; i++) {
        struct destination *d = &l->to[i];
        l->sinks[i] = bound(&d->to);
        d->cipher = EVP_CIPHER_CTX_new();
        must(EVP_EncryptInit_ex(d->cipher, EVP_aes_128_gcm(), NULL, key, NULL) == 1, "cipher");
        memset(d->salt, (int)i, sizeof d->salt);
    }
}

static void seal(struct destination *d, uint8_t *out, const uint8_t *in, size_t bytes) {
    memcpy(out, in, HEADER);
    d->sequence++;
    out[2] = (uint8_t)(d->sequence >> 8);
    out[3] = (uint8_t)d->sequence;
    uint8_t iv[12];
    memcpy(iv, d->salt, sizeof iv);
    iv[10] ^= out[2];
    iv[11] ^= out[3];
    int len = 0;
    (void)EVP_EncryptInit_ex(d->cipher, NULL, NULL, NULL, iv);
    (void)EVP_EncryptUpdate(d->cipher, NULL, &len, out, HEADER);
    (void)EVP_EncryptUpdate(d->cipher, out + HEADER, &len, in + HEADER, (int)(bytes - HEADER));
    (void)EVP_EncryptFinal_ex(d->cipher, out + bytes, &len);
    (void)EVP_CIPHER_CTX_ctrl(d->cipher, EVP_CTRL_GCM_GET_TAG, TAG, out + bytes);
}

/* One group of packets to every destination, one system call. */
static void send_all(struct limit *l) {
    static struct mmsghdr messages[DESTINATIONS_MAX];
    static struct iovec parts[DESTINATIONS_MAX][GROUP_MAX];
    static union {
        char space[CMSG_SPACE(sizeof(uint16_t))];
        struct cmsghdr align;
    } control[DESTINATIONS_MAX];
    for (unsigned i = 0; i < l->destinations; i++) {
        for (unsigned k = 0; k < l->group; k++) {
            parts[i][k] = (struct iovec){l->to[i].out[k], l->bytes + TAG};
        }
        struct msghdr *m = &messages[i].msg_hdr;
        *m = (struct msghdr){.msg_name = &l->to[i].to,
                             .msg_namelen = sizeof l->to[i].to,
                             .msg_iov = parts[i],
                             .msg_iovlen = l->group};
        if (l->group > 1) {
            m->msg_control = control[i].space;
            m->msg_controllen = sizeof control[i].space;
            struct cmsghdr *c = CMSG_FIRSTHDR(m);
            c->cmsg_level = SOL_UDP;
            c->cmsg_type = UDP_SEGMENT;
            c->cmsg_len = CMSG_LEN(sizeof(uint16_t));
            uint16_t segment = (uint16_t)(l->bytes + TAG);
            memcpy(CMSG_DATA(c), &segment, sizeof segment);
        }
    }
    for (unsigned done = 0; done < l->destinations;) {
        int n = sendmmsg(l->out, messages + done, l->destinations - done, 0);
        must(n > 0 || errno == EINTR, "sendmmsg");
        done += n > 0 ? (unsigned)n : 0;
    }
}

static uint64_t clock_ns(clockid_t which) {
    struct timespec t;
    (void)clock_gettime(which, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static double run(struct limit *l, double seconds) {
    static uint8_t buffers[GROUP_MAX][2048];
    static struct iovec parts[GROUP_MAX];
    static struct mmsghdr in[GROUP_MAX];
    for (unsigned i = 0; i < l->group; i++) {
        parts[i] = (struct iovec){buffers[i], sizeof buffers[i]};
        in[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    uint64_t end = clock_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9);
    uint64_t begin_cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID), packets = 0;
    while (clock_ns(CLOCK_MONOTONIC) < end) {
        for (unsigned got = 0; got < l->group;) {
            int n = recvmmsg(l->in, in + got, l->group - got, MSG_WAITFORONE, NULL);
            got += n > 0 ? (unsigned)n : 0;
        }
        for (unsigned i = 0; i < l->destinations; i++) {
            for (unsigned k = 0; k < l->group; k++) {
                seal(&l->to[i], l->to[i].out[k], buffers[k], l->bytes);
            }
        }
        send_all(l);
        packets += (uint64_t)l->destinations * l->group;
    }
    return (double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin_cpu) / (double)packets;
}

double sfu_limit_ns(size_t bytes, unsigned destinations, unsigned group, double seconds) {
    struct limit l = {.bytes = bytes, .destinations = destinations, .group = group};
    must(destinations <= DESTINATIONS_MAX && group >= 1 && group <= GROUP_MAX &&
             bytes + TAG <= BYTES_MAX,
         "limits");
    struct sockaddr_in in, out;
    l.in = bound(&in);
    l.out = bound(&out);
    prepare(&l);
    sfu_pin(SFU_LOAD);
    pid_t source = start_source(&in, bytes);
    sfu_pin(SFU_MEASURED);
    double ns = run(&l, seconds);
    sfu_pin(SFU_LOAD);
    (void)kill(source, SIGKILL);
    (void)waitpid(source, NULL, 0);
    for (unsigned i = 0; i < destinations; i++) {
        EVP_CIPHER_CTX_free(l.to[i].cipher);
        close(l.sinks[i]);
    }
    close(l.in);
    close(l.out);
    free(l.to);
    return ns;
}
