#include "clock.h"
#include "hook_priv.h"
#include "mem.h"

#include <string.h>

/* A descriptor of libcurl's in the loop. */
struct watch {
    uint32_t magic;
    struct loop_source source;
    struct hook *hook; /* borrowed */
};

/* What an end means. */

static bool is_final(CURLcode code) {
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return true;
    default: return false;
    }
}

/* Once the head of an answer is here the receiver has spoken, however its body ends. */
struct hook_result attempt_result(bool answered, long http_status, CURLcode code,
                                  curl_off_t retry_after_s) {
    if (!answered) {
        return (struct hook_result){.verdict = is_final(code) ? HOOK_FAILED : HOOK_RETRY,
                                    .error = curl_easy_strerror(code)};
    }
    struct hook_result r = {.http_status = (uint32_t)http_status};
    bool again = http_status == 429 || (http_status >= 500 && http_status != 501);
    r.verdict = again ? HOOK_RETRY : HOOK_DELIVERED;
    if ((http_status == 429 || http_status == 503) && retry_after_s > 0) {
        curl_off_t capped = MIN(retry_after_s, (curl_off_t)HOOK_RETRY_WAIT_MAX_MS / 1000);
        r.retry_after_ms = (uint32_t)capped * 1000;
    }
    return r;
}

static struct hook_queue *queue_of(CURL *request) {
    char *queue = NULL;
    (void)curl_easy_getinfo(request, CURLINFO_PRIVATE, &queue);
    return OBJ_CAST(struct hook_queue, (void *)queue, HOOK_QUEUE_MAGIC);
}

static void forget_request(struct hook_queue *q) {
    (void)curl_multi_remove_handle(q->target->hook->http.multi, q->request);
    curl_easy_cleanup(q->request);
    q->request = NULL;
}

void attempt_abort(struct hook_queue *q) {
    if (q->request) {
        forget_request(q);
    }
}

static void finish(CURL *request, CURLcode code) {
    struct hook_queue *q = queue_of(request);
    assert(q->request == request);
    long http_status = 0;
    curl_off_t retry_after_s = 0;
    (void)curl_easy_getinfo(request, CURLINFO_RESPONSE_CODE, &http_status);
    (void)curl_easy_getinfo(request, CURLINFO_RETRY_AFTER, &retry_after_s);
    struct hook_result r = attempt_result(q->answered, http_status, code, retry_after_s);
    forget_request(q);
    queue_done(q, &r);
}

