/* log.h: structured log lines to standard error, one line an event.
 * Owns: two buffers of bounded size and the log thread; one log a process.
 * Never: blocks the caller on output: a full buffer drops the line and counts it. There is no
 *   helper for secrets, and none is to be logged.
 * Invariant: every line is one JSON object (or one line of text), escaped, at most
 *   LOG_LINE_BYTES_MAX; values are outside bytes and are treated so. Lines of a thread keep order.
 * Callers: effect folders only. Any thread. */
#pragma once

#include "slice.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum { LOG_LINE_BYTES_MAX = 4096, LOG_LINE_BYTES_MIN = 512 };

enum log_kind { LOG_KIND_TEXT, LOG_KIND_HEX, LOG_KIND_UINT, LOG_KIND_INT, LOG_KIND_BOOL };
struct log_field {
    const char *name; /* our own words: [a-z0-9_]+ */
    enum log_kind kind;
    union {
        struct slice bytes;
        uint64_t u;
        int64_t i;
    };
};

/* A call names the event and its fields:
 *   log_event(LOG_INFO, "room_created", LOG_STR("room", name), LOG_UINT("count", n)); */
#define LOG_STR(field, slice_value)                                                                \
    ((struct log_field){.name = (field), .kind = LOG_KIND_TEXT, .bytes = (slice_value)})
#define LOG_CSTR(field, cstr)                                                                      \
    ((struct log_field){.name = (field), .kind = LOG_KIND_TEXT, .bytes = slice_from_cstr(cstr)})
#define LOG_HEX(field, slice_value)                                                                \
    ((struct log_field){.name = (field), .kind = LOG_KIND_HEX, .bytes = (slice_value)})
#define LOG_UINT(field, value)                                                                     \
    ((struct log_field){.name = (field), .kind = LOG_KIND_UINT, .u = (value)})
#define LOG_INT(field, value)                                                                      \
    ((struct log_field){.name = (field), .kind = LOG_KIND_INT, .i = (value)})
#define LOG_BOOL(field, value)                                                                     \
    ((struct log_field){.name = (field), .kind = LOG_KIND_BOOL, .u = (value) ? 1 : 0})
#define LOG_STATUS(field, status) LOG_CSTR(field, status_name(status))

/* The first element only keeps the array from being empty. */
#define log_event(level, event, ...)                                                               \
    do {                                                                                           \
        if (log_enabled(level)) {                                                                  \
            const struct log_field log_fields_[] = {{0}, ##__VA_ARGS__};                           \
            log_write((level), (event), log_fields_ + 1, ARRAY_LEN(log_fields_) - 1);              \
        }                                                                                          \
    } while (0)

/* At most LOG_LIMITED_PER_S lines a second; the next line then tells how many were left out. */
enum { LOG_LIMITED_PER_S = 5 };
struct log_limit { /* zeroed is valid; one thread each */
    uint64_t second;
    uint32_t count, left_out;
};
#define log_limited(limit, now_ms, level, event, ...)                                              \
    do {                                                                                           \
        if (log_enabled(level) && log_limit_pass((limit), (now_ms))) {                             \
            const struct log_field log_fields_[] = {                                               \
                {0}, LOG_UINT("left_out", log_limit_take(limit)), ##__VA_ARGS__};                  \
            log_write((level), (event), log_fields_ + 1, ARRAY_LEN(log_fields_) - 1);              \
        }                                                                                          \
    } while (0)
bool log_limit_pass(struct log_limit *limit, uint64_t now_ms);
uint32_t log_limit_take(struct log_limit *limit); /* and sets it to 0 */

enum log_format { LOG_FORMAT_JSON, LOG_FORMAT_TEXT };
struct log_config {
    enum log_level level; /* lines below are not made */
    enum log_format format;
    int fd; /* borrowed; normally STDERR_FILENO */
};
/* Before log_open and after log_close lines are dropped silently. */
must_check enum status log_open(const struct log_config *config);
void log_close(void); /* writes what is queued, ends the thread */
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);
uint64_t log_dropped(void); /* lines dropped by a full buffer since log_open */

void log_write(enum log_level level, const char *event, const struct log_field *fields,
               size_t count);
/* Appends the line with its newline to `out`; what log_write does, for tests and tools. Returns
 * the length, at most `size`, which is at least LOG_LINE_BYTES_MIN. */
size_t log_format_line(enum log_format format, uint64_t wall_ms, enum log_level level,
                       const char *event, const struct log_field *fields, size_t count, char *out,
                       size_t size);
