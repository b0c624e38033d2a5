#include <stdio.h>
#include <stdlib.h>

#include "api.h"
#include "app.h"
#include "client.h"
#include "cursor.h"
#include "json.h"
#include "livekit_room.pb-c.h"
#include "mint.h"
#include "options.h"

enum {
    CALL_TOKEN_VALID_S = 600,
    ROOM_BYTES_MAX = 4 << 20, /* decoded, with full metadata */
    FIELD_ROOMS = 0x0a,       /* of ListRoomsResponse: field 1, with a length before it */
};

/* One API call: what it asks and what came back. */
struct room_call {
    struct command_line line;
    struct arena arena;
    struct client_answer answer;
};

static void call_init(struct room_call *c) {
    arena_init(&c->arena, ROOM_BYTES_MAX);
    c->answer = (struct client_answer){0};
}

static void call_deinit(struct room_call *c) {
    client_answer_deinit(&c->answer);
    arena_deinit(&c->arena);
}

/* Options and exactly one name, or with many any number of names. */
static bool read_line(struct room_call *c, const struct option *options, size_t count, bool many,
                      int argc, char **argv) {
    if (!options_read(&c->line, options, count, argc, argv)) {
        return false;
    }
    bool good = many || c->line.positionals_count == 1;
    if (!good) {
        fputs("stoa: one room name is needed; see stoa help\n", stderr);
    }
    return good;
}

/* A refusal as clients of the API know it, or the text that came instead. */
static void say_refused(struct room_call *c) {
    struct json_reader r;
    struct slice code = {0}, msg = {0}, *next = NULL;
    json_reader_init(&r, buf_slice(&c->answer.body), &c->arena);
    for (struct json_token t = json_next(&r); t.type != JSON_ERROR && t.type != JSON_END;
         t = json_next(&r)) {
        if (t.type == JSON_KEY && r.depth == 1) {
            next = slice_eq_cstr(t.text, "code")  ? &code
                   : slice_eq_cstr(t.text, "msg") ? &msg
                                                  : NULL;
        } else if (t.type == JSON_STRING && next) {
            *next = t.text;
            next = NULL;
        }
    }
    struct buf out;
    buf_init(&out, 64 * 1024);
    if (code.len > 0) {
        buf_put_cstr(&out, "twirp error ");
        options_put_printable(&out, code);
        buf_put_cstr(&out, ": ");
        options_put_printable(&out, slice_sub(msg, 0, 4096));
    } else {
        struct slice text = slice_trim(slice_sub(buf_slice(&c->answer.body), 0, 4096));
        buf_printf(&out, "the server answered %u: ", c->answer.status);
        options_put_printable(&out, text);
    }
    fprintf(stderr, "stoa: %.*s\n", SLICE_ARG(buf_slice(&out)));
    buf_deinit(&out);
}

static const char *url_of(const struct command_line *line) {
    const char *url = line->url ? line->url : getenv("LIVEKIT_URL");
    return url && *url ? url : "http://localhost:7880";
}

static bool sign(struct room_call *c, const struct video_grant *grant, struct buf *token) {
    struct settings settings;
    struct key_secret key;
    if (settings_init(&settings) != STATUS_OK) {
        return false;
    }
    const struct claims claims = {.has_video = true, .video = *grant};
    bool good = options_find_key(&c->line, &settings, &key) &&
                token_mint(&claims, &key, CALL_TOKEN_VALID_S, token) == STATUS_OK;
    settings_deinit(&settings);
    return good;
}

/* Sends an encoded message; APP_OK with the answer in c->answer, or what went wrong is said. */
static int send(struct room_call *c, enum api_op op, struct slice token, struct slice body) {
    const struct api_method *method = api_method_at(op);
    char path[128];
    snprintf(path, sizeof(path), "/twirp/livekit.%s/%s", method->service, method->name);
    const struct client_request request = {.url = url_of(&c->line),
                                           .path = path,
                                           .content_type = "application/protobuf",
                                           .token = token,
                                           .body = body,
                                           .deadline_ms = CLIENT_DEADLINE_MS};
    struct client_error error;
    if (client_post(&request, &c->answer, &error) != STATUS_OK) {
        fprintf(stderr, "stoa: %s\n", error.text);
        return APP_FAILED;
    }
    if (c->answer.status != 200) {
        say_refused(c);
        return APP_FAILED;
    }
    return APP_OK;
}

