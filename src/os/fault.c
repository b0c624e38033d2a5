#include "fault.h"

#ifdef STOA_FAULTS

static const char *const fault_names[FAULT_COUNT] = {
#define F(id, name, help) [FAULT_##id] = #name,
    FAULTS(F)
#undef F
};

/* Set before the threads start or by tests; read by all, hence atomic. */
static int64_t fault_values[FAULT_COUNT];

int64_t fault_value(enum fault f) {
    assert(f < FAULT_COUNT);
    return __atomic_load_n(&fault_values[f], __ATOMIC_RELAXED);
}

enum fault_turn fault_count_down(enum fault f) {
    assert(f < FAULT_COUNT);
    int64_t value = fault_value(f);
    while (value > 0 &&
           !__atomic_compare_exchange_n(&fault_values[f], &value, value > 1 ? value - 1 : -1, false,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return value < 0 ? FAULT_SINCE : value == 1 ? FAULT_NOW : FAULT_NOT_YET;
}

static bool read_value(struct slice text, int64_t *ret_value) {
    bool negative = text.len > 0 && text.data[0] == '-';
    uint64_t magnitude;
    if (!slice_to_u64(slice_after(text, negative ? 1 : 0), &magnitude) ||
        magnitude > (uint64_t)INT64_MAX) {
        return false;
    }
    *ret_value = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return true;
}

enum status fault_set(struct slice name_and_value) {
    size_t equals = slice_find(name_and_value, '=');
    struct slice name = slice_sub(name_and_value, 0, equals);
    int64_t value;
    if (equals == name_and_value.len ||
        !read_value(slice_after(name_and_value, equals + 1), &value)) {
        return STATUS_MALFORMED;
    }
    for (int f = 0; f < FAULT_COUNT; f++) {
        if (slice_eq_cstr(name, fault_names[f])) {
            __atomic_store_n(&fault_values[f], value, __ATOMIC_RELAXED);
            return STATUS_OK;
        }
    }
    return STATUS_NOT_FOUND;
}

void fault_each(void (*visit)(const char *name, int64_t value, void *arg), void *arg) {
    for (int f = 0; f < FAULT_COUNT; f++) {
        int64_t value = fault_value((enum fault)f);
        if (value != 0) {
            visit(fault_names[f], value, arg);
        }
    }
}

#else

enum status fault_set(struct slice name_and_value) {
    (void)name_and_value;
    return STATUS_UNIMPLEMENTED;
}

void fault_each(void (*visit)(const char *name, int64_t value, void *arg), void *arg) {
    (void)visit;
    (void)arg;
}

#endif
