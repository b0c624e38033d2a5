/* What receivers of webhooks are told: the bodies that notes carry. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit.h"

#include "livekit_webhook.pb-c.h"

static void with_webhooks(struct node_config *c) {
    c->webhooks = true;
}

/* The body of the nth note of this kind, decoded; it must have one. */
static const Livekit__WebhookEvent *event_of(struct kit *k, enum note_kind kind, size_t nth) {
    for (size_t i = 0; i < k->fx.count; i++) {
        const struct effect *e = &k->fx.items[i];
        if (e->kind != FX_NOTE || e->note.kind != kind || nth-- > 0) {
            continue;
        }
        ProtobufCMessage *message = NULL;
        assert_true(e->note.body.len > 0);
        assert_int_equal(proto_decode_json(&livekit__webhook_event__descriptor, e->note.body,
                                           &k->arena, &message),
                         STATUS_OK);
        const Livekit__WebhookEvent *event = (const void *)message;
        assert_string_equal(event->event, note_name(kind));
        assert_string_equal(event->id, e->note.id.text);
        assert_int_equal(event->created_at, e->note.created_s);
        assert_int_equal(event->created_at, k->now.wall_ms / 1000);
        assert_non_null(event->room);
        assert_string_equal(event->room->sid, e->note.room_sid.text);
        return event;
    }
    fail_msg("no such note");
    return NULL;
}

static void test_bodies_only_when_asked_for(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_create_room(&k, "{\"name\":\"r\"}");
    const struct fx_note *note = kit_note(&k, NOTE_ROOM_STARTED);
    assert_int_equal(note->body.len, 0);
    assert_int_equal(ident_slice(&note->id).len, 0);
    kit_close(&k);
}

static void test_the_text_of_a_body(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, with_webhooks);
    kit_create_room(&k, "{\"name\":\"r\",\"metadata\":\"m\",\"emptyTimeout\":60}");
    const struct fx_note *note = kit_note(&k, NOTE_ROOM_STARTED);
    assert_memory_equal(note->id.text, "EV_", 3);
    char begin[256], end[128];
    snprintf(
        begin, sizeof(begin),
        "{\"event\":\"room_started\",\"room\":{\"sid\":\"%s\",\"name\":\"r\",\"emptyTimeout\":60,"
        "\"departureTimeout\":20,\"creationTime\":\"1700000000\","
        "\"creationTimeMs\":\"1700000000000\",\"turnPassword\":\"",
        note->room_sid.text);
    snprintf(end, sizeof(end), ",\"metadata\":\"m\"},\"id\":\"%s\",\"createdAt\":\"1700000000\"}",
             note->id.text);
    assert_true(slice_starts_with(note->body, slice_from_cstr(begin)));
    assert_true(note->body.len > strlen(end));
    assert_true(slice_eq_cstr(slice_after(note->body, note->body.len - strlen(end)), end));
    kit_create_room(&k, "{\"name\":\"r\"}"); /* it lives already: no news */
    assert_int_equal(kit_count(&k, FX_NOTE), 0);
    kit_close(&k);
}

