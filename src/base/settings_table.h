/* settings_table.h: every setting once: what parser, flags, environment, sample file and docs use.
 * Columns: field, type, path in the file, default, least, most, help.
 * Types: BOOL; UINT in its range; LIMIT, where 0 and less mean no limit of the operator's and
 *   `most` (0: nothing) is what the server bears; LENGTH, the same without negatives; DURATION as
 *   Go writes them, range and field in milliseconds; TEXT; LIST of texts;
 * NAMED, a mapping of names to mappings, in the file alone.
 * Paths are the reference's where the meaning is the same; what is ours alone lies under stoa.*.
 * Rows of one section stand together. */
#pragma once

#define SETTINGS(S)                                                                                \
    S(port, UINT, "port", "7880", 0, 65535, "HTTP and WebSocket port; 0 takes a free one")         \
    S(bind_addresses, LIST, "bind_addresses", "", 0, 0,                                            \
      "addresses to listen on; none means all, with --dev 127.0.0.1 and ::1")                      \
    S(region, TEXT, "region", "", 0, 0, "region of this node, told to clients")                    \
    S(development, BOOL, "development", "false", 0, 0,                                             \
      "key pair devkey/secret when no keys are given, loopback only, short secrets let pass")      \
    S(key_file, TEXT, "key_file", "", 0, 0,                                                        \
      "file with `key: secret` lines, not readable by others; replaces keys")                      \
    S(log_level, TEXT, "logging.level", "", 0, 0,                                                  \
      "debug, info, warn or error; none means info, with --dev debug")                             \
    S(log_json, BOOL, "logging.json", "true", 0, 0, "one JSON object a line; else plain text")     \
    S(prometheus_port, UINT, "prometheus.port", "6789", 0, 65535,                                  \
      "port of the metrics listener; 0 turns it off")                                              \
    S(prometheus_username, TEXT, "prometheus.username", "", 0, 0, "basic auth of the metrics")     \
    S(prometheus_password, TEXT, "prometheus.password", "", 0, 0, "basic auth of the metrics")     \
    S(udp_port, TEXT, "rtc.udp_port", "7882", 0, 0,                                                \
      "UDP port of media, or a range first-last: worker i takes the i-th; 0 takes free ones")      \
    S(tcp_port, UINT, "rtc.tcp_port", "7881", 0, 65535,                                            \
      "TCP port for clients without UDP; 0: none. A free one when rtc.udp_port is 0")              \
    S(force_tcp, BOOL, "rtc.force_tcp", "false", 0, 0,                                             \
      "tell clients of the TCP port alone, as if no UDP passed")                                   \
    S(node_ip, TEXT, "rtc.node_ip", "", 0, 0,                                                      \
      "address told to clients, or <v4>,<v6>; none means all of this machine's")                   \
    S(use_external_ip, BOOL, "rtc.use_external_ip", "false", 0, 0,                                 \
      "without rtc.node_ip, ask rtc.stun_servers for it at the start")                             \
    S(loopback_candidate, BOOL, "rtc.enable_loopback_candidate", "false", 0, 0,                    \
      "offer 127.0.0.1 to clients too; on with --dev")                                             \
    S(stun_servers, LIST, "rtc.stun_servers", "", 0, 0, "host:port entries told to clients")       \
    S(auto_create, BOOL, "room.auto_create", "true", 0, 0, "the first join creates the room")      \
    S(room_max_participants, UINT, "room.max_participants", "0", 0, 4294967295,                    \
      "participants a room admits; 0 means no limit")                                              \
    S(empty_timeout_s, UINT, "room.empty_timeout", "300", 0, 4294967295,                           \
      "seconds a room stays that nobody joined")                                                   \
    S(departure_timeout_s, UINT, "room.departure_timeout", "20", 0, 4294967295,                    \
      "seconds a room stays after the last one left")                                              \
    S(enable_remote_unmute, BOOL, "room.enable_remote_unmute", "false", 0, 0,                      \
      "let the API unmute tracks")                                                                 \
    S(room_configurations, NAMED, "room.room_configurations", "", 0, 0,                            \
      "presets that CreateRoom and tokens name, each a RoomConfiguration: empty_timeout, "         \
      "departure_timeout, max_participants, metadata, min_playout_delay, max_playout_delay, "      \
      "sync_streams, agents, tags")                                                                \
    S(max_room_name_length, LENGTH, "limit.max_room_name_length", "256", 0, ROOM_NAME_BYTES_MAX,   \
      "bytes")                                                                                     \
    S(max_identity_length, LENGTH, "limit.max_participant_identity_length", "256", 0,              \
      IDENTITY_BYTES_MAX, "bytes")                                                                 \
    S(max_name_length, LENGTH, "limit.max_participant_name_length", "256", 0,                      \
      PARTICIPANT_NAME_BYTES_MAX, "bytes")                                                         \
    S(max_metadata_size, LENGTH, "limit.max_metadata_size", "524288", 0, METADATA_BYTES_MAX,       \
      "bytes")                                                                                     \
    S(max_attributes_size, LENGTH, "limit.max_attributes_size", "65536", 0, ATTRIBUTES_BYTES_MAX,  \
      "bytes")                                                                                     \
    S(max_body_size, LIMIT, "limit.max_api_request_body_size", "10485760", 0, HTTP_BODY_BYTES_MAX, \
      "bytes of an HTTP request body")                                                             \
    S(webhook_urls, LIST, "webhook.urls", "", 0, 0, "http and https URLs that are told of events") \
    S(webhook_api_key, TEXT, "webhook.api_key", "", 0, 0,                                          \
      "one of the keys; its secret signs webhooks; needed with webhook.urls")                      \
    S(webhook_include, LIST, "webhook.filter_params.include_events", "", 0, 0,                     \
      "names of the only events to send; when given, exclude_events is not looked at")             \
    S(webhook_exclude, LIST, "webhook.filter_params.exclude_events", "", 0, 0,                     \
      "names of events not to send")                                                               \
    S(webhook_max_age_ms, DURATION, "webhook.resource_url_notifier.max_age", "30s", 1, 86400000,   \
      "an event that has waited longer is dropped")                                                \
    S(webhook_max_depth, UINT, "webhook.resource_url_notifier.max_depth", "200", 1, 100000,        \
      "events of one room and URL that may wait; more are dropped")                                \
    S(keys_strict, BOOL, "stoa.keys_strict", "false", 0, 0,                                        \
      "refuse to start with a secret of under 32 characters, instead of warning; not with --dev")  \
    S(solo_timeout_s, UINT, "stoa.solo_timeout", "0", 0, 4294967295,                               \
      "seconds one participant may stay alone; 0 means for ever")                                  \
    S(max_duration_s, UINT, "stoa.max_duration", "0", 0, 4294967295,                               \
      "seconds a room may last; 0 means for ever")                                                 \
    S(rooms_max, UINT, "stoa.rooms_max", "2000000", 1, ROOMS_MAX,                                  \
      "rooms this node holds at most; beyond, creates are refused")                                \
    S(journal_dir, TEXT, "stoa.journal.dir", "", 0, 0,                                             \
      "folder of the journal; none means $STATE_DIRECTORY/journal, without that variable memory "  \
      "only, as with off")                                                                         \
    S(journal_wait_ms, DURATION, "stoa.journal.wait", "20ms", 0, 1000,                             \
      "the longest that an answer to a write waits for the journal; 0 means not at all")           \
    S(journal_sync, TEXT, "stoa.journal.sync", "50ms", 0, 0,                                       \
      "how often it is synced to the disk, or always: then answers wait for the sync")             \
    S(journal_bytes_max, UINT, "stoa.journal.bytes_max", "17179869184", 16777216, 1099511627776,   \
      "bytes it takes on the disk; twice that while it is compacted")                              \
    S(edge_threads, UINT, "stoa.edge_threads", "1", 1, 64, "threads for HTTP and WebSocket")       \
    S(media_workers, UINT, "stoa.media_workers", "1", 1, 64, "threads for media")                  \
    S(trusted_proxies, LIST, "stoa.trusted_proxies", "", 0, 0,                                     \
      "CIDRs whose X-Forwarded-For is believed")                                                   \
    S(metrics_bind, TEXT, "stoa.metrics_bind", "127.0.0.1", 0, 0, "address of the metrics")        \
    S(tls_cert_file, TEXT, "stoa.tls_cert_file", "", 0, 0, "PEM certificate chain; turns on TLS")  \
    S(tls_key_file, TEXT, "stoa.tls_key_file", "", 0, 0, "PEM private key of the certificate")     \
    S(cluster_secret, TEXT, "stoa.cluster_secret", "", 0, 0,                                       \
      "secret shared by all nodes; none means a fresh one at each start")                          \
    S(drain_seconds, UINT, "stoa.drain_seconds", "0", 0, 86400,                                    \
      "seconds to wait for participants to leave after SIGTERM; 0 means as long as it takes")