static void finish_all(struct hook *h) {
    int left;
    const CURLMsg *message;
    while ((message = curl_multi_info_read(h->http.multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            finish(message->easy_handle, message->data.result);
        }
    }
}

/* libcurl on the loop. */

static void act(struct hook *h, curl_socket_t fd, int events) {
    int running;
    CURLMcode code = curl_multi_socket_action(h->http.multi, fd, events, &running);
    assert(code == CURLM_OK); /* others are mistakes of ours */
    (void)code;
    finish_all(h);
}

static void on_socket(void *arg, uint32_t events) {
    struct watch *w = OBJ_CAST(struct watch, arg, HOOK_WATCH_MAGIC);
    int bits = 0;
    bits |= events & LOOP_READ ? CURL_CSELECT_IN : 0;
    bits |= events & LOOP_WRITE ? CURL_CSELECT_OUT : 0;
    bits |= events & LOOP_HANGUP ? CURL_CSELECT_ERR : 0;
    act(w->hook, w->source.fd, bits);
}

static void on_timer(void *arg) {
    act(OBJ_CAST(struct hook, arg, HOOK_MAGIC), CURL_SOCKET_TIMEOUT, 0);
}

static struct watch *watch_create(struct hook *h, int fd, uint32_t events) {
    struct watch *w = mem_zalloc(sizeof *w);
    if (!w) {
        return NULL;
    }
    w->magic = HOOK_WATCH_MAGIC;
    w->hook = h;
    if (loop_add(h->loop, &w->source, fd, events, on_socket, w) != STATUS_OK) {
        mem_free(w);
        return NULL;
    }
    return w;
}

/* Without memory a descriptor stays unwatched: its request ends by its time and is tried again. */
static int watch_socket(CURL *request, curl_socket_t fd, int what, void *arg, void *socket_arg) {
    (void)request;
    struct hook *h = OBJ_CAST(struct hook, arg, HOOK_MAGIC);
    struct watch *w = socket_arg;
    if (what == CURL_POLL_REMOVE) {
        if (w) {
            loop_remove(&w->source);
            mem_free(w);
            (void)curl_multi_assign(h->http.multi, fd, NULL);
        }
        return 0;
    }
    uint32_t events = 0;
    events |= what & CURL_POLL_IN ? (uint32_t)LOOP_READ : 0;
    events |= what & CURL_POLL_OUT ? (uint32_t)LOOP_WRITE : 0;
    if (w) {
        loop_modify(&w->source, events);
    } else if ((w = watch_create(h, fd, events)) != NULL) {
        (void)curl_multi_assign(h->http.multi, fd, w);
    }
    return 0;
}

static int set_timer(CURLM *multi, long wait_ms, void *arg) {
    (void)multi;
    struct hook *h = OBJ_CAST(struct hook, arg, HOOK_MAGIC);
    if (wait_ms < 0) {
        loop_timer_cancel(&h->http.timer);
    } else {
        loop_timer_set(&h->http.timer, clock_mono_ms() + (uint64_t)wait_ms);
    }
    return 0;
}

/* Reading answers: nothing is kept but the fact that there is one. */

static bool take_bytes(struct hook_queue *q, size_t count) {
    q->answered_bytes += count;
    return q->answered_bytes <= HOOK_ANSWER_BYTES_MAX;
}

static size_t on_head_line(char *line, size_t size, size_t count, void *arg) {
    struct hook_queue *q = OBJ_CAST(struct hook_queue, arg, HOOK_QUEUE_MAGIC);
    struct slice text = slice_of(line, size * count);
    long http_status = 0;
    (void)curl_easy_getinfo(q->request, CURLINFO_RESPONSE_CODE, &http_status);
    if (http_status >= 200 && (slice_eq_cstr(text, "\r\n") || slice_eq_cstr(text, "\n"))) {
        q->answered = true;
    }
    return take_bytes(q, text.len) ? text.len : 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg) {
    (void)bytes;
    struct hook_queue *q = OBJ_CAST(struct hook_queue, arg, HOOK_QUEUE_MAGIC);
    return take_bytes(q, size * count) ? size * count : 0;
}

/* Sending. */

/* The whole attempt has one limit: resolving, connecting, TLS, the request and its answer. HTTP/1.1
 * keeps one request on one connection, so that none waits behind another's answer. QUICK_EXIT: the
 * end of a request does not wait for a resolver that hangs. */
static bool set_numbers(CURL *request, const struct hook *h) {
    const struct {
        CURLoption option;
        long value;
    } numbers[] = {
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_QUICK_EXIT, 1},
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
        {CURLOPT_SSL_VERIFYPEER, 1},
        {CURLOPT_SSL_VERIFYHOST, 2},
        {CURLOPT_SUPPRESS_CONNECT_HEADERS, 1},
        {CURLOPT_TIMEOUT_MS, (long)h->attempt_ms},
        {CURLOPT_CONNECTTIMEOUT_MS, (long)h->attempt_ms},
    };
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        ok = curl_easy_setopt(request, numbers[i].option, numbers[i].value) == CURLE_OK && ok;
    }
    return ok;
}

static bool set_texts(CURL *request, const struct hook *h, const char *url) {
    const struct {
        CURLoption option;
        const char *value;
    } texts[] = {
        {CURLOPT_URL, url},
        {CURLOPT_USERAGENT, "LiveKit"}, /* as receivers know it */
        {CURLOPT_PROTOCOLS_STR, "http,https"},
        {CURLOPT_CAINFO, h->ca_file},
    };
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i].value) {
            ok = curl_easy_setopt(request, texts[i].option, texts[i].value) == CURLE_OK && ok;
        }
    }
    return ok;
}

