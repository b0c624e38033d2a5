/* settings_known_table.h: settings of the reference that do nothing here, and its old names.
 * A file written for the reference starts this server: a key of these tables is read, its value
 * checked by type, and one warning says what replaces it.
 * Source: wire/room-api.md section 10. */
#pragma once

#define WHY_REDIS "there is no Redis here: rooms live in memory; remove the redis section"
#define WHY_PSRPC "no effect: there is no message bus between this node's parts"
#define WHY_TURN "no effect: there is no TURN server here; run one beside it, such as coturn"
#define WHY_ADDRESS "no effect: set rtc.node_ip to the address that clients reach"
#define WHY_PORTS "no effect: one UDP port for each media worker is enough, set rtc.udp_port"
#define WHY_MEDIA "no effect yet: audio and video are not tuned by settings"
#define WHY_NODES "no effect yet: a room lives on the node that was asked"
#define WHY_LOG "no effect: logging.level and logging.json alone shape the log"
#define WHY_INGRESS "no effect yet: there is no ingress"
#define WHY_AGENTS "no effect yet: there are no agent jobs"
#define WHY_LIMIT "no effect yet: this limit is not counted"
#define WHY_FIXED "no effect: fixed at the reference's default"
#define WHY_STATS "no effect: metrics are read at the moment of a scrape"

/* type, path, value that is what happens here anyway (no warning), advice. More types than above:
 * INT, FLOAT; OBJECTS, a list of mappings whose keys are rows with [] in their path; FREE, which
 * may hold anything. */
