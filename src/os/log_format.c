/* log_format.c: one event as one line, JSON or text. A line that would be too long loses whole
 * fields at its end, never half of one, and says so. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "caps.h"
#include "log.h"
#include "thread.h"

/* Kept free behind the fields: the mark of a cut line, the brace, the newline. */
enum { LINE_TAIL_BYTES = 16 };
static_assert(LOG_VALUE_BYTES_MAX * 6 + 256 < LOG_LINE_BYTES_MAX, "any one value fits a line");

struct line {
    char *out;
    size_t len, size; /* size without the tail */
    bool full;        /* something did not fit since it was last cleared */
};

static void put(struct line *l, const void *bytes, size_t len) {
    if (l->full || len > l->size - l->len) {
        l->full = true;
        return;
    }
    memcpy(l->out + l->len, bytes, len);
    l->len += len;
}

static void put_cstr(struct line *l, const char *s) {
    put(l, s, strlen(s));
}

printf_like(2, 3) static void put_format(struct line *l, const char *format, ...) {
    char text[48];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert(len >= 0 && (size_t)len < sizeof text);
    put(l, text, (size_t)len);
}

/* Length of the valid UTF-8 character at the front, 0 when there is none. */
static size_t character_len(struct slice s) {
    uint8_t lead = s.data[0];
    if (lead < 0x80) {
        return 1; /* NUL too: it will be escaped */
    }
    size_t len = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    return len <= s.len && slice_is_text(slice_sub(s, 0, len)) ? len : 0;
}

/* Control characters are escaped in both forms: a log is read in terminals. */
static void put_character(struct line *l, struct slice c) {
    uint8_t b = c.data[0];
    if (c.len == 1 && (b == '"' || b == '\\')) {
        put(l, (const char[]){'\\', (char)b}, 2);
    } else if (c.len == 1 && (b < 0x20 || b == 0x7f)) {
        put_format(l, "\\u%04x", (unsigned)b);
    } else if (c.len == 2 && b == 0xc2 && c.data[1] < 0xa0) {
        put_format(l, "\\u%04x", (unsigned)c.data[1]);
    } else {
        put(l, c.data, c.len);
    }
}

static void put_quoted(struct line *l, struct slice s) {
    bool shortened = s.len > LOG_VALUE_BYTES_MAX;
    s = slice_sub(s, 0, LOG_VALUE_BYTES_MAX);
    put_cstr(l, "\"");
    while (s.len > 0) {
        size_t len = character_len(s);
        if (len == 0 && !(shortened && s.len < 4)) { /* the cut may have gone through one */
            put_cstr(l, "\\ufffd");
        } else if (len > 0) {
            put_character(l, slice_sub(s, 0, len));
        }
        s = slice_after(s, MAX(len, (size_t)1));
    }
    put_cstr(l, shortened ? "...\"" : "\"");
}

static void put_hex(struct line *l, struct slice s) {
    bool shortened = s.len > LOG_VALUE_BYTES_MAX;
    s = slice_sub(s, 0, LOG_VALUE_BYTES_MAX);
    put_cstr(l, "\"");
    for (size_t i = 0; i < s.len; i++) {
        static const char digits[] = "0123456789abcdef";
        put(l, (const char[]){digits[s.data[i] >> 4], digits[s.data[i] & 15]}, 2);
    }
    put_cstr(l, shortened ? "...\"" : "\"");
}

static void put_value(struct line *l, const struct log_field *f) {
    switch (f->kind) {
    case LOG_KIND_TEXT: put_quoted(l, f->bytes); break;
    case LOG_KIND_HEX: put_hex(l, f->bytes); break;
    case LOG_KIND_UINT: put_format(l, "%llu", (unsigned long long)f->u); break;
    case LOG_KIND_INT: put_format(l, "%lld", (long long)f->i); break;
    case LOG_KIND_BOOL: put_cstr(l, f->u ? "true" : "false"); break;
    }
}

/* False: it did not fit, and the line is as before. */
static bool put_field(struct line *l, enum log_format format, const struct log_field *f) {
    size_t before = l->len;
    put_cstr(l, format == LOG_FORMAT_JSON ? ",\"" : " ");
    put_cstr(l, f->name);
    put_cstr(l, format == LOG_FORMAT_JSON ? "\":" : "=");
    put_value(l, f);
    if (l->full) {
        l->len = before;
        l->full = false;
        return false;
    }
    return true;
}

static void put_time(struct line *l, uint64_t wall_ms) {
    time_t second = (time_t)(wall_ms / 1000);
    struct tm t;
    char text[32] = "";
    if (gmtime_r(&second, &t)) {
        (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &t);
    }
    put_cstr(l, text);
    put_format(l, ".%03uZ", (unsigned)(wall_ms % 1000));
}

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static void put_head(struct line *l, enum log_format format, uint64_t wall_ms, enum log_level level,
                     const char *event) {
    bool json = format == LOG_FORMAT_JSON;
    put_cstr(l, json ? "{\"time\":\"" : "");
    put_time(l, wall_ms);
    put_cstr(l, json ? "\",\"level\":\"" : " ");
    put_cstr(l, level_names[level]);
    put_cstr(l, json ? "\",\"thread\":\"" : " ");
    put_cstr(l, thread_name());
    put_cstr(l, json ? "\",\"event\":\"" : " ");
    put(l, event, strnlen(event, 64));
    put_cstr(l, json ? "\"" : "");
    assert(!l->full);
}

size_t log_format_line(enum log_format format, uint64_t wall_ms, enum log_level level,
                       const char *event, const struct log_field *fields, size_t count, char *out,
                       size_t size) {
    assert(size >= LOG_LINE_BYTES_MIN && level < ARRAY_LEN(level_names));
    struct line l = {.out = out, .size = size - LINE_TAIL_BYTES};
    put_head(&l, format, wall_ms, level, event);
    bool cut = false;
    for (size_t i = 0; i < count; i++) {
        cut |= !put_field(&l, format, &fields[i]);
    }
    l.size = size; /* the tail has its place */
    if (cut) {
        put_cstr(&l, format == LOG_FORMAT_JSON ? ",\"cut\":true" : " cut=true");
    }
    put_cstr(&l, format == LOG_FORMAT_JSON ? "}\n" : "\n");
    assert(!l.full);
    return l.len;
}