static bool set_request(struct hook_queue *q) {
    CURL *request = q->request;
    const struct hook *h = q->target->hook;
    q->authorization_line =
        (struct curl_slist){.data = (char *)q->authorization.data, .next = h->http.headers};
    struct slice body = q->current->body;
    bool ok = set_numbers(request, h) && set_texts(request, h, q->target->url);
    ok = curl_easy_setopt(request, CURLOPT_POST, 1L) == CURLE_OK && ok;
    ok = curl_easy_setopt(request, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len) == CURLE_OK &&
         ok;
    ok = curl_easy_setopt(request, CURLOPT_POSTFIELDS, (const void *)body.data) == CURLE_OK && ok;
    ok = curl_easy_setopt(request, CURLOPT_HTTPHEADER, &q->authorization_line) == CURLE_OK && ok;
    ok = curl_easy_setopt(request, CURLOPT_HEADERFUNCTION, on_head_line) == CURLE_OK && ok;
    ok = curl_easy_setopt(request, CURLOPT_HEADERDATA, (void *)q) == CURLE_OK && ok;
    ok = curl_easy_setopt(request, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK && ok;
    ok = curl_easy_setopt(request, CURLOPT_WRITEDATA, (void *)q) == CURLE_OK && ok;
    return curl_easy_setopt(request, CURLOPT_PRIVATE, (void *)q) == CURLE_OK && ok;
}

enum status attempt_start(struct hook_queue *q) {
    assert(!q->request && q->current && q->authorization.len > 0);
    q->request = curl_easy_init();
    if (!q->request) {
        return STATUS_NO_MEMORY;
    }
    q->answered = false;
    q->answered_bytes = 0;
    if (!set_request(q) ||
        curl_multi_add_handle(q->target->hook->http.multi, q->request) != CURLM_OK) {
        curl_easy_cleanup(q->request);
        q->request = NULL;
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

/* Construction. */

/* Type, and against what libcurl adds on its own: receivers get the headers they know. */
static bool make_headers(struct hook *h) {
    static const char *const lines[] = {"Content-Type: application/webhook+json",
                                        "Accept:", "Expect:"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct curl_slist *more = curl_slist_append(h->http.headers, lines[i]);
        if (!more) {
            return false;
        }
        h->http.headers = more;
    }
    return true;
}

enum status attempts_init(struct hook *h) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return STATUS_NO_MEMORY;
    }
    h->http.is_global_up = true;
    CURLM *multi = h->http.multi = curl_multi_init();
    if (!multi || !make_headers(h)) {
        return STATUS_NO_MEMORY;
    }
    enum status s = loop_timer_init(h->loop, &h->http.timer, on_timer, h);
    if (s != STATUS_OK) {
        return s;
    }
    (void)curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    (void)curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, (void *)h);
    (void)curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
    (void)curl_multi_setopt(multi, CURLMOPT_TIMERDATA, (void *)h);
    (void)curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)HOOK_IDLE_CONNS_MAX);
    return STATUS_OK;
}

void attempts_deinit(struct hook *h) {
    if (h->http.multi) {
        (void)curl_multi_cleanup(h->http.multi);
    }
    curl_slist_free_all(h->http.headers);
    loop_timer_deinit(&h->http.timer);
    if (h->http.is_global_up) {
        curl_global_cleanup();
    }
    memset(&h->http, 0, sizeof h->http);
}

static enum status read_host(CURLU *parts, const char *url, struct arena *arena,
                             struct slice *ret_host) {
    char *scheme = NULL, *host = NULL;
    enum status s = STATUS_INVALID;
    if (curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        (slice_eq_cstr(slice_from_cstr(scheme), "http") ||
         slice_eq_cstr(slice_from_cstr(scheme), "https"))) {
        struct slice copy = arena_copy(arena, slice_from_cstr(host));
        s = arena->failed ? STATUS_NO_MEMORY : STATUS_OK;
        if (s == STATUS_OK) {
            *ret_host = copy;
        }
    }
    curl_free(scheme);
    curl_free(host);
    return s;
}

enum status url_check(const char *url, struct arena *arena, struct slice *ret_host) {
    CURLU *parts = curl_url();
    if (!parts) {
        return STATUS_NO_MEMORY;
    }
    enum status s = read_host(parts, url, arena, ret_host);
    curl_url_cleanup(parts);
    return s;
}