static int call(struct room_call *c, enum api_op op, const struct video_grant *grant,
                const ProtobufCMessage *message) {
    struct buf token, body;
    buf_init(&token, 2 * TOKEN_BYTES_MAX);
    buf_init(&body, HTTP_BODY_BYTES_MAX);
    proto_encode(message, &body);
    int code = APP_FAILED;
    if (body.failed) {
        fputs("stoa: the request is too large\n", stderr);
    } else if (sign(c, grant, &token)) {
        code = send(c, op, buf_slice(&token), buf_slice(&body));
    }
    buf_deinit(&body);
    buf_deinit(&token);
    return code;
}

static int write_out(struct buf *out) {
    if (out->failed || fwrite(out->data, 1, out->len, stdout) != out->len) {
        fputs("stoa: the answer could not be written\n", stderr);
        return APP_FAILED;
    }
    buf_clear(out);
    return APP_OK;
}

static void put_room_row(struct buf *out, const Livekit__Room *room) {
    buf_printf(out, "%-16s %12u %11u  ", room->sid, room->num_participants, room->num_publishers);
    options_put_printable(out, proto_text(room->name));
    buf_put_u8(out, '\n');
}

static const char row_head[] = "ROOM ID          PARTICIPANTS  PUBLISHERS  NAME\n";

static enum status decode_room(struct room_call *c, struct slice bytes, const Livekit__Room **ret) {
    ProtobufCMessage *message = NULL;
    arena_reset(&c->arena);
    enum status s = proto_decode(&livekit__room__descriptor, bytes, &c->arena, &message);
    if (s == STATUS_OK) {
        *ret = (const Livekit__Room *)message;
    }
    return s;
}

static int bad_answer(void) {
    fputs("stoa: the server's answer is not understood\n", stderr);
    return APP_FAILED;
}

/* The answer to create and update: one room. */
static int print_room(struct room_call *c) {
    const Livekit__Room *room = NULL;
    if (decode_room(c, buf_slice(&c->answer.body), &room) != STATUS_OK) {
        return bad_answer();
    }
    struct buf out;
    buf_init(&out, 2 * ROOM_BYTES_MAX);
    if (c->line.json) {
        proto_encode_json(&room->base, JSON_COMPACT, &out);
        buf_put_u8(&out, '\n');
    } else {
        buf_put_cstr(&out, row_head);
        put_room_row(&out, room);
    }
    int code = write_out(&out);
    buf_deinit(&out);
    return code;
}

/* Room by room, so that a list of any length takes the memory of one of them. */
static int print_rooms(struct room_call *c) {
    struct cursor in = cursor_over(buf_slice(&c->answer.body));
    struct buf out;
    buf_init(&out, 2 * ROOM_BYTES_MAX);
    buf_put_cstr(&out, c->line.json ? "{\"rooms\":[" : row_head);
    int code = APP_OK;
    for (bool first = true; code == APP_OK && cursor_left(&in) > 0; first = false) {
        uint64_t field = cursor_varint(&in), len = cursor_varint(&in);
        struct slice bytes = cursor_take(&in, (size_t)len);
        const Livekit__Room *room = NULL;
        if (in.failed || field != FIELD_ROOMS || decode_room(c, bytes, &room) != STATUS_OK) {
            code = bad_answer();
        } else if (c->line.json) {
            buf_put_cstr(&out, first ? "" : ",");
            proto_encode_json(&room->base, JSON_COMPACT, &out);
        } else {
            put_room_row(&out, room);
        }
        code = code == APP_OK ? write_out(&out) : code;
    }
    buf_put_cstr(&out, c->line.json && code == APP_OK ? "]}\n" : "");
    code = code == APP_OK ? write_out(&out) : code;
    buf_deinit(&out);
    return code;
}

