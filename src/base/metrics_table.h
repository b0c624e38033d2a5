/* metrics_table.h: the rows of metrics.h. A floor adds its rows to its own part.
 * Columns: field, kind, exposed name with labels of its own, help. */
#pragma once

#define METRICS(M)                                                                                 \
    METRICS_EDGE(M)                                                                                \
    METRICS_NODE(M)                                                                                \
    METRICS_CLUSTER(M)                                                                             \
    METRICS_DIR(M)                                                                                 \
    METRICS_MEDIA(M)                                                                               \
    METRICS_CONTROL(M)                                                                             \
    METRICS_HOOK(M)                                                                                \
    METRICS_STORE(M)                                                                               \
    METRICS_OS(M)

#define METRICS_EDGE(M)                                                                            \
    M(edge_accepted, COUNTER, "stoa_connections_accepted_total", "Connections accepted")           \
    M(edge_conns, GAUGE, "stoa_connections", "Connections open")                                   \
    M(edge_strangers, GAUGE, "stoa_connections_unauthenticated",                                   \
      "Connections open that have not shown a good token")                                         \
    M(edge_websockets, GAUGE, "stoa_websockets", "WebSocket connections open")                     \
    M(edge_body_bytes, GAUGE, "stoa_request_body_bytes", "Bytes of request bodies held")           \
    M(edge_requests, COUNTER, "stoa_http_requests_total", "HTTP requests whose head was read")     \
    M(edge_answers, COUNTER, "stoa_http_answers_total", "HTTP requests answered")                  \
    M(edge_parts, COUNTER, "stoa_http_answer_parts_total", "Parts of long answers, each at once")  \
    M(edge_upgrades, COUNTER, "stoa_websocket_upgrades_total",                                     \
      "Connections upgraded to WebSocket")                                                         \
    M(edge_bytes_in, COUNTER, "stoa_edge_bytes_total{direction=\"in\"}",                           \
      "Bytes of HTTP and WebSocket")                                                               \
    M(edge_bytes_out, COUNTER, "stoa_edge_bytes_total{direction=\"out\"}",                         \
      "Bytes of HTTP and WebSocket")                                                               \
    M(edge_signals_in, COUNTER, "stoa_signals_total{direction=\"in\"}", "Signal messages")         \
    M(edge_signals_out, COUNTER, "stoa_signals_total{direction=\"out\"}", "Signal messages")       \
    M(edge_refused_strangers, COUNTER, "stoa_edge_refused_total{reason=\"strangers\"}",            \
      "Connections, requests and messages refused or ended by the front door")                     \
    M(edge_refused_full, COUNTER, "stoa_edge_refused_total{reason=\"no_room\"}",                   \
      "Connections, requests and messages refused or ended by the front door")                     \
    M(edge_accept_paused, COUNTER, "stoa_edge_refused_total{reason=\"no_descriptors\"}",           \
      "Connections, requests and messages refused or ended by the front door")                     \
    M(edge_tls_failed, COUNTER, "stoa_edge_refused_total{reason=\"tls_handshake\"}",               \
      "Connections, requests and messages refused or ended by the front door")                     \
    M(edge_tokens_refused, COUNTER, "stoa_edge_refused_total{reason=\"bad_token\"}",               \
      "Connections, requests and messages refused or ended by the front door")                     \
    M(edge_bad_requests, COUNTER, "stoa_edge_refused_total{reason=\"bad_request\"}",               \
      "Connections, requests and messages refused or ended by the front door")                     \
    M(edge_bad_bodies, COUNTER, "stoa_edge_refused_total{reason=\"bad_body\"}",                    \
      "Connections, requests and messages refused or ended by the front door")                     \
    M(edge_bodies_refused, COUNTER, "stoa_edge_refused_total{reason=\"body_too_large\"}",          \
      "Connections, requests and messages refused or ended by the front door")                     \
    M(edge_request_timeouts, COUNTER, "stoa_edge_refused_total{reason=\"request_timeout\"}",       \
      "Connections, requests and messages refused or ended by the front door")                     \
    M(edge_idle_closed, COUNTER, "stoa_edge_refused_total{reason=\"idle\"}",                       \
      "Connections, requests and messages refused or ended by the front door")                     \
    M(edge_slow_readers, COUNTER, "stoa_edge_refused_total{reason=\"slow_reader\"}",               \
      "Connections, requests and messages refused or ended by the front door")                     \
    M(edge_answer_timeouts, COUNTER, "stoa_edge_refused_total{reason=\"answer_timeout\"}",         \
      "Connections, requests and messages refused or ended by the front door")                     \
    M(edge_answers_broken, COUNTER, "stoa_edge_refused_total{reason=\"answer_broken_off\"}",       \
      "Connections, requests and messages refused or ended by the front door")                     \
    M(edge_ws_refused, COUNTER, "stoa_edge_refused_total{reason=\"websocket_protocol\"}",          \
      "Connections, requests and messages refused or ended by the front door")                     \
    M(edge_ws_silent, COUNTER, "stoa_edge_refused_total{reason=\"websocket_silent\"}",             \
      "Connections, requests and messages refused or ended by the front door")                     \
    M(edge_bad_signals, COUNTER, "stoa_edge_refused_total{reason=\"bad_signal\"}",                 \
      "Connections, requests and messages refused or ended by the front door")                     \
    M(edge_signals_flooded, COUNTER, "stoa_edge_refused_total{reason=\"signal_flood\"}",           \
      "Connections, requests and messages refused or ended by the front door")                     \
    M(edge_control_full, COUNTER, "stoa_edge_refused_total{reason=\"control_full\"}",              \
      "Connections, requests and messages refused or ended by the front door")                     \
    M(edge_closes_lost, COUNTER, "stoa_edge_refused_total{reason=\"close_lost\"}",                 \
      "Connections, requests and messages refused or ended by the front door")                     \
    M(edge_no_memory, COUNTER, "stoa_edge_refused_total{reason=\"no_memory\"}",                    \
      "Connections, requests and messages refused or ended by the front door")                     \
    M(edge_busy_us, COUNTER, "stoa_edge_busy_us_total", "Microseconds that edge threads worked")   \
    M(edge_turn_us_max, GAUGE, "stoa_edge_turn_us_max",                                            \
      "Longest turns of the edge threads in the last second, summed")

