#include <stdio.h>
#include <string.h>

#include "kit.h"

#define DENIED "{\"code\":\"unauthenticated\",\"msg\":\"permissions denied\"}"

enum who { NOBODY, NO_VIDEO, CREATE, LIST, ADMIN, ADMIN_ELSEWHERE, ADMIN_BOTH, JOIN, WHO_COUNT };

static const struct claims *claims_of(enum who who) {
    static struct claims c;
    c = (struct claims){.has_video = true};
    switch (who) {
    case NOBODY: return NULL;
    case NO_VIDEO:
        c.has_video = false;
        c.video = (struct video_grant){.room_create = true, .room_list = true};
        break;
    case CREATE: c.video.room_create = true; break;
    case LIST: c.video.room_list = true; break;
    case ADMIN: c.video = (struct video_grant){.room_admin = true, .room = SLICE_LIT("r")}; break;
    case ADMIN_ELSEWHERE:
        c.video = (struct video_grant){.room_admin = true, .room = SLICE_LIT("R")};
        break;
    case ADMIN_BOTH:
        c.video = (struct video_grant){
            .room_admin = true, .room = SLICE_LIT("r"), .destination_room = SLICE_LIT("d")};
        break;
    case JOIN: c.video = (struct video_grant){.room_join = true, .room = SLICE_LIT("r")}; break;
    case WHO_COUNT: break;
    }
    return &c;
}

/* Who may, as a set. */
#define ADMINS (BIT(ADMIN) | BIT(ADMIN_BOTH))
static const uint32_t MAY[API_OP_COUNT] = {
    [API_CREATE_ROOM] = BIT(CREATE),
    [API_LIST_ROOMS] = BIT(LIST),
    [API_DELETE_ROOM] = BIT(CREATE),
    [API_UPDATE_ROOM_METADATA] = ADMINS,
    [API_LIST_PARTICIPANTS] = ADMINS,
    [API_GET_PARTICIPANT] = ADMINS,
    [API_REMOVE_PARTICIPANT] = ADMINS,
    [API_MUTE_PUBLISHED_TRACK] = ADMINS,
    [API_UPDATE_PARTICIPANT] = ADMINS,
    [API_UPDATE_SUBSCRIPTIONS] = ADMINS,
    [API_SEND_DATA] = ADMINS,
    [API_FORWARD_PARTICIPANT] = BIT(ADMIN_BOTH),
    [API_MOVE_PARTICIPANT] = BIT(ADMIN_BOTH),
    [API_PERFORM_RPC] = ADMINS,
    [API_CREATE_DISPATCH] = ADMINS,
    [API_DELETE_DISPATCH] = ADMINS,
    [API_LIST_DISPATCH] = ADMINS,
};

static const char *request_of(enum api_op op) {
    switch (op) {
    case API_CREATE_ROOM: return "{\"name\":\"x\"}";
    case API_LIST_ROOMS: return "{}";
    case API_FORWARD_PARTICIPANT:
    case API_MOVE_PARTICIPANT:
        return "{\"room\":\"r\",\"identity\":\"i\",\"destinationRoom\":\"d\"}";
    default: return "{\"room\":\"r\"}";
    }
}

static void test_matrix(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    for (int op = 0; op < API_OP_COUNT; op++) {
        for (int who = 0; who < WHO_COUNT; who++) {
            struct answer a = kit_call(&k, (enum api_op)op, claims_of((enum who)who),
                                       request_of((enum api_op)op));
            if (MAY[op] & BIT(who)) {
                assert_int_not_equal(a.status, 0);
                assert_int_not_equal(a.status, 401);
            } else {
                kit_assert_error(a, 401, DENIED);
            }
        }
    }
    kit_close(&k);
}

static void test_not_implemented_yet_says_so(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    static const enum api_op ops[] = {API_PERFORM_RPC};
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        char body[128];
        snprintf(body, sizeof(body),
                 "{\"code\":\"unimplemented\",\"msg\":\"%s is not implemented\"}",
                 api_method_at(ops[i])->name);
        kit_assert_error(kit_call(&k, ops[i], claims_of(ADMIN_BOTH), request_of(ops[i])), 501,
                         body);
    }
    kit_close(&k);
}

static void test_same_room(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    struct claims c = {
        .has_video = true,
        .video = {.room_admin = true, .room = SLICE_LIT("r"), .destination_room = SLICE_LIT("r")}};
    static const enum api_op ops[] = {API_FORWARD_PARTICIPANT, API_MOVE_PARTICIPANT};
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        kit_assert_error(
            kit_call(&k, ops[i], &c, "{\"room\":\"r\",\"destinationRoom\":\"r\"}"), 400,
            "{\"code\":\"invalid_argument\",\"msg\":\"destination room cannot be the same as "
            "source room \",\"meta\":{\"argument\":\"destination room cannot be the same as "
            "source room\"}}");
    }
    kit_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matrix),
        cmocka_unit_test(test_not_implemented_yet_says_so),
        cmocka_unit_test(test_same_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
