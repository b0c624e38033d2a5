#include "edge_priv.h"

/* An address as proxies write it: bare, or with brackets and port. */
static bool read_address(struct slice text, struct net_address *ret_address) {
    return net_address_parse(text, 0, ret_address) == STATUS_OK ||
           net_address_parse_with_port(text, ret_address) == STATUS_OK;
}

/* Takes the last element of a comma-separated list off it. */
static struct slice take_last(struct slice *list) {
    size_t from = list->len;
    while (from > 0 && list->data[from - 1] != ',') {
        from--;
    }
    struct slice last = slice_trim(slice_after(*list, from));
    *list = slice_sub(*list, 0, from > 0 ? from - 1 : 0);
    return last;
}

/* Each proxy appends whom it spoke to. So from the end: the first that is not one of ours. What
 * stands before it was written by the client, who may write anything. */
static bool find_forwarded(const struct edge *e, const struct http_request *r,
                           struct net_address *ret_address) {
    for (size_t i = r->headers_count; i > 0; i--) {
        struct slice list = r->headers[i - 1].value;
        if (!slice_eq_nocase(r->headers[i - 1].name, SLICE_LIT("X-Forwarded-For"))) {
            continue;
        }
        while (list.len > 0) {
            struct net_address address;
            if (!read_address(take_last(&list), &address)) {
                return false;
            }
            *ret_address = address;
            if (!edge_trusts(e, &address)) {
                return true;
            }
        }
    }
    return ret_address->family != NET_NONE; /* proxies all the way: the first of them */
}

static bool find_named(const struct http_request *r, const char *name,
                       struct net_address *ret_address) {
    struct slice value;
    return http_header_find(r, name, &value) && read_address(value, ret_address);
}

struct slice client_address(const struct edge_conn *c, const struct http_request *r,
                            struct arena *arena) {
    const struct edge *e = c->thread->edge;
    struct net_address address = c->peer, claimed = {0};
    if (edge_trusts(e, &c->peer) &&
        (find_forwarded(e, r, &claimed) || find_named(r, "X-Real-IP", &claimed) ||
         find_named(r, "CF-Connecting-IP", &claimed))) {
        address = claimed;
    }
    char text[NET_ADDRESS_TEXT_MAX];
    size_t len = net_address_ip_text(&address, text);
    return arena_copy(arena, slice_of(text, len));
}