static void test_a_participant_comes_and_goes(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, with_webhooks);
    kit_create_room(&k, "{\"name\":\"r\",\"metadata\":\"m\"}");
    uint64_t alice = kit_enter(&k, 1, "r", "alice");
    assert_int_equal(kit_count(&k, FX_NOTE), 0); /* joined is told once media is up */
    kit_up(&k, alice);
    const Livekit__WebhookEvent *e = event_of(&k, NOTE_PARTICIPANT_JOINED, 0);
    assert_string_equal(e->room->metadata, "m");
    assert_int_equal(e->room->num_participants, 1);
    assert_string_equal(e->participant->identity, "alice");
    assert_int_equal(e->participant->state, LIVEKIT__PARTICIPANT_INFO__STATE__ACTIVE);
    assert_true(e->participant->permission->can_subscribe);
    assert_true(slice_eq_cstr(kit_note(&k, NOTE_PARTICIPANT_JOINED)->room_name, "r"));
    kit_up(&k, alice);
    assert_int_equal(kit_count(&k, FX_NOTE), 0);
    kit_lost(&k, alice);
    e = event_of(&k, NOTE_PARTICIPANT_LEFT, 0);
    assert_int_equal(e->participant->state, LIVEKIT__PARTICIPANT_INFO__STATE__DISCONNECTED);
    assert_int_equal(e->participant->disconnect_reason,
                     LIVEKIT__DISCONNECT_REASON__CONNECTION_TIMEOUT);
    assert_int_equal(e->room->num_participants, 0);
    assert_string_equal(e->room->metadata, "m");
    assert_int_equal(kit_notes(&k, NOTE_PARTICIPANT_CONNECTION_ABORTED), 0);
    kit_enter(&k, 2, "r", "bob");
    kit_closed(&k, 2);
    e = event_of(&k, NOTE_PARTICIPANT_CONNECTION_ABORTED, 0);
    assert_string_equal(e->participant->identity, "bob");
    assert_int_equal(e->participant->disconnect_reason, LIVEKIT__DISCONNECT_REASON__SIGNAL_CLOSE);
    assert_int_equal(kit_notes(&k, NOTE_PARTICIPANT_LEFT), 0);
    kit_close(&k);
}

static void test_a_room_ends_by_its_timeout(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, with_webhooks);
    kit_create_room(&k, "{\"name\":\"r\",\"metadata\":\"m\",\"maxParticipants\":3}");
    kit_pass(&k, 300 * 1000);
    const Livekit__WebhookEvent *e = event_of(&k, NOTE_ROOM_FINISHED, 0);
    assert_string_equal(e->room->name, "r");
    assert_string_equal(e->room->metadata, "m");
    assert_int_equal(e->room->max_participants, 3);
    assert_int_equal(e->room->creation_time, 1700000000);
    assert_int_equal(kit_notes(&k, NOTE_ROOM_FINISHED), 1);
    kit_close(&k);
}

/* The record is gone by then; its last news still says all of it. */
static void test_a_room_is_deleted_with_people_in_it(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, with_webhooks);
    kit_create_room(&k, "{\"name\":\"r\",\"metadata\":\"m\"}");
    kit_up(&k, kit_enter(&k, 1, "r", "alice"));
    kit_enter(&k, 2, "r", "bob");
    struct answer a = kit_call(&k, API_DELETE_ROOM, kit_create_claims(), "{\"room\":\"r\"}");
    assert_int_equal(a.status, 200);
    const Livekit__WebhookEvent *left = event_of(&k, NOTE_PARTICIPANT_LEFT, 0);
    assert_string_equal(left->room->metadata, "m");
    assert_int_equal(left->participant->disconnect_reason,
                     LIVEKIT__DISCONNECT_REASON__ROOM_DELETED);
    event_of(&k, NOTE_PARTICIPANT_CONNECTION_ABORTED, 0);
    const Livekit__WebhookEvent *finished = event_of(&k, NOTE_ROOM_FINISHED, 0);
    assert_string_equal(finished->room->metadata, "m");
    assert_int_equal(finished->room->num_participants, 0);
    assert_int_equal(finished->room->creation_time, 1700000000);
    const struct effect *last = &k.fx.items[k.fx.count - 1];
    assert_int_equal(last->kind, FX_NOTE); /* after the participants of the room */
    assert_int_equal(last->note.kind, NOTE_ROOM_FINISHED);
    kit_close(&k);
}

static void test_max_duration_tells_all(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, with_webhooks);
    kit_create_room(&k,
                    "{\"name\":\"r\",\"metadata\":\"m\",\"tags\":{\"stoa.max_duration\":\"30\"}}");
    kit_up(&k, kit_enter(&k, 1, "r", "alice"));
    kit_pass(&k, 30 * 1000);
    assert_string_equal(event_of(&k, NOTE_PARTICIPANT_LEFT, 0)->room->metadata, "m");
    assert_string_equal(event_of(&k, NOTE_ROOM_FINISHED, 0)->room->metadata, "m");
    kit_close(&k);
}

