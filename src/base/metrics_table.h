/* metrics_table.h: the rows of metrics.h. A floor adds its rows to its own part.
 * Columns: field, kind, exposed name with labels of its own, help. */
#pragma once

#define METRICS(M) METRICS_EDGE(M) METRICS_NODE(M) METRICS_DIR(M) METRICS_MEDIA(M) METRICS_OS(M)

#define METRICS_EDGE(M)                                                                            \
    M(edge_accepted, COUNTER, "stoa_connections_accepted_total", "Connections accepted")           \
    M(edge_conns, GAUGE, "stoa_connections", "Connections open")                                   \
    M(edge_websockets, GAUGE, "stoa_websockets", "WebSocket connections open")                     \
    M(edge_requests, COUNTER, "stoa_http_requests_total", "HTTP requests read whole")

#define METRICS_NODE(M)                                                                            \
    M(rooms, GAUGE, "livekit_room_total", "Rooms held")                                            \
    M(participants, GAUGE, "livekit_participant_total", "Participants in rooms of this node")

#define METRICS_DIR(M)                                                                             \
    M(dir_sweep_done, COUNTER, "stoa_dir_swept_total", "Deadlines that the sweeper handled")

#define METRICS_MEDIA(M)                                                                           \
    M(datagrams_in, COUNTER, "stoa_datagrams_total{direction=\"in\"}", "UDP datagrams")            \
    M(datagrams_out, COUNTER, "stoa_datagrams_total{direction=\"out\"}", "UDP datagrams")

#define METRICS_OS(M)                                                                              \
    M(mailbox_full, COUNTER, "stoa_mailbox_full_total", "Messages refused by a full mailbox")      \
    M(log_dropped, COUNTER, "stoa_log_dropped_total", "Log lines dropped by a full log queue")
