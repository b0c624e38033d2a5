#include "sfu_stalls.h"

#include <sched.h>
#include <time.h>

#include "base.h"
#include "sfu_pin.h"

static uint64_t now_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void note(struct sfu_stalls *s, uint64_t due_ns, uint64_t now) {
    uint32_t count = __atomic_load_n(&s->count, __ATOMIC_RELAXED);
    if (now >= due_ns + STALL_NS_MIN && count < STALLS_MAX) {
        s->list[count] = (struct sfu_stall){due_ns, now};
        __atomic_store_n(&s->count, count + 1, __ATOMIC_RELEASE);
    }
}

static void *look(void *arg) {
    struct sfu_stalls *s = arg;
    sfu_pin(SFU_MEASURED);
    const struct sched_param first = {.sched_priority = 2}; /* before the server, too */
    bool known = pthread_setschedparam(pthread_self(), SCHED_FIFO, &first) == 0;
    __atomic_store_n(&s->known, known, __ATOMIC_RELEASE);
    while (known && !__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
        uint64_t due_ns = now_ns() + STALL_LOOK_NS;
        const struct timespec t = {(time_t)(due_ns / 1000000000), (long)(due_ns % 1000000000)};
        (void)clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL);
        note(s, due_ns, now_ns());
    }
    return NULL;
}

void sfu_stalls_begin(struct sfu_stalls *s) {
    s->stop = false;
    s->known = false;
    s->count = 0;
    if (pthread_create(&s->thread, NULL, look, s) != 0) {
        s->stop = true; /* nothing to wait for */
    }
}

void sfu_stalls_end(struct sfu_stalls *s) {
    if (!s->stop) {
        __atomic_store_n(&s->stop, true, __ATOMIC_RELEASE);
        (void)pthread_join(s->thread, NULL);
    }
}

uint64_t sfu_stalls_within_ns(const struct sfu_stalls *s, uint64_t from_ns, uint64_t to_ns) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        uint64_t from = MAX(from_ns, s->list[i].from_ns), to = MIN(to_ns, s->list[i].to_ns);
        sum += to > from ? to - from : 0;
    }
    return sum;
}
