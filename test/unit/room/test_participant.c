#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "caps.h"
#include "participant_priv.h"

static struct participant *make(const struct attribute *attributes, size_t count) {
    struct participant_config config = {
        .identity = SLICE_LIT("alice"),
        .name = SLICE_LIT("Alice"),
        .metadata = SLICE_LIT("m"),
        .attributes = attributes,
        .attributes_count = count,
        .kind = KIND_SIP,
        .kind_details = BIT(1) | BIT(4),
        .capabilities = BIT(2),
        .client_protocol = 2,
        .joined_at_ms = 1700000000123,
        .key = 1,
        .region = "eu",
        .permission = {.can_publish = true, .publish_sources = BIT(1) | BIT(2)},
    };
    struct participant *p = NULL;
    assert_int_equal(participant_create(&config, &p), STATUS_OK);
    return p;
}

static void test_message(void **state) {
    (void)state;
    const struct attribute attributes[] = {{SLICE_LIT("b"), SLICE_LIT("2")},
                                           {SLICE_LIT("a"), SLICE_LIT("1")}};
    struct participant *p = make(attributes, 2);
    struct arena arena;
    arena_init(&arena, 1 << 16);
    Livekit__ParticipantInfo info;
    participant_fill(p, &p->profile, &arena, &info);
    assert_string_equal(info.identity, "alice");
    assert_string_equal(info.name, "Alice");
    assert_int_equal(info.state, LIVEKIT__PARTICIPANT_INFO__STATE__JOINED);
    assert_int_equal(info.joined_at, 1700000000);
    assert_int_equal(info.joined_at_ms, 1700000000123);
    assert_int_equal(info.kind, LIVEKIT__PARTICIPANT_INFO__KIND__SIP);
    assert_int_equal(info.n_kind_details, 2);
    assert_int_equal(info.kind_details[1], 4);
    assert_int_equal(info.n_capabilities, 1);
    assert_int_equal(info.n_attributes, 2);
    assert_string_equal(info.attributes[0]->key, "a");
    assert_int_equal(info.permission->n_can_publish_sources, 2);
    assert_int_equal(info.permission->can_publish_sources[0], LIVEKIT__TRACK_SOURCE__CAMERA);
    arena_deinit(&arena);
    participant_destroy(p);
}

static void test_a_dropped_change_has_changed_nothing(void **state) {
    (void)state;
    struct participant *p = make(NULL, 0);
    struct change c;
    change_begin(p, &c);
    assert_int_equal(change_name(&c, SLICE_LIT("Bob")), STATUS_OK);
    const struct attribute attribute = {SLICE_LIT("k"), SLICE_LIT("v")};
    assert_int_equal(change_attributes(&c, &attribute, 1), STATUS_OK);
    change_drop(&c);
    assert_true(slice_eq_cstr(text_slice(&p->profile.name), "Alice"));
    assert_int_equal(p->profile.version, 1);
    assert_int_equal(p->profile.attributes.count, 0);
    participant_destroy(p);
}

static void test_a_committed_change(void **state) {
    (void)state;
    struct participant *p = make(NULL, 0);
    struct change c;
    change_begin(p, &c);
    assert_int_equal(change_metadata(&c, SLICE_LIT("other")), STATUS_OK);
    change_state(&c, PARTICIPANT_ACTIVE);
    change_commit(&c, p);
    change_drop(&c); /* nothing is left to drop */
    assert_true(slice_eq_cstr(text_slice(&p->profile.metadata), "other"));
    assert_true(slice_eq_cstr(text_slice(&p->profile.name), "Alice"));
    assert_int_equal(p->profile.state, PARTICIPANT_ACTIVE);
    assert_int_equal(p->profile.version, 2);
    participant_destroy(p);
}

static void test_permissions_and_grants(void **state) {
    (void)state;
    struct video_grant grant = {0};
    struct permission p = permission_of_grant(&grant);
    assert_true(p.can_publish && p.can_subscribe && p.can_publish_data);
    assert_false(p.can_update_metadata);
    grant.can_publish = TRI_FALSE; /* data follows it when not said */
    p = permission_of_grant(&grant);
    assert_false(p.can_publish || p.can_publish_data);
    p.can_publish = true;
    p.publish_sources = BIT(3);
    p.hidden = true;
    permission_into_grant(&p, &grant);
    struct permission back = permission_of_grant(&grant);
    assert_true(permission_equal(&p, &back));
    back.publish_sources = 0;
    assert_false(permission_equal(&p, &back));
}