#define SETTINGS_WITHOUT_EFFECT(A)                                                                 \
    A(UINT, "debug_handler.port", "0", "no effect: there is no debug handler; see the metrics")    \
    A(BOOL, "logging.sample", "false", WHY_LOG)                                                    \
    A(TEXT, "logging.pion_level", "", WHY_LOG)                                                     \
    A(FREE, "logging.component_levels", "", WHY_LOG)                                               \
    A(INT, "logging.sample_initial", "0", WHY_LOG)                                                 \
    A(INT, "logging.sample_interval", "0", WHY_LOG)                                                \
    A(INT, "logging.item_sample_seconds", "0", WHY_LOG)                                            \
    A(INT, "logging.item_sample_initial", "0", WHY_LOG)                                            \
    A(INT, "logging.item_sample_interval", "0", WHY_LOG)                                           \
    A(UINT, "rtc.port_range_start", "0", WHY_PORTS)                                                \
    A(UINT, "rtc.port_range_end", "0", WHY_PORTS)                                                  \
    A(BOOL, "rtc.external_ip_only", "false", WHY_ADDRESS)                                          \
    A(BOOL, "rtc.advertise_internal_ip", "false", WHY_ADDRESS)                                     \
    A(BOOL, "rtc.skip_external_ip_validation", "false", WHY_ADDRESS)                               \
    A(BOOL, "rtc.use_ice_lite", "true", "no effect: ICE is always lite here")                      \
    A(BOOL, "rtc.use_mdns", "false", "no effect: candidates of ours are addresses")                \
    A(BOOL, "rtc.use_stun_port_as_ice", "false", WHY_ADDRESS)                                      \
    A(LIST, "rtc.interfaces.includes", "", WHY_ADDRESS)                                            \
    A(LIST, "rtc.interfaces.excludes", "", WHY_ADDRESS)                                            \
    A(LIST, "rtc.ips.includes", "", WHY_ADDRESS)                                                   \
    A(LIST, "rtc.ips.excludes", "", WHY_ADDRESS)                                                   \
    A(OBJECTS, "rtc.turn_servers", "", "no effect yet: TURN servers are not told to clients")      \
    A(TEXT, "rtc.turn_servers[].host", "", NULL)                                                   \
    A(UINT, "rtc.turn_servers[].port", "", NULL)                                                   \
    A(TEXT, "rtc.turn_servers[].protocol", "", NULL)                                               \
    A(TEXT, "rtc.turn_servers[].username", "", NULL)                                               \
    A(TEXT, "rtc.turn_servers[].credential", "", NULL)                                             \
    A(TEXT, "rtc.turn_servers[].secret", "", NULL)                                                 \
    A(TEXT, "rtc.turn_servers[].secret_file", "", NULL)                                            \
    A(INT, "rtc.turn_servers[].ttl", "", NULL)                                                     \
    A(INT, "rtc.packet_buffer_size", "", WHY_MEDIA)                                                \
    A(INT, "rtc.packet_buffer_size_video", "", WHY_MEDIA)                                          \
    A(INT, "rtc.packet_buffer_size_audio", "", WHY_MEDIA)                                          \
    A(DURATION, "rtc.pli_throttle.low_quality", "", WHY_MEDIA)                                     \
    A(DURATION, "rtc.pli_throttle.mid_quality", "", WHY_MEDIA)                                     \
    A(DURATION, "rtc.pli_throttle.high_quality", "", WHY_MEDIA)                                    \
    A(BOOL, "rtc.congestion_control.enabled", "", WHY_MEDIA)                                       \
    A(BOOL, "rtc.congestion_control.allow_pause", "", WHY_MEDIA)                                   \
    A(BOOL, "rtc.congestion_control.use_send_side_bwe", "", WHY_MEDIA)                             \
    A(BOOL, "rtc.congestion_control.use_send_side_bwe_interceptor", "", WHY_MEDIA)                 \
    A(TEXT, "rtc.congestion_control.send_side_bwe_pacer", "", WHY_MEDIA)                           \
    A(FREE, "rtc.congestion_control.stream_allocator", "", WHY_MEDIA)                              \
    A(FREE, "rtc.congestion_control.remote_bwe", "", WHY_MEDIA)                                    \
    A(FREE, "rtc.congestion_control.send_side_bwe", "", WHY_MEDIA)                                 \
    A(BOOL, "rtc.allow_tcp_fallback", "false", "no effect: UDP is offered beside rtc.tcp_port")    \
    A(INT, "rtc.tcp_fallback_rtt_threshold", "0", "no effect: UDP is offered beside rtc.tcp_port") \
    A(BOOL, "rtc.allow_udp_unstable_fallback", "false",                                            \
      "no effect: UDP is offered beside rtc.tcp_port")                                             \
    A(BOOL, "rtc.reconnect_on_publication_error", "false", WHY_MEDIA)                              \
    A(BOOL, "rtc.reconnect_on_subscription_error", "false", WHY_MEDIA)                             \
    A(BOOL, "rtc.reconnect_on_data_channel_error", "false", WHY_MEDIA)                             \
    A(INT, "rtc.data_channel_max_buffered_amount", "0", "no effect: see DATA_OUTQ_BYTES_MAX")      \
    A(INT, "rtc.datachannel_slow_threshold", "0", "no effect: see DATA_OUTQ_BYTES_MAX")            \
    A(DURATION, "rtc.datachannel_lossy_target_latency", "0",                                       \
      "no effect: see DATA_LOSSY_BACKLOG_BYTES")                                                   \
    A(DURATION, "rtc.datachannel_data_track_target_latency", "", "no effect yet: no data tracks")  \
    A(INT, "rtc.batch_io.batch_size", "0", "no effect: packets always leave in batches")           \
    A(DURATION, "rtc.batch_io.max_flush_interval", "0",                                            \
      "no effect: packets always leave in batches")                                                \
    A(DURATION, "rtc.forward_stats.summary_interval", "0", WHY_STATS)                              \
    A(DURATION, "rtc.forward_stats.report_interval", "0", WHY_STATS)                               \
    A(DURATION, "rtc.forward_stats.report_window", "0", WHY_STATS)                                 \
    A(BOOL, "rtc.enable_warp", "false", WHY_MEDIA)                                                 \
    A(BOOL, "rtc.enable_rtp_stream_restart_detection", "false", WHY_MEDIA)                         \
    A(BOOL, "rtc.strict_acks", "false", WHY_MEDIA)                                                 \
    A(TEXT, "redis.address", "", WHY_REDIS)                                                        \
    A(TEXT, "redis.username", "", WHY_REDIS)                                                       \
    A(TEXT, "redis.password", "", WHY_REDIS)                                                       \
    A(INT, "redis.db", "0", WHY_REDIS)                                                             \
    A(BOOL, "redis.use_tls", "false", WHY_REDIS)                                                   \
    A(BOOL, "redis.tls.enabled", "false", WHY_REDIS)                                               \
    A(BOOL, "redis.tls.insecure", "false", WHY_REDIS)                                              \
    A(TEXT, "redis.tls.server_name", "", WHY_REDIS)                                                \
    A(TEXT, "redis.tls.ca_cert_file", "", WHY_REDIS)                                               \
    A(TEXT, "redis.tls.client_cert_file", "", WHY_REDIS)                                           \
    A(TEXT, "redis.tls.client_key_file", "", WHY_REDIS)                                            \
    A(TEXT, "redis.sentinel_master_name", "", WHY_REDIS)                                           \
    A(LIST, "redis.sentinel_addresses", "", WHY_REDIS)                                             \
    A(TEXT, "redis.sentinel_username", "", WHY_REDIS)                                              \
    A(TEXT, "redis.sentinel_password", "", WHY_REDIS)                                              \
    A(LIST, "redis.cluster_addresses", "", WHY_REDIS)                                              \
    A(INT, "redis.max_redirects", "", WHY_REDIS)                                                   \
    A(INT, "redis.dial_timeout", "", WHY_REDIS)                                                    \
    A(INT, "redis.read_timeout", "", WHY_REDIS)                                                    \
    A(INT, "redis.write_timeout", "", WHY_REDIS)                                                   \
    A(INT, "redis.pool_size", "0", WHY_REDIS)                                                      \
    A(DURATION, "redis.pool_timeout", "0", WHY_REDIS)                                              \
    A(OBJECTS, "room.enabled_codecs", "", "no effect yet: the reference's ten codecs are told")    \
    A(TEXT, "room.enabled_codecs[].mime", "", NULL)                                                \
    A(TEXT, "room.enabled_codecs[].fmtp_line", "", NULL)                                           \
    A(BOOL, "room.playout_delay.enabled", "false", WHY_MEDIA)                                      \
    A(INT, "room.playout_delay.min", "0", WHY_MEDIA)                                               \
    A(INT, "room.playout_delay.max", "0", WHY_MEDIA)                                               \
    A(BOOL, "room.sync_streams", "false", WHY_MEDIA)                                               \
    A(DURATION, "room.create_room_timeout", "", "no effect: a room is created in one step")        \
    A(INT, "room.create_room_attempts", "", "no effect: a room is created in one step")            \
    A(BOOL, "room.enable_full_room_in_webhooks", "false",                                          \
      "no effect yet: webhooks about tracks carry sid and name of the room")                       \
    A(INT, "room.update_batch_target_size", "131072", WHY_FIXED)                                   \
    A(INT, "limit.max_data_blob_key_length", "", WHY_LIMIT)                                        \
    A(INT, "limit.max_data_blobs_size", "", WHY_LIMIT)                                             \
    A(INT, "limit.max_data_track_custom_encoding_length", "", WHY_LIMIT)                           \
    A(INT, "limit.signal_message_size_limit", "2097152", WHY_FIXED)                                \
    A(INT, "limit.agent_signal_message_size_limit", "2097152", WHY_AGENTS)                         \
    A(INT, "limit.num_tracks", "0", WHY_LIMIT)                                                     \
    A(FLOAT, "limit.bytes_per_sec", "0", WHY_LIMIT)                                                \
    A(INT, "limit.subscription_limit_video", "0", WHY_LIMIT)                                       \
    A(INT, "limit.subscription_limit_audio", "0", WHY_LIMIT)                                       \
    A(INT, "webhook.url_notifier.num_workers", "", "no effect: each URL and room has its queue")   \
    A(INT, "webhook.url_notifier.queue_size", "", "no effect: see resource_url_notifier")          \
    A(BOOL, "turn.enabled", "false", WHY_TURN)                                                     \
    A(TEXT, "turn.domain", "", WHY_TURN)                                                           \
    A(TEXT, "turn.cert_file", "", WHY_TURN)                                                        \
    A(TEXT, "turn.key_file", "", WHY_TURN)                                                         \
    A(UINT, "turn.tls_port", "0", WHY_TURN)                                                        \
    A(UINT, "turn.udp_port", "0", WHY_TURN)                                                        \
    A(BOOL, "turn.external_tls", "false", WHY_TURN)                                                \
    A(LIST, "turn.bind_addresses", "", WHY_TURN)                                                   \
    A(UINT, "turn.relay_range_start", "", WHY_TURN)                                                \
    A(UINT, "turn.relay_range_end", "", WHY_TURN)                                                  \
    A(INT, "turn.ttl_seconds", "", WHY_TURN)                                                       \
    A(INT, "turn.per_user_relay_allocation_limit", "", WHY_TURN)                                   \
    A(LIST, "turn.allow_restricted_peer_cidrs", "", WHY_TURN)                                      \
    A(LIST, "turn.deny_peer_cidrs", "", WHY_TURN)                                                  \
    A(TEXT, "ingress.rtmp_base_url", "", WHY_INGRESS)                                              \
    A(TEXT, "ingress.whip_base_url", "", WHY_INGRESS)                                              \
    A(TEXT, "node_selector.kind", "", WHY_NODES)                                                   \
    A(TEXT, "node_selector.sort_by", "", WHY_NODES)                                                \
    A(TEXT, "node_selector.algorithm", "", WHY_NODES)                                              \
    A(FLOAT, "node_selector.sysload_limit", "", WHY_NODES)                                         \
    A(FLOAT, "node_selector.cpu_load_limit", "", WHY_NODES)                                        \
    A(OBJECTS, "node_selector.regions", "", WHY_NODES)                                             \
    A(TEXT, "node_selector.regions[].name", "", NULL)                                              \
    A(FLOAT, "node_selector.regions[].lat", "", NULL)                                              \
    A(FLOAT, "node_selector.regions[].lon", "", NULL)                                              \
    A(DURATION, "signal_relay.retry_timeout", "", WHY_PSRPC)                                       \
    A(DURATION, "signal_relay.min_retry_interval", "", WHY_PSRPC)                                  \
    A(DURATION, "signal_relay.max_retry_interval", "", WHY_PSRPC)                                  \
    A(INT, "signal_relay.stream_buffer_size", "", WHY_PSRPC)                                       \
    A(INT, "signal_relay.connect_attempts", "", WHY_PSRPC)                                         \
    A(INT, "psrpc.max_attempts", "", WHY_PSRPC)                                                    \
    A(DURATION, "psrpc.timeout", "", WHY_PSRPC)                                                    \
    A(DURATION, "psrpc.backoff", "", WHY_PSRPC)                                                    \
    A(INT, "psrpc.buffer_size", "", WHY_PSRPC)                                                     \
    A(UINT, "audio.active_level", "", WHY_MEDIA)                                                   \
    A(UINT, "audio.min_percentile", "", WHY_MEDIA)                                                 \
    A(UINT, "audio.update_interval", "", WHY_MEDIA)                                                \
    A(UINT, "audio.smooth_intervals", "", WHY_MEDIA)                                               \
    A(BOOL, "audio.active_red_encoding", "false", WHY_MEDIA)                                       \
    A(BOOL, "audio.enable_loss_proxying", "false", WHY_MEDIA)                                      \
    A(DURATION, "video.dynacast_pause_delay", "", WHY_MEDIA)                                       \
    A(INT, "video.codec_regression_threshold", "", WHY_MEDIA)                                      \
    A(FREE, "video.stream_tracker_manager", "", WHY_MEDIA)                                         \
    A(FLOAT, "agents.target_load", "", WHY_AGENTS)                                                 \
    A(BOOL, "agents.enable_user_data_recording", "false", WHY_AGENTS)                              \
    A(BOOL, "agents.enable_user_data_redaction", "false", WHY_AGENTS)                              \
    A(BOOL, "api.enable_psrpc_for_get_list_participants", "false", WHY_PSRPC)                      \
    A(DURATION, "api.execution_timeout", "", WHY_PSRPC)                                            \
    A(DURATION, "api.check_interval", "", WHY_PSRPC)                                               \
    A(DURATION, "api.max_check_interval", "", WHY_PSRPC)                                           \
    A(DURATION, "node_stats.stats_update_interval", "", WHY_STATS)                                 \
    A(LIST, "node_stats.stats_rate_measurement_intervals", "", WHY_STATS)                          \
    A(DURATION, "node_stats.stats_max_delay", "", WHY_STATS)                                       \
    A(FREE, "metric", "", WHY_STATS)                                                               \
    A(TEXT, "trace.jaeger_url", "", "no effect: traces are not sent")                              \
    A(BOOL, "enable_data_tracks", "false", "no effect yet: there are no data tracks")              \
    A(BOOL, "enable_participant_data_blob", "false", "no effect yet: there are no data blobs")

/* Old name, its successor. A value that is neither empty nor 0 wins over the successor's. */
#define SETTINGS_OLD_NAMES(O)                                                                      \
    O("log_level", "logging.level")                                                                \
    O("prometheus_port", "prometheus.port")                                                        \
    O("room.max_metadata_size", "limit.max_metadata_size")                                         \
    O("room.max_room_name_length", "limit.max_room_name_length")                                   \
    O("room.max_participant_identity_length", "limit.max_participant_identity_length")
