#include "hook_priv.h"

/* What an end means. */

/* Trying again would not help; whoever runs the receiver must change something. */
static bool is_final(CURLcode code) {
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_URL_MALFORMAT: return true;
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
    (void)curl_multi_remove_handle(q->target->hook->http, q->request);
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

/* libcurl is asked which descriptors it waits for before each wait. To be told of them as they come
 * and go (curl_multi_socket_action) would spare that, but it closes some without a word, takes new
 * ones of the same number for watched, and then stays on an address that is silent (7.88). */
void attempts_wait(struct hook *h, uint32_t wait_ms) {
    struct curl_waitfd mailboxes[] = {
        {.fd = mailbox_fd(h->posts), .events = CURL_WAIT_POLLIN},
        {.fd = mailbox_fd(h->closing), .events = CURL_WAIT_POLLIN},
    };
    int timeout = (int)MIN(wait_ms, (uint32_t)INT32_MAX);
    if (curl_multi_poll(h->http, mailboxes, ARRAY_LEN(mailboxes), timeout, NULL) != CURLM_OK) {
        (void)mailbox_wait(h->posts, HOOK_NO_MEMORY_WAIT_MS); /* not to spin */
    }
}

void attempts_run(struct hook *h) {
    int running, left;
    (void)curl_multi_perform(h->http, &running); /* the result is that of each request */
    const CURLMsg *message;
    while ((message = curl_multi_info_read(h->http, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            finish(message->easy_handle, message->data.result);
        }
    }
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
 * end of a request does not wait for a resolver that hangs. Proxies come from the environment
 * (https_proxy, no_proxy), as the reference takes them. */
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
        (struct curl_slist){.data = (char *)q->authorization.data, .next = h->headers};
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
    if (!set_request(q) || curl_multi_add_handle(q->target->hook->http, q->request) != CURLM_OK) {
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
        struct curl_slist *more = curl_slist_append(h->headers, lines[i]);
        if (!more) {
            return false;
        }
        h->headers = more;
    }
    return true;
}

enum status attempts_init(struct hook *h) {
    h->is_curl_up = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    h->http = h->is_curl_up ? curl_multi_init() : NULL;
    if (!h->http || !make_headers(h)) {
        return STATUS_NO_MEMORY;
    }
    (void)curl_multi_setopt(h->http, CURLMOPT_MAXCONNECTS, (long)HOOK_IDLE_CONNS_MAX);
    return STATUS_OK;
}

void attempts_deinit(struct hook *h) {
    if (h->http) {
        (void)curl_multi_cleanup(h->http);
    }
    curl_slist_free_all(h->headers);
    if (h->is_curl_up) {
        curl_global_cleanup();
    }
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
