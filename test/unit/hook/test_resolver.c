/* Names that resolve late, to nothing, or to addresses that do not answer: getaddrinfo is ours
 * here, and libcurl calls it on threads of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "fd.h"
#include "fixture.h"
#include "hook_priv.h"
#include "tcp.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool hangs;
static int inside;
static const char *const *known; /* addresses of every name; NULL: unknown */

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret) __attribute__((visibility("default")));
void freeaddrinfo(struct addrinfo *all) __attribute__((visibility("default")));

void freeaddrinfo(struct addrinfo *all) {
    while (all) {
        struct addrinfo *next = all->ai_next;
        free(all);
        all = next;
    }
}

static struct addrinfo *address_of(const char *text, uint16_t port) {
    struct {
        struct addrinfo info;
        struct sockaddr_in address;
    } *both = calloc(1, sizeof *both);
    both->address.sin_family = AF_INET;
    both->address.sin_port = htons(port);
    (void)inet_pton(AF_INET, text, &both->address.sin_addr);
    both->info.ai_family = AF_INET;
    both->info.ai_socktype = SOCK_STREAM;
    both->info.ai_protocol = IPPROTO_TCP;
    both->info.ai_addr = (struct sockaddr *)&both->address;
    both->info.ai_addrlen = sizeof both->address;
    return &both->info;
}

/* Every name hangs while `hangs`. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret) {
    (void)node;
    (void)hints;
    pthread_mutex_lock(&lock);
    inside++;
    while (hangs) {
        pthread_cond_wait(&changed, &lock);
    }
    inside--;
    struct addrinfo *first = NULL, **last = &first;
    for (size_t i = 0; known && known[i]; i++) {
        *last = address_of(known[i], (uint16_t)strtoul(service, NULL, 10));
        last = &(*last)->ai_next;
    }
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    *ret = first;
    return first ? 0 : EAI_NONAME;
}

static void set_hangs(bool value) {
    pthread_mutex_lock(&lock);
    hangs = value;
    pthread_cond_broadcast(&changed);
    while (!value && inside > 0) {
        pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
}

static int waiting_inside(void) {
    pthread_mutex_lock(&lock);
    int count = inside;
    pthread_mutex_unlock(&lock);
    return count;
}

static void wait_inside(int count) {
    uint64_t until_ms = clock_mono_ms() + RECEIVER_WAIT_MS;
    while (waiting_inside() < count && clock_mono_ms() < until_ms) {
        usleep(1000);
    }
    assert_true(waiting_inside() >= count);
}

static void a_resolver_that_hangs_stops_nobody_else(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f, answer_ok, NULL);
    fixture_add(&f, answer_ok, NULL);
    f.places[0].url = "http://receiver.test/hook";
    f.config.attempt_ms = 50;
    set_hangs(true);
    fixture_start(&f);
    fixture_post(&f, "a", "{}");
    fixture_expect(&f, hook_failed, 1); /* five tries ended by their time, all still hanging */
    assert_int_equal(waiting_inside(), HOOK_TRIES_MAX);
    fixture_post(&f, "b", "{}");
    fixture_expect(&f, hook_delivered, 2); /* an address needs no resolver */
    wait_inside(HOOK_TRIES_MAX + 1);
    hook_stop(f.hook, 0); /* in the middle of one */
    set_hangs(false);
    fixture_deinit(&f);
}

static void an_unknown_name_is_tried_again(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f, answer_ok, NULL);
    f.places[0].url = "http://receiver.test/hook";
    fixture_start(&f);
    fixture_post(&f, "a", "{}");
    fixture_settle(&f, 1);
    assert_int_equal(fixture_metric(&f, hook_failed), 1);
    assert_int_equal(fixture_metric(&f, hook_answers_none), HOOK_TRIES_MAX);
    fixture_deinit(&f);
}

/* A listener whose queue is full: who connects gets no answer at all. */
struct silent {
    int listen_fd, filling[8];
};

static void silent_open(struct silent *l, const char *address, uint16_t port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    assert_int_equal(inet_pton(AF_INET, address, &at.sin_addr), 1);
    l->listen_fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(l->listen_fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(l->listen_fd, 0), 0);
    for (size_t i = 0; i < ARRAY_LEN(l->filling); i++) {
        l->filling[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(l->filling[i], (struct sockaddr *)&at, sizeof at);
    }
}

static void silent_close(struct silent *l) {
    for (size_t i = 0; i < ARRAY_LEN(l->filling); i++) {
        fd_close(&l->filling[i]);
    }
    fd_close(&l->listen_fd);
}

static uint16_t port_of(const char *url) {
    return (uint16_t)strtoul(strrchr(url, ':') + 1, NULL, 10);
}

static void a_silent_address_ends_by_its_time(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f, answer_ok, NULL);
    char url[64];
    uint16_t port = port_of(f.places[0].url);
    (void)snprintf(url, sizeof url, "http://127.0.0.2:%u/hook", port);
    f.places[0].url = url;
    f.config.attempt_ms = 100;
    struct silent s;
    silent_open(&s, "127.0.0.2", port);
    fixture_start(&f);
    fixture_post(&f, "a", "{}");
    fixture_post(&f, "b", "{}");
    fixture_settle(&f, 2);
    assert_int_equal(fixture_metric(&f, hook_failed), 2);
    assert_int_equal(fixture_metric(&f, hook_answers_none), 2 * HOOK_TRIES_MAX);
    silent_close(&s);
    fixture_deinit(&f);
}

static void after_a_silent_address_comes_the_next(void **state) {
    (void)state;
    static const char *const addresses[] = {"127.0.0.2", "127.0.0.1", NULL};
    known = addresses;
    struct fixture f;
    fixture_init(&f, answer_ok, NULL);
    char url[64];
    uint16_t port = port_of(f.places[0].url);
    (void)snprintf(url, sizeof url, "http://receiver.test:%u/hook", port);
    f.places[0].url = url;
    f.config.attempt_ms = 2000; /* half of it for the first address */
    struct silent s;
    silent_open(&s, "127.0.0.2", port);
    fixture_start(&f);
    fixture_post(&f, "a", "{}");
    fixture_settle(&f, 1);
    assert_int_equal(fixture_metric(&f, hook_delivered), 1);
    assert_int_equal(fixture_metric(&f, hook_retries), 0);
    silent_close(&s);
    fixture_deinit(&f);
    known = NULL;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resolver_that_hangs_stops_nobody_else),
        cmocka_unit_test(an_unknown_name_is_tried_again),
        cmocka_unit_test(a_silent_address_ends_by_its_time),
        cmocka_unit_test(after_a_silent_address_comes_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
