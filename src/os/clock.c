#include "clock.h"

#include <time.h>

#include "fault.h"

static uint64_t read_us(clockid_t which) {
    struct timespec t;
    int failed = clock_gettime(which, &t);
    assert(!failed); /* both clocks exist on every Linux */
    (void)failed;
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t clock_wall_ms(void) {
    int64_t now_ms = (int64_t)(read_us(CLOCK_REALTIME) / 1000) + fault_value(FAULT_CLOCK_OFFSET_MS);
    return now_ms < 0 ? 0 : (uint64_t)now_ms;
}

uint64_t clock_mono_us(void) {
    return read_us(CLOCK_MONOTONIC);
}

uint64_t clock_mono_ms(void) {
    return read_us(CLOCK_MONOTONIC) / 1000;
}
