#include <stdio.h>
#include <string.h>

#include "edge_priv.h"
#include "query.h"

/* The pages can end rooms and calls, so more is asked of who wants them than of who wants metrics:
 * a password, or to be on this machine; and of browsers, that no other site made them ask. */

#define PREFIX "/ui/"
#define API_PREFIX "/ui/api/"

/* No inline code, nothing from elsewhere, and nobody frames them. Media of calls come as streams,
 * which are of no source. `more`: whom the page itself may talk to beside its own origin. */
#define PAGE_HEADERS(more)                                                                         \
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "           \
    "img-src 'self' data:; connect-src 'self'" more "; base-uri 'none'; form-action 'none'; "      \
    "frame-ancestors 'none'\r\n"                                                                   \
    "X-Content-Type-Options: nosniff\r\n"                                                          \
    "X-Frame-Options: DENY\r\n"                                                                    \
    "Referrer-Policy: no-referrer\r\n"                                                             \
    "Cross-Origin-Opener-Policy: same-origin\r\n"                                                  \
    "Cross-Origin-Resource-Policy: same-origin\r\n"

bool ui_is_path(struct slice path) {
    return slice_eq_cstr(path, "/ui") || slice_starts_with(path, SLICE_LIT(PREFIX));
}

/* ---- who may ----------------------------------------------------------------------------------
 */

/* "name", "name:port", "1.2.3.4:port", "[::1]:port". A name that others own can be made to point
 * to us after a browser has loaded their page: then they are of one origin with it. */
static bool is_host_ours(struct slice host) {
    if (slice_starts_with(host, SLICE_LIT("["))) {
        host = slice_after(host, 1);
        host = slice_split(&host, ']');
    } else {
        host = slice_split(&host, ':');
    }
    struct net_address address;
    return slice_eq_nocase(host, SLICE_LIT("localhost")) ||
           net_address_parse(host, 0, &address) == STATUS_OK;
}

/* A proxy on this machine would make everybody look like this machine. */
static bool came_by_proxy(const struct http_request *r) {
    static const char *const signs[] = {"X-Forwarded-For", "X-Real-IP", "Forwarded", "Via"};
    struct slice value;
    for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
        if (http_header_find(r, signs[i], &value)) {
            return true;
        }
    }
    return false;
}

bool ui_is_at_home(const struct edge_conn *c, const struct http_request *r) {
    return net_address_is_loopback(&c->peer) && !came_by_proxy(r) && is_host_ours(r->host);
}

/* NULL: allowed. */
static const char *refusal_of(struct edge_conn *c, const struct http_request *r) {
    const struct edge_config *config = &c->thread->edge->config;
    if (config->metrics_user.len > 0 || config->metrics_password.len > 0) {
        return NULL; /* and it was shown */
    }
    if (!net_address_is_loopback(&c->peer) || came_by_proxy(r)) {
        return "Without a password (prometheus.username, prometheus.password) the pages for "
               "operators are shown on this machine alone.\n";
    }
    if (!is_host_ours(r->host)) {
        return "Without a password (prometheus.username, prometheus.password) the pages for "
               "operators are shown under localhost or an IP address, not under a name.\n";
    }
    return NULL;
}

/* The page's own scripts can say this header; those of other sites are made to ask for it first,
 * and that is never answered. */
static bool is_same_site(const struct http_request *r) {
    struct slice value;
    if (!http_header_find(r, "X-Stoa-Page", &value) || !slice_eq_cstr(value, "1")) {
        return false;
    }
    if (http_header_find(r, "Sec-Fetch-Site", &value)) {
        return slice_eq_cstr(value,
                             "same-origin"); /* the browser's own word, whatever proxies do */
    }
    if (!http_header_find(r, "Origin", &value)) {
        return true;
    }
    bool https = slice_starts_with(value, SLICE_LIT("https://")); /* a proxy in front has TLS */
    bool http = slice_starts_with(value, SLICE_LIT("http://"));
    return (http || https) && slice_eq_nocase(slice_after(value, https ? 8 : 7), r->host);
}

/* ---- files ------------------------------------------------------------------------------------
 */

static const struct edge_asset *find_asset(const struct edge_config *config, struct slice name) {
    for (size_t i = 0; i < config->pages_count; i++) {
        if (slice_eq_cstr(name, config->pages[i].path)) {
            return &config->pages[i];
        }
    }
    return NULL;
}

/* The one coding we have besides the plain one; "gzip;q=0" refuses it. */
static bool takes_gzip(const struct http_request *r) {
    struct slice list;
    if (!http_header_find(r, "Accept-Encoding", &list)) {
        return false;
    }
    while (list.len > 0) {
        struct slice rest = slice_split(&list, ',');
        struct slice coding = slice_trim(slice_split(&rest, ';'));
        if (slice_eq_nocase(coding, SLICE_LIT("gzip"))) {
            rest = slice_trim(rest);
            return !slice_eq_cstr(rest, "q=0") && !slice_eq_cstr(rest, "q=0.0") &&
                   !slice_eq_cstr(rest, "q=0.00") && !slice_eq_cstr(rest, "q=0.000");
        }
    }
    return false;
}

static bool has_it(const struct http_request *r, const struct edge_asset *a) {
    struct slice list;
    if (!http_header_find(r, "If-None-Match", &list)) {
        return false;
    }
    while (list.len > 0) {
        struct slice tag = slice_trim(slice_split(&list, ','));
        if (slice_eq_cstr(tag, "*") || slice_eq_cstr(tag, a->etag)) {
            return true;
        }
    }
    return false;
}

/* ---- whom the page may talk to ----------------------------------------------------------------
 */

