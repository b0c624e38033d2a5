#include "load.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base64.h"
#include "hmac.h"

enum { ARGUMENTS_MAX = 48, START_MS_MAX = 10000, ANSWER_BYTES_MAX = 16 << 20 };

void load_fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

uint64_t load_now_us(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void load_pin(int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)processor, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0) {
        fprintf(stderr, "processor %d cannot be chosen: %s\n", processor, strerror(errno));
    }
}

/* ---- the server -------------------------------------------------------------------------------
 */

static uint16_t free_port(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0) {
        load_fail("no free port");
    }
    close(fd);
    return ntohs(at.sin_port);
}

static const char *server_path(void) {
    static char path[4096];
    const char *given = getenv("STOA_BIN");
    if (given) {
        return given;
    }
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 32);
    path[len > 0 ? len : 0] = 0;
    for (int up = 0; up < 3; up++) { /* build/test/bench/bench_x */
        char *slash = strrchr(path, '/');
        if (slash) {
            *slash = 0;
        }
    }
    strncat(path, "/stoa", sizeof(path) - strlen(path) - 1);
    return path;
}

static void run_server(int processor, const char *path, const char *port, const char *metrics_port,
                       const char *const *more) {
    const char *arguments[ARGUMENTS_MAX] = {path,         "serve",
                                            "--dev",      "--bind",
                                            "127.0.0.1",  "--port",
                                            port,         "--udp-port",
                                            "0",          "--prometheus.port",
                                            metrics_port, "--logging.level",
                                            "error"};
    size_t count = 13;
    for (; more && *more && count + 1 < ARGUMENTS_MAX; more++) {
        arguments[count++] = *more;
    }
    static char given[4096]; /* STOA_BENCH_ARGS: more of them, with blanks between */
    const char *text = getenv("STOA_BENCH_ARGS");
    snprintf(given, sizeof(given), "%s", text ? text : "");
    for (char *at = given; *at && count + 1 < ARGUMENTS_MAX;) {
        char *end = at + strcspn(at, " ");
        bool last = *end == 0;
        *end = 0;
        if (*at) {
            arguments[count++] = at;
        }
        at = last ? end : end + 1;
    }
    if (processor >= 0) {
        load_pin(processor);
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* no server outlives a benchmark that failed */
    unsetenv("LIVEKIT_KEYS");
    execv(path, (char *const *)(uintptr_t)arguments);
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    _exit(127);
}

static int try_connect(uint16_t port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* It listens before it has read its journal, and then says that it is not ready. */
static bool is_ready(int fd) {
    static const char ask[] = "GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";
    char answer[16] = {0};
    bool asked = write(fd, ask, sizeof(ask) - 1) == (ssize_t)sizeof(ask) - 1;
    return asked && read(fd, answer, sizeof(answer) - 1) > 12 && !strncmp(answer + 9, "200", 3);
}

struct load_server load_start(int processor, const char *const *more) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    (void)signal(SIGPIPE, SIG_IGN);
    struct load_server s = {.port = free_port(), .metrics_port = free_port()};
    char port[8], metrics_port[8];
    snprintf(port, sizeof(port), "%u", s.port);
    snprintf(metrics_port, sizeof(metrics_port), "%u", s.metrics_port);
    s.pid = fork();
    if (s.pid == 0) {
        run_server(processor, server_path(), port, metrics_port, more);
    }
    for (int ms = 0; ms < START_MS_MAX; ms++) {
        int fd = try_connect(s.port);
        bool ready = fd >= 0 && is_ready(fd);
        if (fd >= 0) {
            close(fd);
        }
        if (ready) {
            return s;
        }
        usleep(1000);
    }
    load_fail("the server does not start");
}

void load_stop(struct load_server *s) {
    kill(s->pid, SIGTERM);
    kill(s->pid, SIGKILL); /* nothing of it is kept */
    (void)waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

/* ---- its costs --------------------------------------------------------------------------------
 */

uint64_t load_cpu_ns(int pid) {
    clockid_t clock;
    struct timespec t = {0};
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0) {
        load_fail("no processor time of %d", pid);
    }
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

struct load_memory load_memory(int pid) {
    struct load_memory m = {0};
    char path[64], line[256];
    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof(line), f)) {
        unsigned long long kb = 0;
        if (sscanf(line, "Rss: %llu", &kb) == 1) {
            m.rss = kb * 1024;
        } else if (sscanf(line, "Private_Dirty: %llu", &kb) == 1) {
            m.private_dirty = kb * 1024;
        }
    }
    if (f) {
        fclose(f);
    }
    return m;
}

uint64_t load_descriptors(int pid) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    DIR *d = opendir(path);
    uint64_t count = 0;
    for (struct dirent *e; d && (e = readdir(d));) {
        count += e->d_name[0] != '.';
    }
    if (d) {
        closedir(d);
    }
    return count;
}

