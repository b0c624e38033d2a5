#include <stdio.h>

#include "edge_priv.h"

enum { MSG_BYTES = 2048, PATH_SHOWN_MAX = 1024, METHOD_SHOWN_MAX = 32, TYPE_SHOWN_MAX = 512 };

/* ---- services that are known and not served ---------------------------------------------------
 * Clients of the reference may call them: they get an answer that says so, not a 404 page. */

static const char *const egress_methods[] = {
    "StartEgress",
    "UpdateLayout",
    "UpdateStream",
    "ListEgress",
    "StopEgress",
    "StartRoomCompositeEgress",
    "StartWebEgress",
    "StartParticipantEgress",
    "StartTrackCompositeEgress",
    "StartTrackEgress",
    NULL,
};
static const char *const ingress_methods[] = {
    "CreateIngress", "UpdateIngress", "ListIngress", "DeleteIngress", NULL,
};
static const char *const sip_methods[] = {
    "ListSIPTrunk",
    "CreateSIPInboundTrunk",
    "CreateSIPOutboundTrunk",
    "UpdateSIPInboundTrunk",
    "UpdateSIPOutboundTrunk",
    "GetSIPInboundTrunk",
    "GetSIPOutboundTrunk",
    "ListSIPInboundTrunk",
    "ListSIPOutboundTrunk",
    "DeleteSIPTrunk",
    "CreateSIPDispatchRule",
    "UpdateSIPDispatchRule",
    "ListSIPDispatchRule",
    "DeleteSIPDispatchRule",
    "CreateSIPParticipant",
    "TransferSIPParticipant",
    NULL,
};
static const struct unserved {
    const char *path;
    const char *const *methods;
} unserved[] = {
    {"/twirp/livekit.Egress/", egress_methods},
    {"/twirp/livekit.Ingress/", ingress_methods},
    {"/twirp/livekit.SIP/", sip_methods},
};

static enum api_route find_unserved(struct slice path) {
    for (size_t i = 0; i < ARRAY_LEN(unserved); i++) {
        struct slice prefix = slice_from_cstr(unserved[i].path);
        if (!slice_starts_with(path, prefix)) {
            continue;
        }
        for (const char *const *m = unserved[i].methods; *m; m++) {
            if (slice_eq_cstr(slice_after(path, prefix.len), *m)) {
                return API_ROUTE_FOUND;
            }
        }
        return API_ROUTE_NO_METHOD;
    }
    return API_ROUTE_NO_SERVICE;
}

bool twirp_is_bare_service(struct slice path) {
    for (size_t i = 0; i < ARRAY_LEN(unserved); i++) {
        struct slice prefix = slice_from_cstr(unserved[i].path);
        if (slice_eq(path, slice_sub(prefix, 0, prefix.len - 1))) {
            return true;
        }
    }
    return slice_eq_cstr(path, "/twirp/livekit.RoomService") ||
           slice_eq_cstr(path, "/twirp/livekit.AgentDispatchService");
}

/* ---- routes (room-api 2) ----------------------------------------------------------------------
 */

static void refuse_route(struct edge_conn *c, const struct http_request *r, struct slice path,
                         const char *msg) {
    char route[MSG_BYTES];
    snprintf(route, sizeof(route), "%.*s %.*s", (int)MIN(r->method_text.len, METHOD_SHOWN_MAX),
             (const char *)r->method_text.data, (int)MIN(path.len, PATH_SHOWN_MAX),
             (const char *)path.data);
    http_answer_bad_route(c, msg, route);
}

bool twirp_read_coding(struct slice content_type, enum api_coding *ret_coding) {
    struct slice type = slice_trim(slice_split(&content_type, ';'));
    bool json = slice_eq_nocase(type, SLICE_LIT("application/json"));
    if (!json && !slice_eq_nocase(type, SLICE_LIT("application/protobuf"))) {
        return false;
    }
    *ret_coding = json ? API_JSON : API_PROTOBUF;
    return true;
}

enum route_result twirp_route(struct edge_conn *c, const struct http_request *r,
                              struct slice path) {
    struct edge_request *q = c->request;
    const struct api_method *method = NULL;
    char msg[MSG_BYTES];
    q->use = BODY_CALL;
    enum api_route found = api_route_find(path, &method);
    if (found == API_ROUTE_NO_SERVICE) {
        q->use = BODY_UNSERVED;
        found = find_unserved(path);
    }
    struct slice type = {0};
    if (found == API_ROUTE_NO_SERVICE) {
        http_answer_not_found(c);
        return ROUTE_DONE;
    } else if (r->method != HTTP_POST) {
        snprintf(msg, sizeof(msg), "unsupported method \"%.*s\" (only POST is allowed)",
                 (int)MIN(r->method_text.len, METHOD_SHOWN_MAX), (const char *)r->method_text.data);
    } else if (found == API_ROUTE_NO_METHOD) {
        snprintf(msg, sizeof(msg), "no handler for path \"%.*s\"",
                 (int)MIN(path.len, PATH_SHOWN_MAX), (const char *)path.data);
    } else if (!http_header_find(r, "Content-Type", &type) ||
               !twirp_read_coding(type, &q->coding)) {
        snprintf(msg, sizeof(msg), "unexpected Content-Type: \"%.*s\"",
                 (int)MIN(type.len, TYPE_SHOWN_MAX), (const char *)type.data);
    } else {
        q->method = method;
        return ROUTE_READ_BODY;
    }
    refuse_route(c, r, path, msg);
    return ROUTE_DONE;
}

static void answer_unserved(struct edge_conn *c) {
    if (c->request->msg->claims) {
        http_answer_twirp(c, TWIRP_UNIMPLEMENTED, "this service is not offered by this server");
    } else {
        http_answer_twirp(c, TWIRP_UNAUTHENTICATED, "permissions denied");
    }
}

bool twirp_decode(struct edge_conn *c, struct slice body) {
    struct edge_request *q = c->request;
    ProtobufCMessage *request = NULL;
    enum status s = proto_decode_as(q->coding, q->method->request, body, &q->msg->arena, &request);
    if (s != STATUS_OK) {
        metric_inc(&c->thread->metrics.edge_bad_bodies);
        http_answer_twirp(c, s == STATUS_NO_MEMORY ? TWIRP_RESOURCE_EXHAUSTED : TWIRP_MALFORMED,
                          q->coding == API_JSON ? "the json request could not be decoded"
                                                : "the protobuf request could not be decoded");
        return false;
    }
    q->msg->kind = EDGE_API;
    q->msg->method = q->method;
    q->msg->coding = q->coding;
    q->msg->request = request;
    return true;
}

void twirp_with_body(struct edge_conn *c, struct slice body) {
    if (c->request->use == BODY_UNSERVED) {
        answer_unserved(c);
    } else if (twirp_decode(c, body)) {
        http_give_to_control(c, CONN_WAITING);
    }
}
