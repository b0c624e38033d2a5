/* DataPackets as bytes: what the router sees, what receivers get, what is refused. */
#include "data_packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct data_packet_sender alice = {.sid = {(const uint8_t *)"PA_alice", 8},
                                                .identity = {(const uint8_t *)"alice", 5}};

static struct data_packet_view read_ok(struct slice packet) {
    struct data_packet_view v;
    assert_int_equal(data_packet_read(packet, &v), STATUS_OK);
    return v;
}

static void expect_refused(struct slice packet) {
    struct data_packet_view v = {.sequence = 77};
    assert_int_equal(data_packet_read(packet, &v), STATUS_MALFORMED);
    assert_int_equal(v.sequence, 77);
}

static void expect_rewritten(struct slice packet, const struct data_packet_sender *sender,
                             struct slice expected) {
    struct data_packet_view v = read_ok(packet);
    struct buf out;
    buf_init(&out, 4096);
    assert_int_equal(data_packet_rewrite(&v, sender, &out), STATUS_OK);
    assert_int_equal(out.len, expected.len);
    assert_memory_equal(out.data, expected.data, expected.len);
    buf_deinit(&out);
}

static void expect_names(const struct data_packet_view *v, enum data_packet_names sort,
                         const char *const *names, size_t count) {
    struct data_names it = data_packet_names(v, sort);
    struct slice name;
    for (size_t i = 0; i < count; i++) {
        assert_true(data_names_next(&it, &name));
        assert_true(slice_eq_cstr(name, names[i]));
    }
    assert_false(data_names_next(&it, &name));
}

/* user { payload "hi", topic "chat", id "m1", nonce 01 }, sequence 300 */
#define USER_SIMPLE                                                                                \
    "\x12\x11\x12\x02hi\x22\x04"                                                                   \
    "chat\x42\x02m1\x5a\x01\x01"

static void reads_a_user_packet(void **state) {
    (void)state;
    struct data_packet_view v = read_ok(SLICE_LIT(USER_SIMPLE "\x80\x01\xac\x02"));
    assert_int_equal(v.value, DATA_VALUE_USER);
    assert_int_equal(v.body.len, 17);
    assert_int_equal(v.kind, DATA_KIND_RELIABLE);
    assert_int_equal(v.sequence, 300);
    assert_true(slice_eq_cstr(v.payload, "hi"));
    assert_true(slice_eq_cstr(v.topic, "chat"));
    assert_true(slice_eq_cstr(v.id, "m1"));
    assert_int_equal(v.nonce.len, 1);
    assert_true(data_packet_is_broadcast(&v));
}

static void reads_destinations_of_all_sorts(void **state) {
    (void)state;
    struct data_packet_view v = read_ok(SLICE_LIT("\x2a\x01"
                                                  "b"
                                                  "\x2a\x01"
                                                  "c"
                                                  "\x12\x0b\x1a\x04PA_x\x32\x01y\x12\x00"));
    assert_int_equal(v.destination_identities_count, 2);
    assert_int_equal(v.user_destination_sids_count, 1);
    assert_int_equal(v.user_destination_identities_count, 1);
    assert_false(data_packet_is_broadcast(&v));
    expect_names(&v, DATA_NAMES_IDENTITIES, (const char *const[]){"b", "c"}, 2);
    expect_names(&v, DATA_NAMES_USER_SIDS, (const char *const[]){"PA_x"}, 1);
    expect_names(&v, DATA_NAMES_USER_IDENTITIES, (const char *const[]){"y"}, 1);
}

static void names_of_a_packet_without_user_are_none(void **state) {
    (void)state;
    /* rpc_ack { request_id "r" } has a field 1, but no destinations inside */
    struct data_packet_view v = read_ok(SLICE_LIT("\x5a\x03\x0a\x01r"));
    expect_names(&v, DATA_NAMES_USER_SIDS, NULL, 0);
    expect_names(&v, DATA_NAMES_USER_IDENTITIES, NULL, 0);
    expect_names(&v, DATA_NAMES_IDENTITIES, NULL, 0);
}

