#include <string.h>

#include "kit_media.h"

#define PLACES "a0< d1"

static void publish(struct kit *k, uint64_t conn, uint32_t handle, const char *name,
                    const char *custom) {
    Livekit__DataTrackFrameEncoding e = LIVEKIT__DATA_TRACK_FRAME_ENCODING__INIT;
    e.value_case = LIVEKIT__DATA_TRACK_FRAME_ENCODING__VALUE_CUSTOM;
    e.custom = (char *)(uintptr_t)custom;
    Livekit__PublishDataTrackRequest p = LIVEKIT__PUBLISH_DATA_TRACK_REQUEST__INIT;
    p.pub_handle = handle;
    p.name = (char *)(uintptr_t)name;
    if (custom) {
        p.opt_frame_encoding_case =
            LIVEKIT__PUBLISH_DATA_TRACK_REQUEST__OPT_FRAME_ENCODING_FRAME_ENCODING;
        p.frame_encoding = &e;
    }
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_PUBLISH_DATA_TRACK_REQUEST;
    r.publish_data_track_request = &p;
    kit_signal(k, conn, &r);
}

static const char *told_sid(struct kit *k, uint64_t conn) {
    const Livekit__SignalResponse *r =
        kit_told(k, conn, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_PUBLISH_DATA_TRACK_RESPONSE, 0);
    assert_non_null(r);
    return r->publish_data_track_response->info->sid;
}

static void unpublish(struct kit *k, uint64_t conn, uint32_t handle) {
    Livekit__UnpublishDataTrackRequest u = LIVEKIT__UNPUBLISH_DATA_TRACK_REQUEST__INIT;
    u.pub_handle = handle;
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_UNPUBLISH_DATA_TRACK_REQUEST;
    r.unpublish_data_track_request = &u;
    kit_signal(k, conn, &r);
}

static void choose(struct kit *k, uint64_t conn, const char *sid, bool subscribe) {
    Livekit__UpdateDataSubscription__Update one = LIVEKIT__UPDATE_DATA_SUBSCRIPTION__UPDATE__INIT;
    Livekit__UpdateDataSubscription__Update *list[] = {&one};
    one.track_sid = (char *)(uintptr_t)sid;
    one.subscribe = subscribe;
    Livekit__UpdateDataSubscription u = LIVEKIT__UPDATE_DATA_SUBSCRIPTION__INIT;
    u.updates = list;
    u.n_updates = 1;
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_UPDATE_DATA_SUBSCRIPTION;
    r.update_data_subscription = &u;
    kit_signal(k, conn, &r);
}

static const Livekit__DataTrackSubscriberHandles *handles(struct kit *k, uint64_t conn) {
    const Livekit__SignalResponse *r =
        kit_told(k, conn, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_DATA_TRACK_SUBSCRIBER_HANDLES, 0);
    assert_non_null(r);
    return r->data_track_subscriber_handles;
}

static void begin(struct kit *k) {
    kit_open(k, NULL);
    kit_single(k, 1, "r", "alice", PLACES);
    kit_single(k, 2, "r", "bob", PLACES);
}

static void test_T49_handles_before_packets(void **state) {
    (void)state;
    struct kit k;
    begin(&k);
    publish(&k, 1, 7, "lidar", NULL);
    const char *sid = told_sid(&k, 1);
    assert_int_equal(strncmp(sid, "DTR_", 4), 0);
    const Livekit__ParticipantInfo *p =
        kit_told(&k, 2, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE, 0)->update->participants[0];
    assert_int_equal(p->n_data_tracks, 1);
    assert_string_equal(p->data_tracks[0]->name, "lidar");
    choose(&k, 2, sid, true);
    const Livekit__DataTrackSubscriberHandles *map = handles(&k, 2);
    assert_int_equal(map->n_sub_handles, 1);
    assert_string_equal(map->sub_handles[0]->value->track_sid, sid);
    assert_string_equal(map->sub_handles[0]->value->publisher_identity, "alice");
    const struct fx_handle *handle = &kit_effect(&k, FX_HANDLE_PUT, 0)->handle;
    assert_int_equal(handle->publisher_handle, 7);
    assert_int_equal(handle->subscriber_handle, map->sub_handles[0]->key);
    assert_true(kit_effect(&k, FX_SIGNAL, 0) < kit_effect(&k, FX_HANDLE_PUT, 0));
    publish(&k, 1, 8, "other", NULL);
    choose(&k, 2, told_sid(&k, 1), true);
    assert_int_equal(handles(&k, 2)->n_sub_handles, 2); /* the whole map, each time */
    assert_int_equal(kit_count(&k, FX_HANDLE_PUT), 1);
    choose(&k, 2, sid, false);
    assert_int_equal(handles(&k, 2)->n_sub_handles, 1);
    assert_int_equal(kit_effect(&k, FX_HANDLE_REMOVE, 0)->handle.publisher_handle, 7);
    unpublish(&k, 1, 8);
    assert_int_equal(handles(&k, 2)->n_sub_handles, 0);
    assert_int_equal(kit_count(&k, FX_HANDLE_REMOVE), 1);
    unpublish(&k, 1, 8);
    assert_string_equal(kit_story(&k, 1), "response:1");
    kit_close(&k);
}

static void refused(struct kit *k, uint32_t handle, const char *name, const char *custom,
                    const char *story) {
    publish(k, 1, handle, name, custom);
    assert_string_equal(kit_story(k, 1), story);
}