double load_metric(uint16_t metrics_port, const char *name) {
    enum { PAGE_MAX = 256 * 1024 };
    static _Thread_local char page[PAGE_MAX];
    static const char get[] = "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    int fd = load_connect(metrics_port);
    load_send(fd, get, strlen(get));
    size_t len = 0;
    ssize_t got;
    while (len + 1 < sizeof(page) && (got = recv(fd, page + len, sizeof(page) - 1 - len, 0)) > 0) {
        len += (size_t)got;
    }
    close(fd);
    page[len] = 0;
    double sum = 0;
    size_t name_len = strlen(name);
    for (const char *line = page; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, name_len) == 0 &&
            (line[name_len] == '{' || line[name_len] == ' ')) {
            const char *value = strpbrk(line + name_len, "}\n");
            value = value && *value == '}' ? value + 1 : line + name_len;
            sum += strtod(value, NULL);
        }
    }
    return sum;
}

/* ---- the command line -------------------------------------------------------------------------
 */

bool load_options(int argc, char **argv, const char *name, uint64_t *rooms, uint64_t *seconds) {
    bool json = false;
    for (int i = 1; i < argc; i++) {
        bool is_rooms = strcmp(argv[i], "--rooms") == 0;
        bool is_seconds = seconds && strcmp(argv[i], "--seconds") == 0;
        uint64_t value = 0;
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if ((is_rooms || is_seconds) && i + 1 < argc &&
                   slice_to_u64(slice_from_cstr(argv[++i]), &value) && value > 0) {
            *(is_rooms ? rooms : seconds) = value;
        } else {
            load_fail("usage: %s [--rooms N]%s [--json]", name, seconds ? " [--seconds N]" : "");
        }
    }
    return json;
}

/* ---- clients ----------------------------------------------------------------------------------
 */

char *load_token(uint64_t number, const char *room, const char *identity) {
    static _Thread_local struct hmac_key *key;
    if (!key) {
        key = hmac_key_create(HMAC_SHA256, SLICE_LIT("secret"));
    }
    struct buf payload, token;
    buf_init(&payload, 4096);
    buf_init(&token, 8192);
    buf_printf(&payload,
               "{\"iss\":\"devkey\",\"sub\":\"%s\",\"nbf\":%lld,\"exp\":%lld,\"jti\":\"%llu\","
               "\"video\":{\"roomJoin\":true,\"roomCreate\":true,\"roomList\":true,"
               "\"roomAdmin\":true,\"room\":\"%s\"}}",
               identity, (long long)time(NULL) - 10, (long long)time(NULL) + 3600,
               (unsigned long long)number, room);
    base64url_put(&token, SLICE_LIT("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"));
    buf_put_u8(&token, '.');
    base64url_put(&token, buf_slice(&payload));
    uint8_t signature[SHA256_BYTES];
    if (!key || hs256_sign(key, buf_slice(&token), signature) != STATUS_OK) {
        load_fail("no token");
    }
    buf_put_u8(&token, '.');
    base64url_put(&token, slice_of(signature, sizeof(signature)));
    char *text = strndup((const char *)token.data, token.len);
    buf_deinit(&payload);
    buf_deinit(&token);
    return text;
}

int load_connect(uint16_t port) {
    int fd = try_connect(port);
    if (fd < 0) {
        load_fail("no connection: %s", strerror(errno));
    }
    return fd;
}

void load_send(int fd, const void *data, size_t len) {
    for (const char *at = data; len > 0;) {
        ssize_t sent = send(fd, at, len, MSG_NOSIGNAL);
        if (sent <= 0) {
            load_fail("the server takes no more: %s", strerror(errno));
        }
        at += sent;
        len -= (size_t)sent;
    }
}

int load_answer(int fd, size_t *ret_len) {
    char head[4096];
    size_t len = 0, wanted = 0;
    int status = 0;
    for (;;) {
        size_t room = wanted ? 0 : sizeof(head) - 1 - len;
        char dropped[65536];
        ssize_t got = wanted ? recv(fd, dropped, MIN(sizeof(dropped), wanted - len), 0)
                             : recv(fd, head + len, room, 0);
        if (got <= 0) {
            return 0;
        }
        len += (size_t)got;
        if (!wanted) {
            head[len] = 0;
            const char *end = strstr(head, "\r\n\r\n");
            const char *length = strstr(head, "\r\nContent-Length: ");
            if (!end || sscanf(head, "HTTP/1.1 %d", &status) != 1) {
                continue;
            }
            bool has_length = length && length < end;
            wanted = (size_t)(end + 4 - head) + (has_length ? strtoull(length + 18, NULL, 10) : 0);
        }
        if (len >= wanted) {
            *ret_len = len;
            return status;
        }
    }
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double load_percentile(double *values, size_t count, double share) {
    if (count == 0) {
        return 0;
    }
    qsort(values, count, sizeof(values[0]), compare);
    size_t at = (size_t)((double)count * share);
    return values[MIN(at, count - 1)];
}
