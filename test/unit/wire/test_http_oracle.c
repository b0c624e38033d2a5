/* What our framer accepts, libhttp-parser accepts too, and both see the same request: the same
 * length, body, persistence. A stricter reader is no danger, a differing one is. */
#include "wire_test.h"

#include "http.h"
#include "http_oracle.h"

enum { CORPUS = 60000, TEXT_MAX = 4096 };

static const char *pick(uint64_t *seed, const char *const *from, size_t count) {
    return from[next_random(seed) % count];
}
#define PICK(seed, ...)                                                                            \
    pick(seed, (const char *const[]){__VA_ARGS__}, ARRAY_LEN(((const char *const[]){__VA_ARGS__})))

static void put_head(struct buf *b, uint64_t *seed) {
    buf_put_cstr(b, PICK(seed, "", "", "", "\r\n"));
    buf_put_cstr(b, PICK(seed, "GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"));
    buf_put_cstr(b, PICK(seed, " ", " ", " ", " ", "  ", "\t"));
    buf_put_cstr(b, PICK(seed, "/", "/a/b?c=d&e", "/x%20y", "/?", "*", "/{\"<>|^`}", "//", "/a#b",
                         "http://a/", "/a?b?c", "/~!$&'()*+,;=:@"));
    buf_put_cstr(b, PICK(seed, " HTTP/1.1", " HTTP/1.1", " HTTP/1.1", " HTTP/1.0", " HTTP/1.2"));
    buf_put_cstr(b, "\r\n");
    buf_put_cstr(b, PICK(seed, "Host: a.example\r\n", "Host:[::1]:80\r\n", "host: a\t\r\n", ""));
    size_t count = next_random(seed) % 5;
    for (size_t i = 0; i < count; i++) {
        buf_put_cstr(b, PICK(seed, "X-A: b\r\n", "X:\r\n", "Accept: */*, \"q\"\r\n",
                             "Connection: close\r\n", "Connection: keep-alive\r\n",
                             "Connection: Upgrade, keep-alive\r\n", "Upgrade: websocket\r\n",
                             "Content-Length: 5\r\n", "Content-Length: 0\r\n",
                             "content-length:\t7 \r\n", "Transfer-Encoding: chunked\r\n",
                             "transfer-encoding: CHUNKED\r\n", "Transfer-Encoding: gzip\r\n",
                             "Expect: 100-continue\r\n", "X-High: \xc3\xa9\xff\r\n",
                             "!#$%&'*+-.^_`|~: token\r\n", "X: a\r\n b\r\n", "X : y\r\n"));
    }
    buf_put_cstr(b, "\r\n");
}

static void put_body(struct buf *b, uint64_t *seed) {
    size_t count = next_random(seed) % 4;
    for (size_t i = 0; i < count; i++) {
        buf_put_cstr(b,
                     PICK(seed, "5\r\nhello\r\n", "0001\r\nx\r\n", "a\r\n0123456789\r\n",
                          "3;ext=1\r\nabc\r\n", "2;a=\"b c\"\r\n\r\n\r\n", "B\r\nhello world\r\n"));
    }
    buf_put_cstr(b, PICK(seed, "0\r\n\r\n", "0\r\n\r\n", "000\r\nT: x\r\n\r\n", "0;e\r\n\r\n"));
    buf_put_cstr(b, PICK(seed, "", "GET / HTTP/1.1\r\n\r\n"));
}

/* Changes, drops or inserts a few bytes: half of them such as matter. */
static void mutate(struct buf *b, uint64_t *seed) {
    static const char spice[] = "\r\n\t :;,0159afAF+-\"\0\x7f\x80\xff"
                                "x";
    size_t count = next_random(seed) % 3;
    for (size_t i = 0; i < count && b->len > 0; i++) {
        size_t at = next_random(seed) % b->len;
        uint8_t byte = (uint8_t)spice[next_random(seed) % (sizeof(spice) - 1)];
        switch (next_random(seed) % 3) {
        case 0: b->data[at] = byte; break;
        case 1:
            memmove(b->data + at, b->data + at + 1, b->len - at - 1);
            b->len--;
            break;
        default:
            buf_put_u8(b, 0);
            memmove(b->data + at + 1, b->data + at, b->len - at - 1);
            b->data[at] = byte;
            break;
        }
    }
}

static enum http_result take_chunks(struct slice in, struct buf *body, size_t *ret_used) {
    struct http_chunked d;
    struct http_error e;
    http_chunked_init(&d, TEXT_MAX);
    size_t at = 0, used;
    struct slice data;
    enum http_result got;
    do {
        got = http_chunked_next(&d, slice_after(in, at), &data, &used, &e);
        if (got == HTTP_BAD) {
            return got;
        }
        buf_put(body, data);
        at += used;
    } while (got == HTTP_MORE && used > 0);
    *ret_used = at;
    return got;
}

/* The oracle takes "Transfer-Encoding1" for a transfer encoding: its mistake, not ours. */
static bool misleads_the_oracle(const struct http_request *r) {
    struct slice name = SLICE_LIT("transfer-encoding");
    for (size_t i = 0; i < r->headers_count; i++) {
        struct slice got = r->headers[i].name;
        if (got.len > name.len && slice_eq_nocase(slice_sub(got, 0, name.len), name)) {
            return true;
        }
    }
    return false;
}

/* True when we accepted a head, and then the oracle has to agree. */
static bool compare(struct slice in) {
    struct http_request r;
    struct http_error e;
    if (http_request_next(in, &r, &e) != HTTP_OK) {
        return false;
    }
    if (r.method == HTTP_METHOD_OTHER || misleads_the_oracle(&r)) {
        return false; /* also: the oracle knows a closed list of methods */
    }
    struct http_oracle o = {0};
    struct buf body;
    buf_init(&o.body, TEXT_MAX);
    buf_init(&body, TEXT_MAX);
    size_t parsed = http_oracle_ask(in, &o);
    /* Told both to close and to stay, we close. */
    bool same = o.head_done && (o.keep_alive || !r.keep_alive);
    same = same && slice_eq_cstr(r.method_text, o.method);
    same = same && o.chunked == r.chunked;
    same = same && (!r.has_content_length || o.content_length == r.content_length);
    struct slice rest = slice_after(in, r.head_bytes);
    size_t used = 0;
    if (same && !o.upgrade && r.chunked && take_chunks(rest, &body, &used) == HTTP_OK) {
        same = o.done && slice_eq(buf_slice(&body), buf_slice(&o.body)) &&
               parsed == r.head_bytes + used;
    }
    if (same && !o.upgrade && !r.chunked && r.content_length <= rest.len) {
        same = o.done && parsed == r.head_bytes + (size_t)r.content_length;
    }
    if (!same) {
        print_error("oracle differs (parsed %zu, head %d, done %d) on:\n%.*s\n", parsed,
                    o.head_done, o.done, SLICE_ARG(in));
    }
    assert_true(same);
    buf_deinit(&o.body);
    buf_deinit(&body);
    return true;
}

static void what_we_accept_the_oracle_accepts(void **state) {
    struct buf b;
    buf_init(&b, TEXT_MAX);
    uint64_t seed = 7;
    size_t accepted = 0;
    for (size_t i = 0; i < CORPUS; i++) {
        buf_clear(&b);
        put_head(&b, &seed);
        put_body(&b, &seed);
        mutate(&b, &seed);
        accepted += compare(buf_slice(&b));
    }
    print_message("# %zu of %d accepted\n", accepted, CORPUS);
    assert_true(accepted > CORPUS / 20 && accepted < CORPUS);
    buf_deinit(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_we_accept_the_oracle_accepts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