static void test_refusals(void **state) {
    (void)state;
    struct kit k;
    begin(&k);
    static char long_name[DATA_TRACK_NAME_BYTES_MAX + 2];
    memset(long_name, 'x', DATA_TRACK_NAME_BYTES_MAX + 1);
    refused(&k, 0, "a", NULL, "response:7");
    refused(&k, 65536, "a", NULL, "response:7");
    refused(&k, 1, "", NULL, "response:8");
    refused(&k, 1, long_name, NULL, "response:8");
    refused(&k, 1, "a", "", "response:11");
    refused(&k, 1, "a", long_name, "response:11");
    refused(&k, 1, "a", "mine", "case27 update:alice=ACTIVE");
    refused(&k, 1, "b", NULL, "response:9");
    refused(&k, 2, "a", NULL, "response:10");
    struct answer a = kit_call(&k, API_UPDATE_PARTICIPANT, kit_admin_claims("r"),
                               "{\"room\":\"r\",\"identity\":\"alice\",\"permission\":{"
                               "\"canSubscribe\":true,\"canPublish\":true}}");
    assert_int_equal(a.status, 200); /* no data any more: what there was ends */
    assert_int_equal(kit_told(&k, 2, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE, 1)
                         ->update->participants[0]
                         ->n_data_tracks,
                     0);
    refused(&k, 2, "c", NULL, "response:2");
    kit_close(&k);
}

static void test_subscribed_to_by_itself(void **state) {
    (void)state;
    struct kit k;
    begin(&k);
    publish(&k, 1, 7, "before", NULL);
    struct kit_join j = {.conn = 3,
                         .room = "r",
                         .identity = "carol",
                         .single = true,
                         .auto_data = true,
                         .offer = kit_offer(&k, PLACES)};
    assert_int_equal(kit_join(&k, &j), STATUS_OK);
    kit_up(&k, kit_effect(&k, FX_TRANSPORT_OPEN, 0)->transport.id);
    assert_int_equal(handles(&k, 3)->n_sub_handles, 1);
    publish(&k, 2, 7, "after", NULL);
    assert_int_equal(handles(&k, 3)->n_sub_handles, 2);
    kit_closed(&k, 2);
    kit_pass(&k, SIGNAL_GRACE_MS);
    assert_int_equal(handles(&k, 3)->n_sub_handles, 1); /* bob has gone */
    kit_close(&k);
}

static void store(struct kit *k, const char *name, const char *contents, size_t len) {
    Livekit__DataBlobKey key = LIVEKIT__DATA_BLOB_KEY__INIT;
    key.key_case = LIVEKIT__DATA_BLOB_KEY__KEY_GENERIC;
    key.generic = (char *)(uintptr_t)name;
    Livekit__DataBlob blob = LIVEKIT__DATA_BLOB__INIT;
    blob.key = name ? &key : NULL;
    blob.contents = (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)contents};
    Livekit__StoreDataBlobRequest s = LIVEKIT__STORE_DATA_BLOB_REQUEST__INIT;
    s.request_id = 5;
    s.blob = &blob;
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_STORE_DATA_BLOB_REQUEST;
    r.store_data_blob_request = &s;
    kit_signal(k, 1, &r);
}

/* The contents, or NULL: refused. */
static const char *get(struct kit *k, const char *identity, const char *name) {
    Livekit__DataBlobKey key = LIVEKIT__DATA_BLOB_KEY__INIT;
    key.key_case = LIVEKIT__DATA_BLOB_KEY__KEY_GENERIC;
    key.generic = (char *)(uintptr_t)name;
    Livekit__GetDataBlobRequest g = LIVEKIT__GET_DATA_BLOB_REQUEST__INIT;
    g.participant_identity = (char *)(uintptr_t)identity;
    g.key = &key;
    g.request_id = 6;
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_GET_DATA_BLOB_REQUEST;
    r.get_data_blob_request = &g;
    kit_signal(k, 2, &r);
    const Livekit__SignalResponse *got =
        kit_told(k, 2, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_GET_DATA_BLOB_RESPONSE, 0);
    if (!got) {
        return NULL;
    }
    ProtobufCBinaryData c = got->get_data_blob_response->blob->contents;
    return arena_cstr(&k->arena, slice_of(c.data, c.len));
}

static void test_blobs(void **state) {
    (void)state;
    struct kit k;
    begin(&k);
    store(&k, "schema", "one", 3);
    assert_string_equal(kit_story(&k, 1), "case30");
    assert_string_equal(get(&k, "alice", "schema"), "one");
    store(&k, "schema", "three", 5); /* in its place */
    assert_string_equal(get(&k, "alice", "schema"), "three");
    assert_null(get(&k, "alice", "other"));
    assert_null(get(&k, "bob", "schema"));
    assert_null(get(&k, "nobody", "schema"));
    kit_pass(&k, ANSWER_DELAY_MS);
    store(&k, NULL, "x", 1);
    kit_pass(&k, ANSWER_DELAY_MS);
    assert_string_equal(kit_story(&k, 1), "response:11");
    static char large[DATA_BLOBS_BYTES_MAX];
    store(&k, "large", large, sizeof(large) - 15);
    kit_pass(&k, ANSWER_DELAY_MS);
    assert_string_equal(kit_story(&k, 1), "response:3");
    store(&k, "schema", large, sizeof(large) - 15); /* it makes room for itself */
    assert_string_equal(kit_story(&k, 1), "case30");
    kit_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_T49_handles_before_packets),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_subscribed_to_by_itself),
        cmocka_unit_test(test_blobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