/* Shown a second time under the reference's names, where those mean the same. */
#define METRICS_REFERENCE(M)                                                                       \
    M(edge_signals_in, COUNTER,                                                                    \
      "livekit_node_messages{type=\"signal\",status=\"success\",direction=\"request\"}",           \
      "Signal messages")                                                                           \
    M(edge_bad_signals, COUNTER,                                                                   \
      "livekit_node_messages{type=\"signal\",status=\"failure\",direction=\"request\"}",           \
      "Signal messages")                                                                           \
    M(edge_signals_out, COUNTER,                                                                   \
      "livekit_node_messages{type=\"signal\",status=\"success\",direction=\"response\"}",          \
      "Signal messages")                                                                           \
    M(joins, COUNTER,                                                                              \
      "livekit_node_service_operation{type=\"participant_join\",status=\"success\","               \
      "error_type=\"\"}",                                                                          \
      "Joins")                                                                                     \
    M(joins_refused, COUNTER,                                                                      \
      "livekit_node_service_operation{type=\"participant_join\",status=\"error\","                 \
      "error_type=\"\"}",                                                                          \
      "Joins")                                                                                     \
    M(edge_upgrades, COUNTER,                                                                      \
      "livekit_participant_join_total{state=\"signal_connected\",warp=\"false\"}",                 \
      "How far joins came")                                                                        \
    M(joins_refused, COUNTER,                                                                      \
      "livekit_participant_join_total{state=\"signal_validation_failed\",warp=\"false\"}",         \
      "How far joins came")                                                                        \
    M(joins, COUNTER, "livekit_participant_join_total{state=\"rtc_init\",warp=\"false\"}",         \
      "How far joins came")                                                                        \
    M(media_received, COUNTER,                                                                     \
      "livekit_packet_total{direction=\"incoming\",transmission=\"initial\"}", "RTP packets")      \
    M(media_forwarded, COUNTER,                                                                    \
      "livekit_packet_total{direction=\"outgoing\",transmission=\"initial\"}", "RTP packets")      \
    M(media_resent, COUNTER,                                                                       \
      "livekit_packet_total{direction=\"outgoing\",transmission=\"retransmit\"}", "RTP packets")   \
    M(media_received_bytes, COUNTER,                                                               \
      "livekit_packet_bytes{direction=\"incoming\",transmission=\"initial\"}",                     \
      "Bytes of RTP packets, without the seal")                                                    \
    M(media_forwarded_bytes, COUNTER,                                                              \
      "livekit_packet_bytes{direction=\"outgoing\",transmission=\"initial\"}",                     \
      "Bytes of RTP packets, without the seal")                                                    \
    M(media_resent_bytes, COUNTER,                                                                 \
      "livekit_packet_bytes{direction=\"outgoing\",transmission=\"retransmit\"}",                  \
      "Bytes of RTP packets, without the seal")                                                    \
    M(media_nacks_sent, COUNTER, "livekit_nack_total{direction=\"incoming\"}",                     \
      "Packets of tracks in that direction asked for again")                                       \
    M(media_nacks_taken, COUNTER, "livekit_nack_total{direction=\"outgoing\"}",                    \
      "Packets of tracks in that direction asked for again")                                       \
    M(media_plis_sent, COUNTER, "livekit_pli_total{direction=\"incoming\"}",                       \
      "Key frames of tracks in that direction asked for by PLI")                                   \
    M(media_plis_taken, COUNTER, "livekit_pli_total{direction=\"outgoing\"}",                      \
      "Key frames of tracks in that direction asked for by PLI")                                   \
    M(media_firs_taken, COUNTER, "livekit_fir_total{direction=\"outgoing\"}",                      \
      "Key frames of tracks in that direction asked for by FIR")                                   \
    M(media_lost_audio_in, COUNTER,                                                                \
      "livekit_packet_loss_total{direction=\"incoming\",type=\"AUDIO\"}", "RTP packets lost")      \
    M(media_lost_video_in, COUNTER,                                                                \
      "livekit_packet_loss_total{direction=\"incoming\",type=\"VIDEO\"}", "RTP packets lost")      \
    M(media_lost_audio_out, COUNTER,                                                               \
      "livekit_packet_loss_total{direction=\"outgoing\",type=\"AUDIO\"}", "RTP packets lost")      \
    M(media_lost_video_out, COUNTER,                                                               \
      "livekit_packet_loss_total{direction=\"outgoing\",type=\"VIDEO\"}", "RTP packets lost")

