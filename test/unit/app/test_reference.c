#include "config_fixture.h"

/* What a file with every key of the reference is warned about: where a documented default (or, for
 * lists, an example) is not what this server does. */
static const char *const expected[] = {
    "logging.pion_level",
    "logging.component_levels",
    "rtc.port_range_start",
    "rtc.port_range_end",
    "rtc.use_ice_lite",
    "rtc.turn_servers",
    "rtc.packet_buffer_size",
    "rtc.packet_buffer_size_video",
    "rtc.packet_buffer_size_audio",
    "rtc.pli_throttle.low_quality",
    "rtc.pli_throttle.mid_quality",
    "rtc.pli_throttle.high_quality",
    "rtc.congestion_control.enabled",
    "rtc.congestion_control.allow_pause",
    "rtc.congestion_control.use_send_side_bwe",
    "rtc.congestion_control.use_send_side_bwe_interceptor",
    "rtc.congestion_control.send_side_bwe_pacer",
    "rtc.congestion_control.stream_allocator",
    "rtc.allow_tcp_fallback",
    "rtc.datachannel_data_track_target_latency",
    "redis.max_redirects",
    "redis.dial_timeout",
    "redis.read_timeout",
    "redis.write_timeout",
    "room.enabled_codecs",
    "room.create_room_timeout",
    "room.create_room_attempts",
    "limit.max_data_blob_key_length",
    "limit.max_data_blobs_size",
    "limit.max_data_track_custom_encoding_length",
    "limit.bytes_per_sec",
    "webhook.url_notifier.num_workers",
    "webhook.url_notifier.queue_size",
    "turn.bind_addresses",
    "turn.relay_range_start",
    "turn.relay_range_end",
    "turn.ttl_seconds",
    "turn.per_user_relay_allocation_limit",
    "node_selector.kind",
    "node_selector.sort_by",
    "node_selector.algorithm",
    "node_selector.sysload_limit",
    "node_selector.cpu_load_limit",
    "node_selector.regions",
    "signal_relay.retry_timeout",
    "signal_relay.min_retry_interval",
    "signal_relay.max_retry_interval",
    "signal_relay.stream_buffer_size",
    "signal_relay.connect_attempts",
    "psrpc.max_attempts",
    "psrpc.timeout",
    "psrpc.backoff",
    "psrpc.buffer_size",
    "audio.active_level",
    "audio.min_percentile",
    "audio.update_interval",
    "audio.smooth_intervals",
    "video.dynacast_pause_delay",
    "video.codec_regression_threshold",
    "video.stream_tracker_manager",
    "agents.target_load",
    "api.execution_timeout",
    "api.check_interval",
    "api.max_check_interval",
    "node_stats.stats_update_interval",
    "node_stats.stats_rate_measurement_intervals",
    "node_stats.stats_max_delay",
    "metric",
    "enable_data_tracks",
    "room.room_configurations",
};

static void test_every_key_of_the_reference_starts_the_server(void **state) {
    struct fixture *f = *state;
    assert_int_equal(load(f, "--config", REFERENCE_SAMPLE, NULL), STATUS_OK);
    assert_int_equal(config_check(&f->settings, &f->error), STATUS_OK);
    const struct settings *s = &f->settings;
    assert_int_equal(s->warnings_count, ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_true(slice_eq_cstr(s->warnings[i].setting, expected[i]));
        assert_true(s->warnings[i].advice.len > 0);
    }
    assert_int_equal(s->port, 7880);
    assert_int_equal(s->webhook_urls.count, 1);
    assert_true(slice_eq_cstr(s->webhook_api_key, "APIexample"));
    assert_int_equal(s->webhook_exclude.count, 1);
    assert_int_equal(s->webhook_max_age_ms, 30000);
    assert_int_equal(s->webhook_max_depth, 200);
    assert_int_equal(s->max_metadata_size, 524288);
}

/* The path of a line of block style: its key behind those of the sections it is indented under.
 * Empty for comments and for what is no key. */
static struct slice path_of_line(struct slice line, char *path, size_t *open, size_t path_size) {
    size_t indent = 0;
    bool item = false;
    while (indent < line.len && (line.data[indent] == ' ' || line.data[indent] == '-')) {
        item = item || line.data[indent] == '-';
        indent++;
    }
    struct slice key = slice_after(line, indent);
    size_t colon = slice_find(key, ':');
    if (colon == key.len || key.data[0] == '#') {
        return (struct slice){0};
    }
    size_t depth = indent / 2;
    assert_true(depth < 8);
    if (item) { /* the dash is a level of its own: all keys of the item stand below it */
        open[depth - 1] = open[depth - 2] + 2;
        memcpy(path + open[depth - 2], "[]", 2);
    }
    size_t begin = depth == 0 ? 0 : open[depth - 1];
    int len = snprintf(path + begin, path_size - begin, "%s%.*s", depth == 0 ? "" : ".",
                       SLICE_ARG(slice_sub(key, 0, colon)));
    assert_true(len > 0 && begin + (size_t)len < path_size);
    open[depth] = begin + (size_t)len;
    return slice_of(path, open[depth]);
}

static void test_the_sample_holds_every_row_of_the_tables(void **state) {
    (void)state;
    struct bytes text = {0};
    assert_int_equal(file_read(REFERENCE_SAMPLE, CONFIG_BYTES_MAX, &text), STATUS_OK);
    bool found[SETTINGS_COUNT] = {false};
    char path[512];
    size_t open[8] = {0};
    struct slice rest = bytes_slice(&text);
    while (rest.len > 0) {
        struct slice line = slice_split(&rest, '\n');
        struct slice at = path_of_line(line, path, open, sizeof(path));
        const struct setting_desc *desc = at.len > 0 ? settings_find(at) : NULL;
        if (desc) {
            found[desc - setting_descs] = true;
        }
    }
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        bool ours = strncmp(setting_descs[i].path, "stoa.", 5) == 0;
        if (found[i] == ours) {
            fail_msg("%s", setting_descs[i].path);
        }
    }
    bytes_deinit(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        T(test_every_key_of_the_reference_starts_the_server),
        T(test_the_sample_holds_every_row_of_the_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
