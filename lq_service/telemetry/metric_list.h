/* Every metric there is: the one list that exporters, documents and dashboards are checked against.
 *
 * X(id, name, scale, emf, unit, help). scale: digits behind the point of what is counted (0 whole,
 * 6 millionths, 9 nanoseconds shown as seconds). emf, unit: the name and unit in CloudWatch. */
#ifndef LQ_SERVICE_TELEMETRY_METRIC_LIST_H
#define LQ_SERVICE_TELEMETRY_METRIC_LIST_H

/* ---- by tenant and game: this module keeps them ---- */
#define LQ_COUNTER_LIST(X)                                                                         \
  X(TICKS, "lq_tenant_ticks_total", 0, "Ticks", "Count", "Ticks run.")                             \
  X(LATE_TICKS, "lq_tenant_ticks_late_total", 0, "LateTicks", "Count",                             \
    "Periods of the tick clock that were missed.")                                                 \
  X(COMMANDS, "lq_tenant_commands_total", 0, "Commands", "Count", "Commands applied.")             \
  X(REFUSED, "lq_tenant_commands_refused_total", 0, "CommandsRefused", "Count",                    \
    "Commands refused.")                                                                           \
  X(EVENTS, "lq_tenant_events_total", 0, "Events", "Count", "Events emitted.")                     \
  X(ERRORS, "lq_tenant_errors_total", 0, "Errors", "Count",                                        \
    "Faults of this side: failed commits, failed systems, answers 5xx.")                           \
  X(RECEIVED, "lq_tenant_received_bytes_total", 0, "BytesIn", "Bytes", "Bytes read from clients.") \
  X(SENT, "lq_tenant_sent_bytes_total", 0, "BytesOut", "Bytes", "Bytes sent to clients.")          \
  X(CPU, "lq_tenant_cpu_seconds_total", 9, "CpuTime", "Milliseconds", "CPU time of ticks.")        \
  X(COST, "lq_tenant_cost_total", 6, "Cost", "None", "Cost by the price table, in its currency.")

#define LQ_GAUGE_LIST(X)                                                                           \
  X(CONNECTIONS, "lq_tenant_connections", 0, "Connections", "Count", "Clients joined.")            \
  X(SESSIONS, "lq_tenant_sessions_live", 0, "Sessions", "Count", "Sessions in memory.")            \
  X(PHYSICS_BODIES, "lq_tenant_physics_bodies", 0, "PhysicsBodies", "Count",                       \
    "Bodies that physics moves.")                                                                  \
  X(STORED, "lq_tenant_stored_bytes", 0, "StoredBytes", "Bytes", "Bytes stored durably.")

#define LQ_HISTOGRAM_LIST(X)                                                                       \
  X(FRAME, "lq_tenant_tick_seconds", 9, "FrameTime", "Milliseconds", "Time of one tick.")          \
  X(COMMIT, "lq_tenant_commit_seconds", 9, "CommitTime", "Milliseconds",                           \
    "From command applied to acknowledged.")                                                       \
  X(AI, "lq_tenant_ai_think_seconds", 9, "AIThinkTime", "Milliseconds",                            \
    "Time of the tick's AI systems.")

/* ---- of the process: gateway, shard, store and exporters keep them ----
 * X(type, name, help) as they are written there. */
#define LQ_PROCESS_LIST(X)                                                                         \
  X("gauge", "lq_build_info", "The version of this program.")                                      \
  X("gauge", "lq_connections", "Open connections.")                                                \
  X("gauge", "lq_websockets", "Open WebSockets.")                                                  \
  X("counter", "lq_connections_accepted_total", "Connections accepted.")                           \
  X("counter", "lq_connections_refused_total", "Connections refused.")                             \
  X("counter", "lq_websocket_upgrades_total", "Connections that became WebSockets.")               \
  X("counter", "lq_http_requests_total", "HTTP requests read, refused ones included.")             \
  X("counter", "lq_http_responses_total", "HTTP answers by class of status.")                      \
  X("counter", "lq_received_bytes_total", "Bytes read from clients.")                              \
  X("counter", "lq_messages_received_total", "WebSocket messages read.")                           \
  X("counter", "lq_messages_sent_total", "WebSocket texts sent.")                                  \
  X("counter", "lq_message_errors_total", "WebSocket messages that could not be understood.")      \
  X("counter", "lq_rate_refused_total", "Messages and requests above the rate.")                   \
  X("counter", "lq_slow_refused_total", "Texts that found a connection's queue full.")             \
  X("counter", "lq_connections_closed_total", "Connections this side closed, by reason.")          \
  X("gauge", "lq_sessions_live", "Sessions in memory.")                                            \
  X("gauge", "lq_clients", "Clients joined or joining.")                                           \
  X("counter", "lq_ticks_total", "Ticks run.")                                                     \
  X("counter", "lq_ticks_late_total", "Periods of the tick clock that were missed.")               \
  X("counter", "lq_commands_total", "Commands applied.")                                           \
  X("counter", "lq_commands_refused_total", "Commands refused.")                                   \
  X("counter", "lq_events_total", "Events emitted.")                                               \
  X("counter", "lq_frames_sent_total", "Texts handed to connections.")                             \
  X("counter", "lq_commits_total", "Slices committed.")                                            \
  X("counter", "lq_commits_failed_total", "Slices that could not be committed.")                   \
  X("counter", "lq_wakes_total", "Sessions woken.")                                                \
  X("counter", "lq_hibernations_total", "Sessions put to sleep.")                                  \
  X("counter", "lq_swaps_total", "Sessions moved to another release.")                             \
  X("counter", "lq_slow_resyncs_total", "Slow clients brought up to date by a snapshot.")          \
  X("counter", "lq_slow_closes_total", "Slow clients closed.")                                     \
  X("summary", "lq_tick_seconds", "Time of one session's tick, of the last 4096.")                 \
  X("summary", "lq_commit_seconds", "From command applied to acknowledged, of the last 4096.")     \
  X("counter", "lq_store_group_commits_total", "Group commits written.")                           \
  X("counter", "lq_store_slices_total", "Slices in them.")                                         \
  X("counter", "lq_store_written_bytes_total", "Bytes of group rows.")                             \
  X("gauge", "lq_store_waiting_bytes", "Bytes that wait for a commit.")                            \
  X("summary", "lq_store_commit_seconds", "Group commits, of the last 1024.")

/* ---- of the exporters themselves: lq_telemetry_text writes them ---- */
#define LQ_EXPORTER_LIST(X)                                                                        \
  X("counter", "lq_log_lines_total", "Lines of the log written.")                                  \
  X("counter", "lq_log_dropped_total", "Lines of the log above their event's rate.")               \
  X("counter", "lq_trace_spans_total", "Spans recorded.")                                          \
  X("counter", "lq_trace_spans_dropped_total", "Spans that found the ring full.")                  \
  X("counter", "lq_trace_spans_sent_total", "Spans that the collector took.")                      \
  X("counter", "lq_trace_spans_lost_total", "Spans that the collector refused or never got.")      \
  X("counter", "lq_trace_retries_total", "Batches of spans sent again.")

#endif