#define METRICS_NODE(M)                                                                            \
    M(rooms, GAUGE, "livekit_room_total", "Rooms held")                                            \
    M(participants, GAUGE, "livekit_participant_total", "Participants in rooms of this node")      \
    M(tracks_published_audio, GAUGE, "livekit_track_published_total{kind=\"AUDIO\"}",              \
      "Tracks published in rooms of this node")                                                    \
    M(tracks_published_video, GAUGE, "livekit_track_published_total{kind=\"VIDEO\"}",              \
      "Tracks published in rooms of this node")                                                    \
    M(tracks_subscribed_audio, GAUGE, "livekit_track_subscribed_total{kind=\"AUDIO\"}",            \
      "Copies of tracks that subscribers are sent")                                                \
    M(tracks_subscribed_video, GAUGE, "livekit_track_subscribed_total{kind=\"VIDEO\"}",            \
      "Copies of tracks that subscribers are sent")                                                \
    M(publish_tries_audio, COUNTER,                                                                \
      "livekit_track_publish_counter{kind=\"AUDIO\",state=\"attempt\"}",                           \
      "Tracks that clients announced, and that came")                                              \
    M(publish_tries_video, COUNTER,                                                                \
      "livekit_track_publish_counter{kind=\"VIDEO\",state=\"attempt\"}",                           \
      "Tracks that clients announced, and that came")                                              \
    M(publish_successes_audio, COUNTER,                                                            \
      "livekit_track_publish_counter{kind=\"AUDIO\",state=\"success\"}",                           \
      "Tracks that clients announced, and that came")                                              \
    M(publish_successes_video, COUNTER,                                                            \
      "livekit_track_publish_counter{kind=\"VIDEO\",state=\"success\"}",                           \
      "Tracks that clients announced, and that came")                                              \
    M(subscribe_tries, COUNTER, "livekit_track_subscribe_counter{state=\"attempt\",error=\"\"}",   \
      "Subscriptions begun, and those that clients agreed to")                                     \
    M(subscribe_successes, COUNTER,                                                                \
      "livekit_track_subscribe_counter{state=\"success\",error=\"\"}",                             \
      "Subscriptions begun, and those that clients agreed to")                                     \
    M(api_calls, COUNTER, "stoa_api_calls_total", "API calls that reached the node")               \
    M(joins, COUNTER, "stoa_joins_total{result=\"ok\"}", "Joins")                                  \
    M(joins_refused, COUNTER, "stoa_joins_total{result=\"refused\"}", "Joins")                     \
    M(signals, COUNTER, "stoa_session_signals_total", "Signal messages of sessions")               \
    M(signals_unknown, COUNTER, "stoa_signals_unknown_total", "Signal messages of no known case")  \
    M(signals_refused, COUNTER, "stoa_signals_refused_total",                                      \
      "Signal messages that ended their session: negotiation impossible")                          \
    M(steps_refused, COUNTER, "stoa_steps_refused_total", "Events refused for want of memory")     \
    M(held_timeouts, COUNTER, "stoa_held_timeouts_total", "Sliced answers that took too long")     \
    M(answers_early, COUNTER, "stoa_answers_early_total",                                          \
      "Answers to signal requests sent before their delay was over, for want of room")             \
    M(sessions_resumed, COUNTER, "stoa_sessions_resumed_total",                                    \
      "Clients that came back to their session")                                                   \
    M(notes_without_body, COUNTER, "stoa_webhook_bodies_lost_total",                               \
      "Events that were not written down for webhooks for want of memory")

#define METRICS_CLUSTER(M)                                                                         \
    M(cluster_living, GAUGE, "stoa_cluster_members_living",                                        \
      "Other nodes that this one hears, or that one which it hears does")                          \
    M(cluster_island, GAUGE, "stoa_cluster_island",                                                \
      "1: it hears fewer than half of the others and ends nothing that it does not host")          \
    M(cluster_expelled, COUNTER, "stoa_cluster_members_expelled_total",                            \
      "Nodes silent for longer than a member may be")                                              \
    M(cluster_refused_members, COUNTER, "stoa_cluster_members_refused_total",                      \
      "Nodes beyond the bound")                                                                    \
    M(cluster_messages_in, COUNTER, "stoa_cluster_messages_total{direction=\"in\"}",               \
      "Messages between nodes")                                                                    \
    M(cluster_messages_out, COUNTER, "stoa_cluster_messages_total{direction=\"out\"}",             \
      "Messages between nodes")                                                                    \
    M(cluster_bytes_in, COUNTER, "stoa_cluster_bytes_total{direction=\"in\"}",                     \
      "Bytes of messages between nodes")                                                           \
    M(cluster_bytes_out, COUNTER, "stoa_cluster_bytes_total{direction=\"out\"}",                   \
      "Bytes of messages between nodes")                                                           \
    M(cluster_unsent, COUNTER, "stoa_cluster_unsent_total",                                        \
      "Messages not made for want of memory or size")                                              \
    M(cluster_malformed, COUNTER, "stoa_cluster_malformed_total",                                  \
      "Messages that could not be read")                                                           \
    M(cluster_same_id, COUNTER, "stoa_cluster_same_id_total",                                      \
      "Beats of a later process under the id of this node")                                        \
    M(cluster_rounds, COUNTER, "stoa_cluster_rounds_total", "Rounds of anti-entropy begun")        \
    M(cluster_refused_presence, COUNTER, "stoa_cluster_presence_refused_total",                    \
      "Presence not taken for want of memory or room")                                             \
    M(cluster_reasserted, COUNTER, "stoa_cluster_reasserted_total",                                \
      "Rooms put back because somebody is in them here")                                           \
    M(cluster_handed_over, COUNTER, "stoa_cluster_handed_over_total",                              \
      "Rooms whose people were sent to their home")                                                \
    M(cluster_forgotten, COUNTER, "stoa_cluster_forgotten_total",                                  \
      "Lives let go on the return of an expelled node")

