/* claims.h: JSON Web Tokens of LiveKit: splitting, header, claims; no cryptography here.
 * Owns: nothing; all text lies in the arena given.
 * Never: decides whether a signature holds (crypt does, edge asks it).
 * Source: wire/room-api.md section 6; RFC 7519.
 * Callers: edge (check), node (grants; and back, for refreshed tokens). */
#pragma once

#include "arena.h"
#include "buf.h"

enum { TOKEN_LEEWAY_S = 60 };

struct token_parts {
    struct slice signing_input; /* header.payload, as received */
    struct slice signature;     /* decoded */
    struct slice payload;       /* decoded JSON */
    struct slice algorithm;     /* header alg */
};
/* MALFORMED when it is not three base64url segments with a JSON object header. */
must_check enum status token_split(struct slice token, struct arena *arena,
                                   struct token_parts *ret_parts);

enum participant_kind { /* numbers of livekit.ParticipantInfo.Kind */
                        KIND_STANDARD = 0,
                        KIND_INGRESS = 1,
                        KIND_EGRESS = 2,
                        KIND_SIP = 3,
                        KIND_AGENT = 4,
                        KIND_CONNECTOR = 7,
                        KIND_BRIDGE = 8,
};

enum tristate { TRI_ABSENT, TRI_FALSE, TRI_TRUE };

struct attribute {
    struct slice key, value;
};

struct video_grant {
    bool room_create, room_list, room_record, room_admin, room_join, ingress_admin;
    bool hidden, recorder, agent;
    enum tristate can_publish, can_subscribe, can_publish_data, can_update_own_metadata;
    enum tristate can_subscribe_metrics, can_manage_agent_session;
    struct slice room, destination_room;
    uint32_t can_publish_sources; /* BIT(livekit.TrackSource); meaningful with the count */
    uint32_t can_publish_sources_count;
};

struct claims {
    struct slice issuer;   /* iss */
    struct slice identity; /* sub, else jti */
    struct slice name, metadata;
    enum participant_kind kind;
    uint32_t kind_details; /* BIT(livekit.ParticipantInfo.KindDetail) */
    const struct attribute *attributes;
    size_t attributes_count;
    bool has_video;
    struct video_grant video;
    struct slice room_preset;
    struct slice room_config; /* raw JSON object, or empty */
    struct slice sha256;
    bool has_expires, has_not_before;
    double expires_s, not_before_s; /* unix seconds, may be fractional */
    bool sip_admin, sip_call;
};

/* Fills *ret_claims from the payload. Claim names match case-insensitively (as Go does), unknown
 * ones are ignored, a known claim of the wrong JSON type is MALFORMED and *ret_reason (static
 * text) says which. NUL and bad UTF-8 anywhere are MALFORMED. */
must_check enum status claims_read(struct slice payload, struct arena *arena,
                                   struct claims *ret_claims, const char **ret_reason);

enum claims_time { CLAIMS_IN_TIME, CLAIMS_EXPIRED, CLAIMS_NOT_YET, CLAIMS_NO_EXPIRY };
enum claims_time claims_check_time(const struct claims *c, uint64_t now_unix_s);

/* Grant defaults resolved (section 6.2). */
bool grant_can_publish(const struct video_grant *g);
bool grant_can_subscribe(const struct video_grant *g);
bool grant_can_publish_data(const struct video_grant *g);

/* Appends the payload JSON of a participant token (refresh): iss, sub, nbf, exp, name, metadata,
 * attributes, kind, kindDetails, video. */
void claims_write(struct buf *out, const struct claims *c);
/* Appends base64url(header) "." base64url(payload): what crypt then signs. */
void token_put_signing_input(struct buf *out, struct slice payload);
