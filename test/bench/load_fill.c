#include "load_fill.h"

#include <stdio.h>
#include <string.h>

#include "load.h"
#include "load_call.h"

enum { CHUNK = 20000, TIMEOUT_DIGITS = 5, DAY_S = 86400 };
#define TIMEOUT_KEY "\"emptyTimeout\":"

struct chunk {
    struct slice requests[CHUNK];
    uint64_t due_s;
};

void load_room_name(char out[LOAD_ROOM_NAME_MAX], const char *prefix, uint64_t number) {
    snprintf(out, LOAD_ROOM_NAME_MAX, "%s-%07llu", prefix, (unsigned long long)number);
}

/* As it leaves, a request is told in how many seconds its room is due; spaces fill up. */
static struct slice request_at(void *arg, size_t number) {
    const struct chunk *c = arg;
    struct slice r = c->requests[number];
    if (c->due_s != 0) {
        char digits[TIMEOUT_DIGITS + 1];
        uint64_t now_s = load_now_us() / 1000000;
        if (now_s + 1 >= c->due_s) {
            load_fail("rooms are due before all are made");
        }
        snprintf(digits, sizeof(digits), "%*u", TIMEOUT_DIGITS, (unsigned)(c->due_s - now_s));
        char *key = memmem((void *)(uintptr_t)r.data, r.len, TIMEOUT_KEY, strlen(TIMEOUT_KEY));
        memcpy(key + strlen(TIMEOUT_KEY), digits, TIMEOUT_DIGITS);
    }
    return r;
}

void load_fill(struct load_pool *p, struct load_fill *f) {
    static struct chunk chunk;
    char name[LOAD_ROOM_NAME_MAX];
    double seconds = 0;
    chunk.due_s = f->due_s;
    f->creates_per_s_max = 0;
    for (uint64_t made = 0; made < f->rooms;) {
        size_t count = (size_t)MIN(f->rooms - made, (uint64_t)CHUNK);
        for (size_t i = 0; i < count; i++) {
            load_room_name(name, f->prefix, f->first + made + i);
            chunk.requests[i] =
                load_request_make(&(struct load_call_args){.call = CALL_CREATE,
                                                           .json = true,
                                                           .room = name,
                                                           .metadata = f->metadata,
                                                           .empty_timeout_s = DAY_S},
                                  f->first + made + i);
        }
        struct load_run run = {.count = count, .request = request_at, .arg = &chunk};
        load_pool_run(p, &run);
        seconds += run.seconds;
        f->creates_per_s_max = MAX(f->creates_per_s_max, (double)count / run.seconds);
        for (size_t i = 0; i < count; i++) {
            load_request_free(&chunk.requests[i]);
        }
        made += count;
    }
    f->creates_per_s = (double)f->rooms / seconds;
}