#define METRICS_DIR(M)                                                                             \
    M(dir_sweep_done, COUNTER, "stoa_dir_swept_total", "Deadlines that the sweeper handled")       \
    M(dir_rooms, GAUGE, "stoa_dir_records{state=\"alive\"}", "Records of the directory")           \
    M(dir_tombstones, GAUGE, "stoa_dir_records{state=\"dead\"}", "Records of the directory")       \
    M(dir_overdue_ms, GAUGE, "stoa_dir_overdue_milliseconds",                                      \
      "Age of the oldest deadline that is due and not handled")                                    \
    M(dir_scan_found, COUNTER, "stoa_dir_scan_found_total",                                        \
      "Rooms that the second line found without a deadline: a bug")                                \
    M(dir_bytes, GAUGE, "stoa_dir_bytes", "Memory that the directory holds, about")                \
    M(dir_created, COUNTER, "stoa_dir_lives_total{event=\"created\"}",                             \
      "Lives of rooms begun and ended here")                                                       \
    M(dir_ended, COUNTER, "stoa_dir_lives_total{event=\"ended\"}",                                 \
      "Lives of rooms begun and ended here")                                                       \
    M(dir_deleted, COUNTER, "stoa_dir_lives_total{event=\"deleted\"}",                             \
      "Lives of rooms begun and ended here")                                                       \
    M(dir_merged, COUNTER, "stoa_dir_merged_total", "Records merged from peers and journal")       \
    M(dir_refused_skew, COUNTER, "stoa_dir_refused_total{reason=\"skew\"}", "Records not merged")  \
    M(dir_refused_malformed, COUNTER, "stoa_dir_refused_total{reason=\"malformed\"}",              \
      "Records not merged")                                                                        \
    M(dir_refused_full, COUNTER, "stoa_dir_refused_total{reason=\"full\"}", "Records not merged")  \
    M(dir_forgotten, COUNTER, "stoa_dir_refused_total{reason=\"collected\"}",                      \
      "Records not merged")                                                                        \
    M(dir_collected, COUNTER, "stoa_dir_collected_total", "Tombstones dropped")                    \
    M(dir_tombstones_forced, COUNTER, "stoa_dir_forced_total{what=\"tombstone\"}",                 \
      "Dropped at a bound without acknowledgement")                                                \
    M(dir_lives_forced, COUNTER, "stoa_dir_forced_total{what=\"ended_life\"}",                     \
      "Dropped at a bound without acknowledgement")                                                \
    M(dir_delta_owed, GAUGE, "stoa_dir_owed{to=\"peers\"}",                                        \
      "Rooms whose newest state was not handed over yet")                                          \
    M(dir_journal_owed, GAUGE, "stoa_dir_owed{to=\"journal\"}",                                    \
      "Rooms whose newest state was not handed over yet")