static void test_unknown_sources_do_not_mean_all(void **state) {
    (void)state;
    Livekit__ParticipantPermission m = LIVEKIT__PARTICIPANT_PERMISSION__INIT;
    Livekit__TrackSource sources[] = {(Livekit__TrackSource)77};
    m.can_publish_sources = sources;
    m.n_can_publish_sources = 1;
    assert_int_equal(permission_of_message(&m).publish_sources,
                     BIT(LIVEKIT__TRACK_SOURCE__UNKNOWN));
}

static const struct attributes NONE;

static void test_merging_attributes(void **state) {
    (void)state;
    const struct attribute first[] = {
        {SLICE_LIT("b"), SLICE_LIT("1")},
        {SLICE_LIT("a"), SLICE_LIT("1")},
        {SLICE_LIT("b"), SLICE_LIT("2")}, /* the later one of a key counts */
        {SLICE_LIT("gone"), SLICE_LIT("")},
    };
    struct attributes a, b;
    assert_int_equal(attributes_merge(&NONE, first, ARRAY_LEN(first), &a), STATUS_OK);
    assert_int_equal(a.count, 2);
    assert_true(slice_eq_cstr(a.items[1].value, "2"));
    assert_int_equal(a.bytes, 4);
    const struct attribute second[] = {{SLICE_LIT("a"), SLICE_LIT("")},
                                       {SLICE_LIT("c"), SLICE_LIT("3")}};
    assert_int_equal(attributes_merge(&a, second, ARRAY_LEN(second), &b), STATUS_OK);
    assert_int_equal(b.count, 2);
    assert_true(slice_eq_cstr(b.items[0].key, "b"));
    assert_true(slice_eq_cstr(b.items[1].key, "c"));
    attributes_deinit(&a);
    const struct attribute last[] = {{SLICE_LIT("b"), SLICE_LIT("")},
                                     {SLICE_LIT("c"), SLICE_LIT("")}};
    assert_int_equal(attributes_merge(&b, last, ARRAY_LEN(last), &a), STATUS_OK);
    assert_int_equal(a.count, 0);
    assert_null(a.items);
    attributes_deinit(&b);
}

static void test_bounds_of_attributes(void **state) {
    (void)state;
    static struct attribute many[ATTRIBUTES_MAX + 1];
    static char keys[ATTRIBUTES_MAX + 1][8];
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        snprintf(keys[i], sizeof(keys[i]), "k%05zu", i);
        many[i] = (struct attribute){slice_from_cstr(keys[i]), SLICE_LIT("v")};
    }
    struct attributes a;
    assert_int_equal(attributes_merge(&NONE, many, ATTRIBUTES_MAX + 1, &a), STATUS_EXHAUSTED);
    assert_int_equal(attributes_merge(&NONE, many, ATTRIBUTES_MAX, &a), STATUS_OK);
    attributes_deinit(&a);
    static uint8_t large[ATTRIBUTES_MERGED_BYTES_MAX];
    memset(large, 'x', sizeof(large));
    struct attribute one = {SLICE_LIT("k"), slice_of(large, sizeof(large) - 1)};
    assert_int_equal(attributes_merge(&NONE, &one, 1, &a), STATUS_OK);
    attributes_deinit(&a);
    one.value.len++;
    assert_int_equal(attributes_merge(&NONE, &one, 1, &a), STATUS_EXHAUSTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message),
        cmocka_unit_test(test_a_dropped_change_has_changed_nothing),
        cmocka_unit_test(test_a_committed_change),
        cmocka_unit_test(test_permissions_and_grants),
        cmocka_unit_test(test_unknown_sources_do_not_mean_all),
        cmocka_unit_test(test_merging_attributes),
        cmocka_unit_test(test_bounds_of_attributes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