enum { HOST_BYTES_MAX = 255, SOURCES_BYTES_MAX = 4 * (HOST_BYTES_MAX + 24) };

/* A host, with a port or without, that cannot say more than that in a header. */
static bool is_plain_host(struct slice host) {
    for (size_t i = 0; i < host.len; i++) {
        uint8_t b = host.data[i];
        bool letter = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z');
        if (!letter && !(b >= '0' && b <= '9') && !memchr("-.:[]", b, 5)) {
            return false;
        }
    }
    return host.len > 0 && host.len <= HOST_BYTES_MAX;
}

static void put_sources(struct buf *out, bool tls, struct slice host, uint16_t port) {
    for (int ws = 1; is_plain_host(host) && ws >= 0; ws--) { /* the SDK asks by HTTP too, when
                                                              * a WebSocket is refused */
        buf_printf(out, " %s%s://%.*s", ws ? "ws" : "http", tls ? "s" : "", SLICE_ARG(host));
        if (port != 0) {
            buf_printf(out, ":%u", port);
        }
    }
}

static struct slice without_port(struct slice host) {
    size_t end =
        slice_starts_with(host, SLICE_LIT("[")) ? slice_find(host, ']') + 1 : slice_find(host, ':');
    return slice_sub(host, 0, end < host.len ? end : host.len);
}

/* The server's own signalling, under the name by which the page was asked for; and the server that
 * the page's address names, when it stands behind a proxy under another one. */
static void put_page_sources(struct edge_conn *c, const struct http_request *r, struct buf *out) {
    const struct edge *e = c->thread->edge;
    struct arena arena;
    struct slice server;
    put_sources(out, e->tls != NULL, without_port(r->host), edge_port(e));
    arena_init(&arena, SOURCES_BYTES_MAX);
    if (query_find_text(r->query, "server", &arena, &server) == STATUS_OK) {
        bool tls = slice_starts_with(server, SLICE_LIT("wss://"));
        if (tls || slice_starts_with(server, SLICE_LIT("ws://"))) {
            put_sources(out, tls, slice_after(server, tls ? 6 : 5), 0);
        }
    }
    arena_deinit(&arena);
}

static void answer_asset(struct edge_conn *c, const struct http_request *r,
                         const struct edge_asset *a) {
    bool gzip = a->gzip.len > 0 && takes_gzip(r), known = has_it(r, a);
    char lines[1024 + SOURCES_BYTES_MAX];
    struct buf sources;
    buf_init(&sources, SOURCES_BYTES_MAX);
    if (a->path[0] == 0) {
        put_page_sources(c, r, &sources);
    }
    int len = snprintf(lines, sizeof(lines),
                       PAGE_HEADERS("%.*s") "Vary: Accept-Encoding\r\nETag: %s\r\n"
                                            "Cache-Control: %s\r\n%s",
                       SLICE_ARG(buf_slice(&sources)), a->etag,
                       a->immutable ? "private, max-age=31536000, immutable" : "no-cache",
                       gzip && !known ? "Content-Encoding: gzip\r\n" : "");
    assert(len > 0 && (size_t)len < sizeof(lines));
    buf_deinit(&sources);
    struct edge_answer answer = {
        .status = known ? 304 : 200,
        .content_type = known ? NULL : a->content_type,
        .body = known  ? (struct slice){0}
                : gzip ? a->gzip
                       : a->plain,
        .header_lines = slice_of(lines, (size_t)len),
    };
    http_answer(c, &answer);
}

/* ---- routes -----------------------------------------------------------------------------------
 */

static void answer_plain(struct edge_conn *c, uint16_t status, const char *text) {
    http_answer(c, &(struct edge_answer){.status = status,
                                         .content_type = "text/plain; charset=utf-8",
                                         .body = slice_from_cstr(text),
                                         .header_lines = SLICE_LIT(PAGE_HEADERS(""))});
}

static void route_file(struct edge_conn *c, const struct http_request *r) {
    const struct edge_config *config = &c->thread->edge->config;
    if (config->pages_count == 0) {
        answer_plain(c, 404,
                     "The pages for operators were not built into this program: it was built "
                     "without npm (see docs/OPERATING.md).\n");
        return;
    }
    if (slice_eq_cstr(r->path, "/ui")) {
        http_answer(c, &(struct edge_answer){
                           .status = 301, .header = "Location", .header_value = SLICE_LIT(PREFIX)});
        return;
    }
    if (r->method != HTTP_GET && r->method != HTTP_HEAD) {
        http_answer(c,
                    &(struct edge_answer){.status = 405,
                                          .content_type = "text/plain; charset=utf-8",
                                          .body = SLICE_LIT("Only GET and HEAD are for files.\n"),
                                          .header = "Allow",
                                          .header_value = SLICE_LIT("GET, HEAD")});
        return;
    }
    const struct edge_asset *a = find_asset(config, slice_after(r->path, sizeof(PREFIX) - 1));
    if (a) {
        answer_asset(c, r, a);
    } else {
        answer_plain(c, 404, "There is no such page.\n");
    }
}

enum route_result ui_route(struct edge_conn *c, const struct http_request *r) {
    const char *refusal = refusal_of(c, r);
    if (refusal) {
        answer_plain(c, 403, refusal);
        return ROUTE_DONE;
    }
    if (!slice_starts_with(r->path, SLICE_LIT(API_PREFIX))) {
        route_file(c, r);
        return ROUTE_DONE;
    }
    if (!is_same_site(r)) {
        answer_plain(c, 403, "Only the pages themselves may ask this.\n");
        return ROUTE_DONE;
    }
    return ui_api_route(c, r, slice_after(r->path, sizeof(API_PREFIX) - 1));
}