#define METRICS_MEDIA(M)                                                                           \
    M(datagrams_in, COUNTER, "stoa_datagrams_total{direction=\"in\"}", "UDP datagrams")            \
    M(datagrams_out, COUNTER, "stoa_datagrams_total{direction=\"out\"}", "UDP datagrams")          \
    M(datagrams_unsent, COUNTER, "stoa_datagrams_unsent_total",                                    \
      "UDP datagrams that a full socket did not take")                                             \
    M(media_receivers, GAUGE, "stoa_tracks_received", "Published tracks that arrive")              \
    M(media_senders, GAUGE, "stoa_tracks_sent", "Copies of tracks for subscribers")                \
    M(media_forwarded, COUNTER, "stoa_media_packets_total{action=\"forwarded\"}",                  \
      "RTP packets to subscribers")                                                                \
    M(media_resent, COUNTER, "stoa_media_packets_total{action=\"resent\"}",                        \
      "RTP packets to subscribers")                                                                \
    M(media_padding, COUNTER, "stoa_media_packets_total{action=\"padding\"}",                      \
      "RTP packets to subscribers")                                                                \
    M(media_unsealed, COUNTER, "stoa_media_packets_total{action=\"unsealed\"}",                    \
      "RTP packets to subscribers")                                                                \
    M(media_resends_refused, COUNTER, "stoa_media_resends_refused_total",                          \
      "Packets asked for again on a link that could not take them")                                \
    M(media_probes, COUNTER, "stoa_bandwidth_probes_total",                                        \
      "Times that a subscriber's link was tried with padding for more than it gets")               \
    M(media_paced, COUNTER, "stoa_media_paced_total",                                              \
      "Times that video for a subscriber waited for the pace of its link")                         \
    M(media_received, COUNTER, "stoa_media_received_packets_total",                                \
      "RTP packets of publishers' tracks")                                                         \
    M(media_received_bytes, COUNTER, "stoa_media_received_bytes_total",                            \
      "RTP packets of publishers' tracks, bytes without the seal")                                 \
    M(media_forwarded_bytes, COUNTER, "stoa_media_bytes_total{action=\"forwarded\"}",              \
      "RTP packets to subscribers, bytes without the seal")                                        \
    M(media_resent_bytes, COUNTER, "stoa_media_bytes_total{action=\"resent\"}",                    \
      "RTP packets to subscribers, bytes without the seal")                                        \
    M(media_nacks_sent, COUNTER, "stoa_media_nacks_total{of=\"publishers\"}",                      \
      "RTP packets asked for again")                                                               \
    M(media_nacks_taken, COUNTER, "stoa_media_nacks_total{of=\"server\"}",                         \
      "RTP packets asked for again")                                                               \
    M(media_plis_sent, COUNTER, "stoa_media_plis_total{of=\"publishers\"}", "PLIs")                \
    M(media_plis_taken, COUNTER, "stoa_media_plis_total{of=\"server\"}", "PLIs")                   \
    M(media_firs_taken, COUNTER, "stoa_media_firs_total{of=\"server\"}", "FIRs")                   \
    M(media_lost_audio_in, COUNTER, "stoa_media_lost_total{from=\"publishers\",kind=\"audio\"}",   \
      "RTP packets lost, of publishers by us, of ours as subscribers report")                      \
    M(media_lost_video_in, COUNTER, "stoa_media_lost_total{from=\"publishers\",kind=\"video\"}",   \
      "RTP packets lost, of publishers by us, of ours as subscribers report")                      \
    M(media_lost_audio_out, COUNTER, "stoa_media_lost_total{from=\"server\",kind=\"audio\"}",      \
      "RTP packets lost, of publishers by us, of ours as subscribers report")                      \
    M(media_lost_video_out, COUNTER, "stoa_media_lost_total{from=\"server\",kind=\"video\"}",      \
      "RTP packets lost, of publishers by us, of ours as subscribers report")                      \
    M(media_messages_out, COUNTER, "stoa_media_sends_total",                                       \
      "Segmented sends: packets to one subscriber that left together count once")                  \
    M(media_unbound, COUNTER, "stoa_media_refused_total{reason=\"unbound\"}",                      \
      "Packets of publishers that were not taken")                                                 \
    M(media_unauthenticated, COUNTER, "stoa_media_refused_total{reason=\"unauthenticated\"}",      \
      "Packets of publishers that were not taken")                                                 \
    M(media_replayed, COUNTER, "stoa_media_refused_total{reason=\"replayed\"}",                    \
      "Packets of publishers that were not taken")                                                 \
    M(media_streams_refused, COUNTER, "stoa_media_refused_total{reason=\"too_many_sections\"}",    \
      "Packets of publishers that were not taken")                                                 \
    M(media_reports_in, COUNTER, "stoa_media_reports_total{direction=\"in\"}", "RTCP datagrams")   \
    M(media_reports_out, COUNTER, "stoa_media_reports_total{direction=\"out\"}", "RTCP datagrams") \
    M(media_key_frames_asked, COUNTER, "stoa_media_key_frames_asked_total",                        \
      "Key frames that subscribers asked for")                                                     \
    M(ice_tcp_accepted, COUNTER, "stoa_ice_tcp_connections_total{result=\"accepted\"}",            \
      "TCP connections of clients without UDP")                                                    \
    M(ice_tcp_refused, COUNTER, "stoa_ice_tcp_connections_total{result=\"refused\"}",              \
      "TCP connections of clients without UDP")                                                    \
    M(ice_tcp_links, GAUGE, "stoa_ice_tcp_links", "TCP connections that carry a transport")        \
    M(transports, GAUGE, "stoa_transports", "Transports open")                                     \
    M(transports_silent, COUNTER, "stoa_transports_silent_total",                                  \
      "Transports that fell silent: their clients were asked to resume")                           \
    M(transports_timed_out, COUNTER, "stoa_transports_timed_out_total",                            \
      "Transports without a valid check for too long")                                             \
    M(stun_ok, COUNTER, "stoa_stun_checks_total{result=\"ok\"}", "Connectivity checks received")   \
    M(stun_malformed, COUNTER, "stoa_stun_checks_total{result=\"malformed\"}",                     \
      "Connectivity checks received")                                                              \
    M(stun_unknown_ufrag, COUNTER, "stoa_stun_checks_total{result=\"unknown_ufrag\"}",             \
      "Connectivity checks received")                                                              \
    M(stun_bad_integrity, COUNTER, "stoa_stun_checks_total{result=\"bad_integrity\"}",             \
      "Connectivity checks received")                                                              \
    M(stun_refused, COUNTER, "stoa_stun_checks_total{result=\"refused\"}",                         \
      "Connectivity checks received")                                                              \
    M(stun_echoes_ok, COUNTER, "stoa_stun_echoes_total{result=\"ok\"}",                            \
      "Answers to checks of ours")                                                                 \
    M(stun_echoes_bad, COUNTER, "stoa_stun_echoes_total{result=\"bad\"}",                          \
      "Answers to checks of ours")                                                                 \
    M(address_changes, COUNTER, "stoa_address_changes_total{result=\"accepted\"}",                 \
      "Moves of a transport to another address")                                                   \
    M(address_changes_refused, COUNTER, "stoa_address_changes_total{result=\"refused\"}",          \
      "Moves of a transport to another address")                                                   \
    M(dtls_connected, COUNTER, "stoa_dtls_handshakes_total{result=\"ok\"}",                        \
      "DTLS handshakes ended")                                                                     \
    M(dtls_failed_fingerprint, COUNTER, "stoa_dtls_handshakes_total{result=\"fingerprint\"}",      \
      "DTLS handshakes ended")                                                                     \
    M(dtls_failed_timeout, COUNTER, "stoa_dtls_handshakes_total{result=\"timeout\"}",              \
      "DTLS handshakes ended")                                                                     \
    M(dtls_failed_other, COUNTER, "stoa_dtls_handshakes_total{result=\"failed\"}",                 \
      "DTLS handshakes ended")                                                                     \
    M(dtls_queued, GAUGE, "stoa_dtls_queued", "Transports whose handshake waits for its turn")     \
    M(dtls_unchecked, COUNTER, "stoa_dtls_dropped_total{reason=\"unchecked\"}",                    \
      "DTLS datagrams dropped")                                                                    \
    M(dtls_queue_full, COUNTER, "stoa_dtls_dropped_total{reason=\"queue_full\"}",                  \
      "DTLS datagrams dropped")                                                                    \
    M(media_rtp_dropped, COUNTER, "stoa_media_dropped_total{kind=\"rtp\"}",                        \
      "Datagrams of a kind that is not served")                                                    \
    M(media_rtcp_dropped, COUNTER, "stoa_media_dropped_total{kind=\"rtcp\"}",                      \
      "Datagrams of a kind that is not served")                                                    \
    M(media_unknown_dropped, COUNTER, "stoa_media_dropped_total{kind=\"unknown\"}",                \
      "Datagrams of a kind that is not served")                                                    \
    M(media_mailbox_full, COUNTER, "stoa_media_mailbox_full_total",                                \
      "Messages between media threads refused by a full mailbox")                                  \
    M(media_no_memory, COUNTER, "stoa_media_no_memory_total",                                      \
      "Media work given up for want of memory")                                                    \
    M(sctp_associations, GAUGE, "stoa_sctp_associations", "SCTP associations held")                \
    M(sctp_up, COUNTER, "stoa_sctp_up_total", "SCTP associations established")                     \
    M(sctp_unsent, COUNTER, "stoa_sctp_unsent_total", "SCTP packets that DTLS did not take")       \
    M(sctp_lost, COUNTER, "stoa_sctp_lost_total", "SCTP associations aborted or given up")         \
    M(data_unknown_labels, COUNTER, "stoa_data_unknown_labels_total",                              \
      "Data channels opened under a label that is not served")                                     \
    M(data_messages_in, COUNTER, "stoa_data_messages_total{direction=\"in\"}",                     \
      "Messages on data channels")                                                                 \
    M(data_messages_out, COUNTER, "stoa_data_messages_total{direction=\"out\"}",                   \
      "Messages on data channels")                                                                 \
    M(data_bytes_in, COUNTER, "stoa_data_bytes_total{direction=\"in\"}",                           \
      "Bytes of messages on data channels")                                                        \
    M(data_bytes_out, COUNTER, "stoa_data_bytes_total{direction=\"out\"}",                         \
      "Bytes of messages on data channels")                                                        \
    M(data_track_packets_out, COUNTER, "stoa_data_track_packets_total",                            \
      "Packets of data tracks to subscribers")                                                     \
    M(data_dropped_no_channel, COUNTER, "stoa_data_dropped_total{reason=\"no_channel\"}",          \
      "Messages on data channels not delivered")                                                   \
    M(data_dropped_no_route, COUNTER, "stoa_data_dropped_total{reason=\"no_route\"}",              \
      "Messages on data channels not delivered")                                                   \
    M(data_dropped_malformed, COUNTER, "stoa_data_dropped_total{reason=\"malformed\"}",            \
      "Messages on data channels not delivered")                                                   \
    M(data_dropped_too_large, COUNTER, "stoa_data_dropped_total{reason=\"too_large\"}",            \
      "Messages on data channels not delivered")                                                   \
    M(data_dropped_denied, COUNTER, "stoa_data_dropped_total{reason=\"denied\"}",                  \
      "Messages on data channels not delivered")                                                   \
    M(data_dropped_duplicate, COUNTER, "stoa_data_dropped_total{reason=\"duplicate\"}",            \
      "Messages on data channels not delivered")                                                   \
    M(data_dropped_kind, COUNTER, "stoa_data_dropped_total{reason=\"kind\"}",                      \
      "Messages on data channels not delivered")                                                   \
    M(data_dropped_data_track, COUNTER, "stoa_data_dropped_total{reason=\"data_track\"}",          \
      "Messages on data channels not delivered")                                                   \
    M(data_dropped_not_open, COUNTER, "stoa_data_dropped_total{reason=\"not_open\"}",              \
      "Messages on data channels not delivered")                                                   \
    M(data_dropped_slow, COUNTER, "stoa_data_dropped_total{reason=\"slow\"}",                      \
      "Messages on data channels not delivered")                                                   \
    M(data_slow_closed, COUNTER, "stoa_data_slow_closed_total",                                    \
      "Transports closed since their reliable backlog was full")                                   \
    M(data_recent_bytes, GAUGE, "stoa_data_recent_bytes",                                          \
      "Bytes kept for participants who are still joining")

