#include "json.h"

/* Length of the character above ASCII at the begin of s, 0 when it is no UTF-8. */
static size_t char_len(struct slice s) {
    for (size_t len = 1; len <= 4 && len <= s.len; len++) {
        if (slice_is_text(slice_sub(s, 0, len))) {
            return len;
        }
    }
    return 0;
}

static void put_u_escape(struct buf *out, uint32_t c) {
    static const char hex[] = "0123456789abcdef";
    uint8_t text[6] = {'\\', 'u'};
    for (size_t i = 0; i < 4; i++) {
        text[2 + i] = (uint8_t)hex[c >> (12 - 4 * i) & 15];
    }
    buf_put(out, slice_of(text, sizeof(text)));
}

/* Bytes of ASCII that may not stand as they are; the letter behind the backslash, or 'u'. */
static uint8_t escape_letter(uint8_t b) {
    switch (b) {
    case '"':
    case '\\': return b;
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    case '<': /* so that JSON can stand inside HTML */
    case '>':
    case '&': return 'u';
    default: return b < 0x20 ? 'u' : 0;
    }
}

static void put_ascii_escape(struct buf *out, uint8_t b, uint8_t letter) {
    if (letter == 'u') {
        put_u_escape(out, b);
        return;
    }
    buf_put_u8(out, '\\');
    buf_put_u8(out, letter);
}

/* Puts one character above ASCII and gives the bytes it took. */
static size_t put_wide(struct buf *out, struct slice s) {
    size_t len = char_len(s);
    if (len == 0) {
        put_u_escape(out, 0xfffd);
        return 1;
    }
    /* U+2028 and U+2029 end a line of JavaScript. */
    bool line_end =
        len == 3 && s.data[0] == 0xe2 && s.data[1] == 0x80 && (s.data[2] & 0xfe) == 0xa8;
    if (line_end) {
        put_u_escape(out, 0x2028 + (s.data[2] & 1));
    } else {
        buf_put(out, slice_sub(s, 0, len));
    }
    return len;
}

void json_put_string(struct buf *out, struct slice text) {
    buf_put_u8(out, '"');
    size_t plain = 0; /* first byte not yet put */
    size_t at = 0;
    while (at < text.len) {
        uint8_t b = text.data[at];
        uint8_t letter = b < 0x80 ? escape_letter(b) : 0;
        if (b < 0x80 && letter == 0) {
            at++;
            continue;
        }
        buf_put(out, slice_sub(text, plain, at - plain));
        if (letter != 0) {
            put_ascii_escape(out, b, letter);
            at++;
        } else {
            at += put_wide(out, slice_after(text, at));
        }
        plain = at;
    }
    buf_put(out, slice_after(text, plain));
    buf_put_u8(out, '"');
}