static void reads_the_other_values(void **state) {
    (void)state;
    struct data_packet_view v = read_ok(SLICE_LIT("\x52\x08\x0a\x02id\x12\x02go"));
    assert_int_equal(v.value, DATA_VALUE_RPC_REQUEST);
    assert_true(slice_eq_cstr(v.id, "id") && slice_eq_cstr(v.method, "go"));
    v = read_ok(SLICE_LIT("\x62\x04\x0a\x02id"));
    assert_int_equal(v.value, DATA_VALUE_RPC_RESPONSE);
    assert_true(slice_eq_cstr(v.id, "id"));
    v = read_ok(SLICE_LIT("\x3a\x05\x12\x03"
                          "bob"));
    assert_int_equal(v.value, DATA_VALUE_TRANSCRIPTION);
    assert_true(slice_eq_cstr(v.transcribed_identity, "bob"));
    v = read_ok(SLICE_LIT("\x4a\x05\x0a\x01m\x30\x01"));
    assert_int_equal(v.value, DATA_VALUE_CHAT);
    assert_true(v.generated && slice_eq_cstr(v.id, "m"));
    /* stream header { stream_id "s", topic "t", text_header { generated } } */
    v = read_ok(SLICE_LIT("\x6a\x0a\x0a\x01s\x1a\x01t\x4a\x02\x28\x01"));
    assert_int_equal(v.value, DATA_VALUE_STREAM_HEADER);
    assert_true(v.generated);
    assert_true(slice_eq_cstr(v.id, "s") && slice_eq_cstr(v.topic, "t"));
    v = read_ok(SLICE_LIT("\x6a\x08\x0a\x01s\x1a\x01t\x52\x00"));
    assert_false(v.generated);
    v = read_ok(SLICE_LIT("\x92\x01\x00"));
    assert_int_equal(v.value, DATA_VALUE_ENCRYPTED);
    v = read_ok(SLICE_LIT("\x42\x00\x08\x01"));
    assert_int_equal(v.value, DATA_VALUE_METRICS);
    assert_int_equal(v.kind, DATA_KIND_LOSSY);
    /* a field of a later protocol is no value that we know */
    v = read_ok(SLICE_LIT("\x9a\x06\x01x"));
    assert_int_equal(v.value, DATA_VALUE_NONE);
    v = read_ok(slice_of(NULL, 0));
    assert_int_equal(v.value, DATA_VALUE_NONE);
}

static void rewrites_the_sender_of_a_user_packet(void **state) {
    (void)state;
    /* A sender that lies about itself, in both places, on the lossy channel. */
    expect_rewritten(
        SLICE_LIT("\x08\x00\x22\x03"
                  "eve\x8a\x01\x06PA_eve"
                  "\x12\x15\x0a\x06PA_eve\x12\x02hi\x2a\x03"
                  "eve\x5a\x02no\x80\x01\x05"),
        &(struct data_packet_sender){alice.sid, alice.identity, DATA_KIND_LOSSY, false},
        SLICE_LIT("\x12\x19\x12\x02hi\x5a\x02no\x0a\x08PA_alice\x2a\x05"
                  "alice"
                  "\x08\x01\x22\x05"
                  "alice\x8a\x01\x08PA_alice\x80\x01\x05"));
}

static void a_hidden_sender_has_no_names(void **state) {
    (void)state;
    expect_rewritten(
        SLICE_LIT("\x22\x03"
                  "eve\x8a\x01\x06PA_eve\x12\x09\x0a\x03PA_\x12\x02hi"),
        &(struct data_packet_sender){alice.sid, alice.identity, DATA_KIND_RELIABLE, true},
        SLICE_LIT("\x12\x04\x12\x02hi"));
}

static void destinations_fill_each_other(void **state) {
    (void)state;
    /* Outer ones win and are copied inside, where a differing one is replaced. */
    expect_rewritten(SLICE_LIT("\x2a\x01"
                               "b\x12\x07\x12\x02hi\x32\x01"
                               "c"),
                     &alice,
                     SLICE_LIT("\x2a\x01"
                               "b\x12\x18\x12\x02hi\x0a\x08PA_alice\x2a\x05"
                               "alice\x32\x01"
                               "b"
                               "\x22\x05"
                               "alice\x8a\x01\x08PA_alice"));
    /* Inner ones alone are copied out and stay. */
    expect_rewritten(SLICE_LIT("\x12\x07\x12\x02hi\x32\x01"
                               "c"),
                     &alice,
                     SLICE_LIT("\x12\x18\x12\x02hi\x32\x01"
                               "c\x0a\x08PA_alice\x2a\x05"
                               "alice"
                               "\x2a\x01"
                               "c\x22\x05"
                               "alice\x8a\x01\x08PA_alice"));
}

static void unknown_fields_pass_untouched(void **state) {
    (void)state;
    /* Unknown outer fields of all four wire types, an opaque value with unknown fields inside. */
    expect_rewritten(SLICE_LIT("\xa0\x06\x96\x01\xa1\x06"
                               "12345678\xa2\x06\x02zz\xa5\x06"
                               "1234"
                               "\x72\x07\x0a\x01s\x9a\x06\x01q"),
                     &alice,
                     SLICE_LIT("\xa0\x06\x96\x01\xa1\x06"
                               "12345678\xa2\x06\x02zz\xa5\x06"
                               "1234"
                               "\x72\x07\x0a\x01s\x9a\x06\x01q\x22\x05"
                               "alice\x8a\x01\x08PA_alice"));
}

static void rewriting_is_stable(void **state) {
    (void)state;
    struct buf once, twice;
    buf_init(&once, 1024);
    buf_init(&twice, 1024);
    struct data_packet_view v = read_ok(SLICE_LIT(USER_SIMPLE "\x2a\x03"
                                                              "bob"));
    assert_int_equal(data_packet_rewrite(&v, &alice, &once), STATUS_OK);
    v = read_ok(buf_slice(&once));
    assert_true(slice_eq_cstr(v.participant_sid, "PA_alice"));
    assert_true(slice_eq_cstr(v.participant_identity, "alice"));
    assert_true(slice_eq_cstr(v.topic, "chat"));
    assert_int_equal(data_packet_rewrite(&v, &alice, &twice), STATUS_OK);
    assert_int_equal(once.len, twice.len);
    buf_deinit(&once);
    buf_deinit(&twice);
}