#define METRICS_CONTROL(M)                                                                         \
    M(sessions, GAUGE, "stoa_sessions", "Sessions of participants on this node")                   \
    M(overdue_ms, GAUGE, "stoa_room_overdue_ms",                                                   \
      "How long the oldest overdue room has been waiting")                                         \
    M(scan_findings, GAUGE, "stoa_room_scan_findings",                                             \
      "Overdue rooms that only the second-line scan found: must be 0")                             \
    M(rooms_overdue, GAUGE, "stoa_rooms_overdue", "Rooms past their deadline and not ended yet")   \
    M(sweep_last_s, GAUGE, "stoa_sweep_last_seconds",                                              \
      "When the sweeper last looked, as Unix time")                                                \
    M(sweep_next_s, GAUGE, "stoa_sweep_next_seconds",                                              \
      "When the next room is due unless it is used, as Unix time; 0: none")                        \
    M(control_turns, COUNTER, "stoa_control_turns_total", "Turns of the control loop")             \
    M(control_busy_us, COUNTER, "stoa_control_busy_us_total",                                      \
      "Microseconds that the control loop worked: its growth is the load")                         \
    M(control_turn_us_max, GAUGE, "stoa_control_turn_us_max",                                      \
      "Longest turn of the control loop in the last second, microseconds")                         \
    M(control_steps_failed, COUNTER, "stoa_control_steps_failed_total",                            \
      "Steps of the control plane that were refused or failed")                                    \
    M(control_edge_full, COUNTER, "stoa_control_refused_total{to=\"edge\"}",                       \
      "Effects refused by a full mailbox; the session is closed")                                  \
    M(control_media_full, COUNTER, "stoa_control_refused_total{to=\"media\"}",                     \
      "Effects refused by a full mailbox; the session is closed")                                  \
    M(control_broken_lost, COUNTER, "stoa_control_broken_lost_total",                              \
      "Closes given up because too many were waiting: must be 0")

