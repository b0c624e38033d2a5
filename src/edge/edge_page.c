#include "base64.h"
#include "edge_priv.h"

enum { MS_PER_DAY = 86400000, METRICS_BYTES_MAX = 4 << 20, CREDENTIALS_BYTES_MAX = 4096 };

/* ---- health (room-api 1.4) --------------------------------------------------------------------
 */

/* Days since 1970 to the Gregorian calendar, by eras of 400 years that begin on 1 March. */
static void put_date(struct buf *out, uint64_t days) {
    uint64_t shifted = days + 719468; /* from 0000-03-01 */
    uint64_t era = shifted / 146097, day_of_era = shifted % 146097;
    uint64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t month = (5 * day_of_year + 2) / 153; /* 0: March */
    uint64_t day = day_of_year - (153 * month + 2) / 5 + 1;
    uint64_t year = era * 400 + year_of_era + (month >= 10 ? 1 : 0);
    buf_printf(out, "%04u-%02u-%02u", (unsigned)year,
               (unsigned)(month < 10 ? month + 3 : month - 9), (unsigned)day);
}

void page_put_time(struct buf *out, uint64_t wall_ms) {
    uint64_t ms = wall_ms % MS_PER_DAY;
    put_date(out, wall_ms / MS_PER_DAY);
    buf_printf(out, " %02u:%02u:%02u", (unsigned)(ms / 3600000), (unsigned)(ms / 60000 % 60),
               (unsigned)(ms / 1000 % 60));
    unsigned fraction = (unsigned)(ms % 1000), digits = 3;
    while (fraction != 0 && fraction % 10 == 0) {
        fraction /= 10;
        digits--;
    }
    if (fraction != 0) {
        buf_printf(out, ".%0*u", (int)digits, fraction);
    }
    buf_put_cstr(out, " +0000 UTC");
}

void page_health(struct edge_conn *c) {
    struct edge *e = c->thread->edge;
    if (edge_is_ready(e, clock_wall_ms())) {
        http_answer_text(c, 200, "OK");
        return;
    }
    if (atomic_load(&e->loading)) {
        http_answer_text(c, 503, "Not Ready\nThe server is starting");
        return;
    }
    struct buf text;
    buf_init(&text, 128);
    buf_put_cstr(&text, "Not Ready\nNode Updated At ");
    page_put_time(&text, atomic_load(&e->ready_at_ms));
    http_answer(c, &(struct edge_answer){.status = 406,
                                         .content_type = "text/plain; charset=utf-8",
                                         .body = buf_slice(&text)});
    buf_deinit(&text);
}

/* ---- the metrics listener ---------------------------------------------------------------------
 */

static bool is_allowed(struct edge_conn *c, const struct http_request *r) {
    const struct edge_config *config = &c->thread->edge->config;
    if (config->metrics_user.len == 0 && config->metrics_password.len == 0) {
        return true;
    }
    struct slice given;
    if (!http_header_find(r, "Authorization", &given) ||
        !slice_starts_with(given, SLICE_LIT("Basic "))) {
        return false;
    }
    struct buf pair, wanted;
    buf_init(&pair, CREDENTIALS_BYTES_MAX);
    buf_init(&wanted, CREDENTIALS_BYTES_MAX * 2);
    buf_put(&pair, config->metrics_user);
    buf_put_u8(&pair, ':');
    buf_put(&pair, config->metrics_password);
    base64_put(&wanted, buf_slice(&pair));
    bool same = !pair.failed && !wanted.failed &&
                crypt_equal(slice_trim(slice_after(given, 6)), buf_slice(&wanted));
    buf_deinit(&pair);
    buf_deinit(&wanted);
    return same;
}

static void answer_metrics(struct edge_conn *c) {
    struct buf text;
    buf_init(&text, METRICS_BYTES_MAX);
    edge_render_metrics(c->thread->edge, &text);
    if (text.failed) {
        metric_inc(&c->thread->metrics.edge_no_memory);
        http_answer_text(c, 503, "out of memory");
        buf_deinit(&text);
        return;
    }
    struct bytes body = {.data = text.data, .len = text.len}; /* the block of text, handed on */
    http_answer(c, &(struct edge_answer){.status = 200,
                                         .content_type = "text/plain; version=0.0.4; charset=utf-8",
                                         .owned = &body});
    bytes_deinit(&body);
}

enum route_result page_route(struct edge_conn *c, const struct http_request *r) {
    if (!is_allowed(c, r)) {
        http_answer(
            c, &(struct edge_answer){.status = 401,
                                     .content_type = "text/plain; charset=utf-8",
                                     .body = SLICE_LIT("401 Unauthorized\n"),
                                     .header = "WWW-Authenticate",
                                     .header_value = SLICE_LIT("Basic realm=\"Protected Area\"")});
        return ROUTE_DONE;
    }
    stranger_known(c);
    if (ui_is_path(r->path)) {
        return ui_route(c, r);
    }
    answer_metrics(c);
    return ROUTE_DONE;
}