static void a_full_buffer_is_told(void **state) {
    (void)state;
    struct data_packet_view v = read_ok(SLICE_LIT(USER_SIMPLE));
    struct buf out;
    buf_init(&out, 30);
    assert_int_equal(data_packet_rewrite(&v, &alice, &out), STATUS_TOO_LARGE);
    assert_true(out.failed);
    buf_deinit(&out);
}

static void refuses_malformed_packets(void **state) {
    (void)state;
    static const struct slice whole = {(const uint8_t *)USER_SIMPLE, sizeof(USER_SIMPLE) - 1};
    for (size_t len = 1; len < whole.len; len++) {
        expect_refused(slice_sub(whole, 0, len));
    }
    expect_refused(SLICE_LIT("\x00\x00"));                                     /* field 0 */
    expect_refused(SLICE_LIT("\x0b\x0c"));                                     /* a group */
    expect_refused(SLICE_LIT("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")); /* length 2^64-1 */
    expect_refused(SLICE_LIT("\x88\x80\x80\x80\x80\x01\x00")); /* tag over 32 bits */
    expect_refused(SLICE_LIT("\x12\x00\x12\x00"));             /* a value twice */
    expect_refused(SLICE_LIT("\x12\x00\x5a\x00"));             /* two values */
    expect_refused(SLICE_LIT("\x12\x01\x12"));                 /* broken inside */
    expect_refused(SLICE_LIT("\x6a\x03\x4a\x01\x28"));         /* twice inside */
}

static void refuses_wrong_wire_types(void **state) {
    (void)state;
    expect_refused(SLICE_LIT("\x0a\x00"));         /* kind as bytes */
    expect_refused(SLICE_LIT("\x20\x00"));         /* identity as a number */
    expect_refused(SLICE_LIT("\x28\x00"));         /* destination as a number */
    expect_refused(SLICE_LIT("\x82\x01\x00"));     /* sequence as bytes */
    expect_refused(SLICE_LIT("\x10\x00"));         /* user as a number */
    expect_refused(SLICE_LIT("\x12\x02\x10\x00")); /* payload as a number */
    expect_refused(SLICE_LIT("\x12\x02\x08\x00")); /* user sid as a number */
    expect_refused(SLICE_LIT("\x4a\x02\x32\x00")); /* generated as bytes */
    expect_refused(SLICE_LIT("\x6a\x02\x48\x00")); /* text header as a number */
}

static void strings_are_text(void **state) {
    (void)state;
    expect_refused(SLICE_LIT("\x22\x01\xff"));
    expect_refused(SLICE_LIT("\x22\x02"
                             "a\0"));
    expect_refused(SLICE_LIT("\x2a\x01\xc0"));
    expect_refused(SLICE_LIT("\x8a\x01\x01\x00"));
    expect_refused(SLICE_LIT("\x12\x03\x22\x01\xff"));
    expect_refused(SLICE_LIT("\x12\x03\x1a\x01\x00"));
    expect_refused(SLICE_LIT("\x12\x03\x32\x01\x00"));
    expect_refused(SLICE_LIT("\x52\x03\x12\x01\xff"));
    /* payload and nonce are bytes: anything goes */
    (void)read_ok(SLICE_LIT("\x12\x06\x12\x01\xff\x5a\x01\x00"));
}

static void destinations_are_bounded(void **state) {
    (void)state;
    struct buf packet;
    buf_init(&packet, 65536);
    for (size_t i = 0; i < DATA_PACKET_NAMES_MAX; i++) {
        buf_put(&packet, SLICE_LIT("\x2a\x01x"));
    }
    struct data_packet_view v = read_ok(buf_slice(&packet));
    assert_int_equal(v.destination_identities_count, DATA_PACKET_NAMES_MAX);
    buf_put(&packet, SLICE_LIT("\x2a\x01x"));
    assert_int_equal(data_packet_read(buf_slice(&packet), &v), STATUS_TOO_LARGE);
    buf_deinit(&packet);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_user_packet),
        cmocka_unit_test(reads_destinations_of_all_sorts),
        cmocka_unit_test(names_of_a_packet_without_user_are_none),
        cmocka_unit_test(reads_the_other_values),
        cmocka_unit_test(rewrites_the_sender_of_a_user_packet),
        cmocka_unit_test(a_hidden_sender_has_no_names),
        cmocka_unit_test(destinations_fill_each_other),
        cmocka_unit_test(unknown_fields_pass_untouched),
        cmocka_unit_test(rewriting_is_stable),
        cmocka_unit_test(a_full_buffer_is_told),
        cmocka_unit_test(refuses_malformed_packets),
        cmocka_unit_test(refuses_wrong_wire_types),
        cmocka_unit_test(strings_are_text),
        cmocka_unit_test(destinations_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