#define METRICS_HOOK(M)                                                                            \
    M(hook_delivered, COUNTER, "livekit_webhook_dispatch_total{status=\"success\",reason=\"\"}",   \
      "Events that ended, for each receiver")                                                      \
    M(hook_failed, COUNTER, "livekit_webhook_dispatch_total{status=\"failure\",reason=\"\"}",      \
      "Events that ended, for each receiver")                                                      \
    M(hook_dropped_age, COUNTER, "livekit_webhook_dispatch_total{status=\"drop\",reason=\"age\"}", \
      "Events that ended, for each receiver")                                                      \
    M(hook_dropped_full, COUNTER,                                                                  \
      "livekit_webhook_dispatch_total{status=\"drop\",reason=\"queue is full\"}",                  \
      "Events that ended, for each receiver")                                                      \
    M(hook_dropped_closed, COUNTER,                                                                \
      "livekit_webhook_dispatch_total{status=\"drop\",reason=\"queue is closed\"}",                \
      "Events that ended, for each receiver")                                                      \
    M(hook_dropped_mailbox, COUNTER,                                                               \
      "livekit_webhook_dispatch_total{status=\"drop\",reason=\"mailbox is full\"}",                \
      "Events that ended, for each receiver")                                                      \
    M(hook_dropped_bytes, COUNTER,                                                                 \
      "livekit_webhook_dispatch_total{status=\"drop\",reason=\"too much held\"}",                  \
      "Events that ended, for each receiver")                                                      \
    M(hook_dropped_memory, COUNTER,                                                                \
      "livekit_webhook_dispatch_total{status=\"drop\",reason=\"no memory\"}",                      \
      "Events that ended, for each receiver")                                                      \
    M(hook_length_1, COUNTER, "livekit_webhook_queue_length_bucket{le=\"1\"}",                     \
      "Events waiting in a queue when one more came")                                              \
    M(hook_length_2, COUNTER, "livekit_webhook_queue_length_bucket{le=\"2\"}",                     \
      "Events waiting in a queue when one more came")                                              \
    M(hook_length_3, COUNTER, "livekit_webhook_queue_length_bucket{le=\"3\"}",                     \
      "Events waiting in a queue when one more came")                                              \
    M(hook_length_4, COUNTER, "livekit_webhook_queue_length_bucket{le=\"4\"}",                     \
      "Events waiting in a queue when one more came")                                              \
    M(hook_length_5, COUNTER, "livekit_webhook_queue_length_bucket{le=\"5\"}",                     \
      "Events waiting in a queue when one more came")                                              \
    M(hook_length_10, COUNTER, "livekit_webhook_queue_length_bucket{le=\"10\"}",                   \
      "Events waiting in a queue when one more came")                                              \
    M(hook_length_20, COUNTER, "livekit_webhook_queue_length_bucket{le=\"20\"}",                   \
      "Events waiting in a queue when one more came")                                              \
    M(hook_length_40, COUNTER, "livekit_webhook_queue_length_bucket{le=\"40\"}",                   \
      "Events waiting in a queue when one more came")                                              \
    M(hook_length_80, COUNTER, "livekit_webhook_queue_length_bucket{le=\"80\"}",                   \
      "Events waiting in a queue when one more came")                                              \
    M(hook_length_inf, COUNTER, "livekit_webhook_queue_length_bucket{le=\"+Inf\"}",                \
      "Events waiting in a queue when one more came")                                              \
    M(hook_length_sum, COUNTER, "livekit_webhook_queue_length_sum",                                \
      "Events waiting in a queue when one more came")                                              \
    M(hook_length_count, COUNTER, "livekit_webhook_queue_length_count",                            \
      "Events waiting in a queue when one more came")                                              \
    M(hook_answers_2xx, COUNTER, "stoa_webhook_answers_total{status=\"2xx\"}",                     \
      "Tries of webhooks by the answer that came")                                                 \
    M(hook_answers_3xx, COUNTER, "stoa_webhook_answers_total{status=\"3xx\"}",                     \
      "Tries of webhooks by the answer that came")                                                 \
    M(hook_answers_4xx, COUNTER, "stoa_webhook_answers_total{status=\"4xx\"}",                     \
      "Tries of webhooks by the answer that came")                                                 \
    M(hook_answers_5xx, COUNTER, "stoa_webhook_answers_total{status=\"5xx\"}",                     \
      "Tries of webhooks by the answer that came")                                                 \
    M(hook_answers_none, COUNTER, "stoa_webhook_answers_total{status=\"none\"}",                   \
      "Tries of webhooks by the answer that came")                                                 \
    M(hook_retries, COUNTER, "stoa_webhook_retries_total", "Tries put off after one that failed")  \
    M(hook_taken, COUNTER, "stoa_webhook_events_total{result=\"taken\"}",                          \
      "Events that happened, by whether they are for receivers; refused ones are drops")           \
    M(hook_filtered, COUNTER, "stoa_webhook_events_total{result=\"filtered\"}",                    \
      "Events that happened, by whether they are for receivers; refused ones are drops")           \
    M(hook_queues, GAUGE, "stoa_webhook_queues", "Queues that hold an event")                      \
    M(hook_waiting, GAUGE, "stoa_webhook_waiting",                                                 \
      "Events waiting behind others, for each receiver")                                           \
    M(hook_sending, GAUGE, "stoa_webhook_in_flight", "Requests under way")                         \
    M(hook_bytes, GAUGE, "stoa_webhook_bytes", "Bytes reserved for events held")