int app_room_list(int argc, char **argv) {
    struct room_call c;
    call_init(&c);
    if (!read_line(&c, NULL, 0, true, argc, argv)) {
        return APP_USAGE;
    }
    Livekit__ListRoomsRequest request = LIVEKIT__LIST_ROOMS_REQUEST__INIT;
    request.n_names = c.line.positionals_count;
    request.names = (char **)c.line.positionals;
    const struct video_grant grant = {.room_list = true};
    int code = call(&c, API_LIST_ROOMS, &grant, &request.base);
    if (code == APP_OK) {
        code = print_rooms(&c);
    }
    call_deinit(&c);
    return code;
}

int app_room_create(int argc, char **argv) {
    struct room_call c;
    call_init(&c);
    Livekit__CreateRoomRequest request = LIVEKIT__CREATE_ROOM_REQUEST__INIT;
    const char *metadata = "", *preset = "";
    bool sync = false;
    const struct option options[] = {
        {"empty-timeout", OPTION_UINT32, &request.empty_timeout},
        {"departure-timeout", OPTION_UINT32, &request.departure_timeout},
        {"max-participants", OPTION_UINT32, &request.max_participants},
        {"min-playout-delay", OPTION_UINT32, &request.min_playout_delay},
        {"max-playout-delay", OPTION_UINT32, &request.max_playout_delay},
        {"sync-streams", OPTION_FLAG, &sync},
        {"metadata", OPTION_TEXT, &metadata},
        {"room-preset", OPTION_TEXT, &preset},
    };
    if (!read_line(&c, options, ARRAY_LEN(options), false, argc, argv)) {
        return APP_USAGE;
    }
    request.name = (char *)c.line.positionals[0];
    request.metadata = (char *)metadata;
    request.room_preset = (char *)preset;
    request.sync_streams = sync;
    const struct video_grant grant = {.room_create = true};
    int code = call(&c, API_CREATE_ROOM, &grant, &request.base);
    code = code == APP_OK ? print_room(&c) : code;
    call_deinit(&c);
    return code;
}

int app_room_update(int argc, char **argv) {
    struct room_call c;
    call_init(&c);
    const char *metadata = NULL;
    const struct option options[] = {{"metadata", OPTION_TEXT, &metadata}};
    if (!read_line(&c, options, ARRAY_LEN(options), false, argc, argv)) {
        return APP_USAGE;
    }
    if (!metadata) {
        fputs("stoa: room update needs --metadata\n", stderr);
        return APP_USAGE;
    }
    Livekit__UpdateRoomMetadataRequest request = LIVEKIT__UPDATE_ROOM_METADATA_REQUEST__INIT;
    request.room = (char *)c.line.positionals[0];
    request.metadata = (char *)metadata;
    const struct video_grant grant = {.room_admin = true,
                                      .room = slice_from_cstr(c.line.positionals[0])};
    int code = call(&c, API_UPDATE_ROOM_METADATA, &grant, &request.base);
    code = code == APP_OK ? print_room(&c) : code;
    call_deinit(&c);
    return code;
}

int app_room_delete(int argc, char **argv) {
    struct room_call c;
    call_init(&c);
    if (!read_line(&c, NULL, 0, false, argc, argv)) {
        return APP_USAGE;
    }
    Livekit__DeleteRoomRequest request = LIVEKIT__DELETE_ROOM_REQUEST__INIT;
    request.room = (char *)c.line.positionals[0];
    const struct video_grant grant = {.room_create = true};
    int code = call(&c, API_DELETE_ROOM, &grant, &request.base);
    if (code == APP_OK && c.line.json) {
        puts("{}");
    } else if (code == APP_OK) {
        struct buf out;
        buf_init(&out, 8192);
        buf_put_cstr(&out, "deleted ");
        options_put_printable(&out, slice_from_cstr(c.line.positionals[0]));
        buf_put_u8(&out, '\n');
        code = write_out(&out);
        buf_deinit(&out);
    }
    call_deinit(&c);
    return code;
}