static void test_ids_name_what_happened(void **state) {
    (void)state;
    struct kit one, other;
    kit_open(&one, with_webhooks);
    kit_open(&other, with_webhooks); /* the same cluster, the same moment and randomness */
    kit_create_room(&one, "{\"name\":\"r\"}");
    kit_create_room(&other, "{\"name\":\"r\"}");
    struct ident started = kit_note(&one, NOTE_ROOM_STARTED)->id;
    assert_string_equal(started.text, kit_note(&other, NOTE_ROOM_STARTED)->id.text);
    assert_int_equal(strlen(started.text), 3 + IDENT_RANDOM_LEN);
    kit_create_room(&other, "{\"name\":\"s\"}");
    assert_string_not_equal(started.text, kit_note(&other, NOTE_ROOM_STARTED)->id.text);
    kit_pass(&one, 300 * 1000);
    assert_string_not_equal(started.text, kit_note(&one, NOTE_ROOM_FINISHED)->id.text);
    kit_create_room(&one, "{\"name\":\"r\"}"); /* another room of that name */
    assert_string_not_equal(started.text, kit_note(&one, NOTE_ROOM_STARTED)->id.text);
    kit_close(&one);
    kit_close(&other);
}

static void fill_large(struct kit *k, char *json, size_t size, const char *name) {
    int at = snprintf(json, size, "{\"name\":\"%s\",\"metadata\":\"", name);
    size_t i = (size_t)at;
    for (size_t n = 0; n < METADATA_BYTES_MAX; n++, i += 6) {
        memcpy(json + i, "\\u0001", 6);
    }
    memcpy(json + i, "\"}", 3);
    kit_create_room(k, json);
}

/* Written down each takes 3 MB: they go out in several steps, and none is lost. */
static void test_large_metadata_in_slices(void **state) {
    (void)state;
    enum { ROOMS = 24, PEOPLE = 12 };
    struct kit k;
    kit_open(&k, with_webhooks);
    size_t size = 6 * METADATA_BYTES_MAX + 128;
    char *json = malloc(size);
    assert_non_null(json);
    for (int i = 0; i < ROOMS; i++) {
        fill_large(&k, json, size, (const char[]){(char)('a' + i), 0});
    }
    for (uint64_t i = 0; i < PEOPLE; i++) {
        kit_up(&k, kit_enter(&k, 1 + i, "a", (const char[]){(char)('a' + i), 0}));
        arena_reset(&k.arena);
    }
    free(json);
    kit_call(&k, API_DELETE_ROOM, kit_create_claims(), "{\"room\":\"a\"}");
    k.now.mono_ms += 300 * 1000;
    size_t finished = 0, left = 0, steps = 0;
    for (;; steps++) {
        finished += kit_notes(&k, NOTE_ROOM_FINISHED);
        left += kit_notes(&k, NOTE_PARTICIPANT_LEFT);
        assert_true(k.fx.arena.used_bytes < NOTES_BYTES_PER_STEP + (8 << 20));
        if (node_next_deadline_ms(k.n) > k.now.mono_ms) {
            break;
        }
        struct node_event ev = {.kind = EV_TICK};
        assert_int_equal(kit_step(&k, &ev), STATUS_OK);
    }
    assert_int_equal(finished, ROOMS);
    assert_int_equal(left, PEOPLE);
    assert_int_equal(k.metrics.notes_without_body, 0);
    assert_true(steps > 10);
    kit_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies_only_when_asked_for),
        cmocka_unit_test(test_the_text_of_a_body),
        cmocka_unit_test(test_a_participant_comes_and_goes),
        cmocka_unit_test(test_a_room_ends_by_its_timeout),
        cmocka_unit_test(test_a_room_is_deleted_with_people_in_it),
        cmocka_unit_test(test_max_duration_tells_all),
        cmocka_unit_test(test_ids_name_what_happened),
        cmocka_unit_test(test_large_metadata_in_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