#define METRICS_STORE(M)                                                                           \
    M(journal_records, COUNTER, "stoa_journal_records_total", "Records written to the journal")    \
    M(journal_written_bytes, COUNTER, "stoa_journal_written_bytes_total",                          \
      "Bytes written to the journal")                                                              \
    M(journal_refused, COUNTER, "stoa_journal_refused_total",                                      \
      "Posts that found no room: their rooms stay owed")                                           \
    M(journal_errors_write, COUNTER, "stoa_journal_errors_total{call=\"write\"}",                  \
      "Calls to the disk that failed")                                                             \
    M(journal_errors_sync, COUNTER, "stoa_journal_errors_total{call=\"sync\"}",                    \
      "Calls to the disk that failed")                                                             \
    M(journal_errors_open, COUNTER, "stoa_journal_errors_total{call=\"open\"}",                    \
      "Calls to the disk that failed")                                                             \
    M(journal_errors_delete, COUNTER, "stoa_journal_errors_total{call=\"delete\"}",                \
      "Calls to the disk that failed")                                                             \
    M(journal_late, COUNTER, "stoa_journal_late_total",                                            \
      "Posts that were written later than a caller waits")                                         \
    M(journal_snapshots, COUNTER, "stoa_journal_snapshots_total{result=\"ok\"}",                   \
      "Snapshots ended")                                                                           \
    M(journal_snapshots_void, COUNTER, "stoa_journal_snapshots_total{result=\"void\"}",            \
      "Snapshots ended")                                                                           \
    M(journal_cut_bytes, COUNTER, "stoa_journal_cut_bytes_total",                                  \
      "Bytes behind the last good record, cut at the start")                                       \
    M(journal_damaged, COUNTER, "stoa_journal_damaged_total", "Files that were read with damage")  \
    M(journal_write_ms_1, COUNTER, "stoa_journal_write_milliseconds_bucket{le=\"1\"}",             \
      "Time of a write to the journal")                                                            \
    M(journal_write_ms_5, COUNTER, "stoa_journal_write_milliseconds_bucket{le=\"5\"}",             \
      "Time of a write to the journal")                                                            \
    M(journal_write_ms_20, COUNTER, "stoa_journal_write_milliseconds_bucket{le=\"20\"}",           \
      "Time of a write to the journal")                                                            \
    M(journal_write_ms_50, COUNTER, "stoa_journal_write_milliseconds_bucket{le=\"50\"}",           \
      "Time of a write to the journal")                                                            \
    M(journal_write_ms_100, COUNTER, "stoa_journal_write_milliseconds_bucket{le=\"100\"}",         \
      "Time of a write to the journal")                                                            \
    M(journal_write_ms_500, COUNTER, "stoa_journal_write_milliseconds_bucket{le=\"500\"}",         \
      "Time of a write to the journal")                                                            \
    M(journal_write_ms_1000, COUNTER, "stoa_journal_write_milliseconds_bucket{le=\"1000\"}",       \
      "Time of a write to the journal")                                                            \
    M(journal_write_ms_inf, COUNTER, "stoa_journal_write_milliseconds_bucket{le=\"+Inf\"}",        \
      "Time of a write to the journal")                                                            \
    M(journal_write_ms_sum, COUNTER, "stoa_journal_write_milliseconds_sum",                        \
      "Time of a write to the journal")                                                            \
    M(journal_write_ms_count, COUNTER, "stoa_journal_write_milliseconds_count",                    \
      "Time of a write to the journal")                                                            \
    M(journal_sync_ms_1, COUNTER, "stoa_journal_sync_milliseconds_bucket{le=\"1\"}",               \
      "Time of a sync of the journal")                                                             \
    M(journal_sync_ms_5, COUNTER, "stoa_journal_sync_milliseconds_bucket{le=\"5\"}",               \
      "Time of a sync of the journal")                                                             \
    M(journal_sync_ms_20, COUNTER, "stoa_journal_sync_milliseconds_bucket{le=\"20\"}",             \
      "Time of a sync of the journal")                                                             \
    M(journal_sync_ms_50, COUNTER, "stoa_journal_sync_milliseconds_bucket{le=\"50\"}",             \
      "Time of a sync of the journal")                                                             \
    M(journal_sync_ms_100, COUNTER, "stoa_journal_sync_milliseconds_bucket{le=\"100\"}",           \
      "Time of a sync of the journal")                                                             \
    M(journal_sync_ms_500, COUNTER, "stoa_journal_sync_milliseconds_bucket{le=\"500\"}",           \
      "Time of a sync of the journal")                                                             \
    M(journal_sync_ms_1000, COUNTER, "stoa_journal_sync_milliseconds_bucket{le=\"1000\"}",         \
      "Time of a sync of the journal")                                                             \
    M(journal_sync_ms_inf, COUNTER, "stoa_journal_sync_milliseconds_bucket{le=\"+Inf\"}",          \
      "Time of a sync of the journal")                                                             \
    M(journal_sync_ms_sum, COUNTER, "stoa_journal_sync_milliseconds_sum",                          \
      "Time of a sync of the journal")                                                             \
    M(journal_sync_ms_count, COUNTER, "stoa_journal_sync_milliseconds_count",                      \
      "Time of a sync of the journal")                                                             \
    M(journal_state, GAUGE, "stoa_journal_state",                                                  \
      "0: healthy, 1: behind, nobody waits for it, 2: failed")                                     \
    M(journal_unwritten_ms, GAUGE, "stoa_journal_unwritten_milliseconds",                          \
      "Age of the oldest post that is not written")                                                \
    M(journal_unsynced_ms, GAUGE, "stoa_journal_unsynced_milliseconds",                            \
      "Age of the oldest write that is not synced")                                                \
    M(journal_full, GAUGE, "stoa_journal_full", "1: as large as it may be; posts are refused")     \
    M(journal_suspect, GAUGE, "stoa_journal_suspect",                                              \
      "1: a failed sync may have lost something, until the next snapshot")                         \
    M(journal_bytes, GAUGE, "stoa_journal_bytes{what=\"log\"}",                                    \
      "Bytes of the journal, and of its newest snapshot")                                          \
    M(journal_live_bytes, GAUGE, "stoa_journal_bytes{what=\"snapshot\"}",                          \
      "Bytes of the journal, and of its newest snapshot")                                          \
    M(journal_segments, GAUGE, "stoa_journal_segments", "Files of the journal")                    \
    M(journal_last_sync_s, GAUGE, "stoa_journal_last_sync_seconds",                                \
      "When the journal was last synced, as Unix time")                                            \
    M(journal_waits_written, COUNTER, "stoa_journal_waits_total{result=\"written\"}",              \
      "Answers to writes: waited until it was written; until the wait was over (late); did not "   \
      "wait, since the journal is behind (skipped) or too many wait (full)")                       \
    M(journal_waits_late, COUNTER, "stoa_journal_waits_total{result=\"late\"}",                    \
      "Answers to writes: waited until it was written; until the wait was over (late); did not "   \
      "wait, since the journal is behind (skipped) or too many wait (full)")                       \
    M(journal_waits_skipped, COUNTER, "stoa_journal_waits_total{result=\"skipped\"}",              \
      "Answers to writes: waited until it was written; until the wait was over (late); did not "   \
      "wait, since the journal is behind (skipped) or too many wait (full)")                       \
    M(journal_waits_full, COUNTER, "stoa_journal_waits_total{result=\"full\"}",                    \
      "Answers to writes: waited until it was written; until the wait was over (late); did not "   \
      "wait, since the journal is behind (skipped) or too many wait (full)")                       \
    M(journal_held, GAUGE, "stoa_journal_held", "Answers that wait for the journal now")           \
    M(journal_owed_ms, GAUGE, "stoa_journal_owed_milliseconds",                                    \
      "For so long something has been owed to the journal without a break")                        \
    M(journal_skipping, GAUGE, "stoa_journal_skipping",                                            \
      "1: the breaker is open, nobody waits for the journal")                                      \
    M(journal_read_records, GAUGE, "stoa_journal_read_records",                                    \
      "Records of the journal that the start read")                                                \
    M(journal_ahead_s, GAUGE, "stoa_journal_ahead_seconds",                                        \
      "By so much what was read was ahead of the clock of this machine")                           \
    M(journal_read_ms, GAUGE, "stoa_journal_read_milliseconds", "Time that it took")

#define METRICS_OS(M)                                                                              \
    M(mailbox_full, COUNTER, "stoa_mailbox_full_total", "Messages refused by a full mailbox")      \
    M(log_dropped, COUNTER, "stoa_log_dropped_total", "Log lines dropped by a full log queue")
