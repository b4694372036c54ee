#include "daemon/app/metrics.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/app/metric_families.hpp"
#include "daemon/types/version.hpp"

namespace tracelink {

namespace {

using Labelled = MetricFamilies::Labelled;

double number(std::uint64_t count) { return static_cast<double>(count); }

double seconds(std::chrono::system_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

std::vector<Labelled> by_class(const FailureCounts& failures) {
  std::vector<Labelled> all;
  all.reserve(kFailureClasses.size());
  for (const FailureClass failure_class : kFailureClasses) {
    all.push_back({to_string(failure_class), number(failures[failure_class])});
  }
  return all;
}

// Why what was accepted will not be delivered; `terms`: QueueStats of spans, or Totals of changes.
std::vector<Labelled> by_reason(const auto& terms) {
  return {{"policy", number(terms.dropped_policy)},
          {"age", number(terms.dropped_age)},
          {"removed", number(terms.dropped_removed)},
          {"damaged", number(terms.damaged)}};
}

void add_spans(MetricFamilies& families, const QueueStats& queue) {
  families.counter("tracelink_spans_accepted_total", "Spans acknowledged to clients.",
                   queue.accepted);
  families.counter("tracelink_spans_delivered_total", "Spans stored by the destination.",
                   queue.delivered);
  families.counter("tracelink_spans_duplicate_total", "Spans that came more than once.",
                   queue.duplicate);
  families.gauge("tracelink_spans_queued", "Spans on disk, to be delivered.",
                 number(queue.queued_spans));
  families.gauge("tracelink_spans_dead_lettered", "Spans among the dead letters.",
                 number(queue.dead_lettered));
  families.counters("tracelink_spans_lost_total", "Accepted spans that will not be delivered.",
                    "reason", by_reason(queue));
}

void add_changes(MetricFamilies& families, const Totals& changes) {
  families.counter("tracelink_trace_changes_accepted_total",
                   "Changes of traces, by MLflow SDKs, on stable storage.", changes.accepted);
  families.counter("tracelink_trace_changes_delivered_total",
                   "Changes of traces that the tracking server has made.", changes.delivered);
  families.gauge("tracelink_trace_changes_queued", "Changes of traces on disk, to be delivered.",
                 number(changes.queued()));
  families.gauge("tracelink_trace_changes_dead_lettered",
                 "Changes of traces among the dead letters.", number(changes.dead_lettered));
  families.counters("tracelink_trace_changes_lost_total",
                    "Accepted changes of traces that will not be delivered.", "reason",
                    by_reason(changes));
}

void add_queue(MetricFamilies& families, const QueueStats& queue, WallTime now) {
  families.gauge("tracelink_queue_disk_bytes", "What counts against queue.max_bytes.",
                 number(queue.disk_bytes));
  families.gauge(
      "tracelink_queue_oldest_age_seconds", "Age of the oldest record.",
      queue.oldest_accepted_at ? std::max(0.0, seconds(now - *queue.oldest_accepted_at)) : 0);
  families.gauge("tracelink_queue_full", "1 while requests wait or are refused for room.",
                 queue.full ? 1 : 0);
  families.counter("tracelink_queue_syncs_total", "Groups made durable.", queue.syncs);
  families.begin_histograms("tracelink_queue_commit_seconds",
                            "Time to write a group of records and to make it durable.");
  families.add_histogram({}, queue.commit_time);
  families.counter("tracelink_queue_write_failures_total", "Failed operations on durable state.",
                   queue.write_failures);
  families.counter("tracelink_queue_moved_records_total",
                   "Live records that were moved out of mostly finished segments.",
                   queue.moved_records);
  families.counter("tracelink_queue_reclaimed_bytes_total", "Room that moving records gave back.",
                   queue.reclaimed_bytes);
  families.gauge("tracelink_quarantine_bytes", "Damaged bytes that were set aside.",
                 number(queue.quarantine_bytes));
}

void add_held_files(MetricFamilies& families, const std::vector<HeldFile>& files) {
  std::vector<Labelled> by_kind;
  for (const StateFile kind : kStateFiles) {
    const auto count = std::ranges::count(files, kind, &HeldFile::kind);
    by_kind.push_back({std::string(to_string(kind)), static_cast<double>(count)});
  }
  families.gauges("tracelink_files_held",
                  "Files of state_dir that cannot be read now, and copies for quarantine/ that "
                  "cannot be written.",
                  "reason", by_kind);
}

void add_results(MetricFamilies& families, const ServerStats& intake) {
  families.begin_counters("tracelink_request_results_total", "Answers to export requests.");
  const auto add = [&](const char* protocol, const RequestResults& results) {
    const auto labels = [&](const char* result) {
      return MetricFamilies::Labels{{"protocol", protocol}, {"result", result}};
    };
    families.add_counter(labels("stored"), results.stored);
    families.add_counter(labels("partial"), results.partial);
    families.add_counter(labels("overload"), results.overload);
    families.add_counter(labels("refused"), results.refused);
  };
  add("grpc", intake.grpc_results);
  add("http", intake.http_results);
  add("json_lines", intake.json_line_results);
}

void add_intake(MetricFamilies& families, const ServerStats& intake) {
  families.counters("tracelink_requests_total", "Export requests of clients.", "protocol",
                    {{"grpc", number(intake.grpc_requests)},
                     {"http", number(intake.http_requests)},
                     {"json_lines", number(intake.json_line_requests)}});
  families.counters("tracelink_requests_refused_total", "Requests that were not stored.", "reason",
                    {{"invalid", number(intake.invalid_requests)},
                     {"too_large", number(intake.too_large_requests)},
                     {"header", number(intake.large_headers)},
                     {"slow", number(intake.slow_bodies)},
                     {"overload", number(intake.overload_replies)}});
  std::vector<Labelled> rejected;
  rejected.reserve(intake.rejected_spans.size());
  for (const auto& [reason, spans] : intake.rejected_spans) {
    rejected.push_back({reason, number(spans)});
  }
  families.counters("tracelink_spans_rejected_total", "Spans refused by partial success.", "reason",
                    rejected);
  families.counter("tracelink_spans_repaired_total",
                   "Spans that ended before they began, stored as ending then.",
                   intake.repaired_ends);
  families.counter("tracelink_trace_infos_accepted_total",
                   "Trace infos of MLflow SDKs on stable storage.", intake.accepted_infos);
  families.counter("tracelink_requests_relayed_total",
                   "Requests of MLflow SDKs that were passed on to the tracking server.",
                   intake.relayed_requests);
  families.counters(
      "tracelink_characters_replaced_total",
      "Parts of texts that were no Unicode, stored as U+FFFD.", "reason",
      {{"utf8", number(intake.replaced_utf8)}, {"surrogate", number(intake.replaced_surrogates)}});
  families.counters("tracelink_connections_refused_total", "Connections closed unserved.", "reason",
                    {{"peer", number(intake.refused_peers)},
                     {"tls", number(intake.tls_hellos)},
                     {"protocol", number(intake.unknown_protocols)},
                     {"slow", number(intake.late_headers)},
                     {"flood", number(intake.frame_floods)},
                     {"evicted", number(intake.connections_evicted)}});
  families.counter("tracelink_answers_not_taken_total",
                   "Answers that the client did not take in time.", intake.answers_not_taken);
  families.gauge("tracelink_connections_open", "Connections of clients now.",
                 number(intake.connections_open));
  families.gauge("tracelink_intake_bytes", "Bytes between the sockets and the disk now.",
                 number(intake.in_flight_bytes));
}

void add_steps(MetricFamilies& families, const StepCounts& steps) {
  const auto step = [](std::size_t i) { return to_string(static_cast<DeliveryStep>(i)); };
  families.begin_counters("tracelink_delivery_steps_total",
                          "Answered requests of deliveries to the tracking server.");
  for (std::size_t i = 0; i < steps.size(); ++i) {
    families.add_counter({{"step", step(i)}, {"class", "ok"}}, steps[i].ok);
    for (const FailureClass failure_class : kFailureClasses) {
      families.add_counter({{"step", step(i)}, {"class", to_string(failure_class)}},
                           steps[i].failures[failure_class]);
    }
  }
  families.begin_histograms("tracelink_delivery_step_seconds",
                            "Time from sending a request of a delivery to its answer.");
  for (std::size_t i = 0; i < steps.size(); ++i) {
    families.add_histogram({{"step", step(i)}}, steps[i].time);
  }
}

void add_models(MetricFamilies& families, const std::vector<ModelCount>& models) {
  families.begin_counters("tracelink_model_traces_delivered_total",
                          "Deliveries of traces, or parts of them, by model.");
  for (const ModelCount& count : models) {
    families.add_counter({{"model", count.model}}, count.delivered_traces);
  }
  families.begin_counters("tracelink_model_delivery_failures_total",
                          "Attempts of traces that failed, by model.");
  for (const ModelCount& count : models) {
    families.add_counter({{"model", count.model}}, count.failures);
  }
}

void add_registration(MetricFamilies& families, const RegistrationCounters& counters,
                      const ModelStates& models) {
  families.gauges("tracelink_models", "Models of the links in use.", "state",
                  {{"ready", number(models.ready)},
                   {"unresolved", number(models.unresolved)},
                   {"failed", number(models.failed)}});
  families.counter("tracelink_registration_attempts_total",
                   "Attempts to find, create or verify a model.", counters.attempts);
  families.counters("tracelink_registration_failures_total",
                    "Attempts to find, create or verify a model that failed.", "reason",
                    by_class(counters.failures));
}

void add_delivery(MetricFamilies& families, const ForwardStatus& forward, bool model_ready) {
  families.gauge("tracelink_model_ready", "1 when the deployment's model is registered.",
                 model_ready ? 1 : 0);
  families.gauge("tracelink_server_up", "1 when the tracking server answers as it should.",
                 forward.server.state == ServerStatus::State::up ? 1 : 0);
  families.gauge("tracelink_traces_per_second_limit", "Traces sent in one second at most.",
                 forward.traces_per_second);
  families.gauge("tracelink_scopes_held", "Scopes whose traces are held back.",
                 number(forward.held_scopes));
  families.gauge("tracelink_traces_waiting_for_root", "Traces whose root span has not come.",
                 number(forward.waiting_for_root.traces));
  families.counter("tracelink_traces_delivered_total", "Deliveries of traces, or parts of them.",
                   forward.counters.delivered_traces);
  families.begin_histograms("tracelink_delivery_lag_seconds",
                            "Time from a trace's acceptance to its delivery.");
  families.add_histogram({}, forward.counters.lag);
  families.counter("tracelink_batches_total", "Batches that ended, well or not.",
                   forward.counters.batches);
  families.counter("tracelink_trace_pieces_total",
                   "Pieces of traces that were too large to be sent at once.",
                   forward.counters.pieces);
  families.counters("tracelink_delivery_failures_total", "Attempts of traces that failed.",
                    "reason", by_class(forward.counters.failures));
  families.counter("tracelink_run_links_refused_total",
                   "Traces delivered without the run that their client named.",
                   forward.server.run_links_refused);
  families.counter("tracelink_possible_duplicate_spans_total",
                   "Spans sent again that may be stored, where the server keeps both.",
                   forward.server.possible_duplicate_spans);
  families.counter("tracelink_possible_duplicate_infos_total",
                   "Trace infos sent again that may be stored, where the server keeps both.",
                   forward.server.possible_duplicate_infos);
  const Repairs& repairs = forward.server.repairs;
  families.counters("tracelink_values_repaired_total",
                    "Values changed because a server or its database refuses them.", "reason",
                    {{"nul", number(repairs.nul)},
                     {"surrogate", number(repairs.surrogate)},
                     {"length", number(repairs.length)},
                     {"range", number(repairs.range)},
                     {"form", number(repairs.form)}});
  families.gauge("tracelink_dead_letter_bytes", "Size of the dead letters.",
                 number(forward.dead_letter_bytes));
}

void add_control(MetricFamilies& families, const ControlStats& control,
                 const ControlStats& probes) {
  families.gauge("tracelink_control_connections_open",
                 "Connections to control.socket and control.http now.",
                 number(control.open + probes.open));
  families.counters("tracelink_control_connections_closed_total",
                    "Connections to control.socket and control.http that were cut off.", "reason",
                    {{"evicted", number(control.evicted + probes.evicted)},
                     {"timeout", number(control.timed_out + probes.timed_out)}});
}

void add_process(MetricFamilies& families, const ProcessStats& process) {
  const auto gauge = [&](const char* name, const char* help, auto value) {
    if (value) families.gauge(name, help, static_cast<double>(*value));
  };
  if (process.cpu_seconds) {
    families.counter_seconds("process_cpu_seconds_total", "User and system CPU time.",
                             *process.cpu_seconds);
  }
  gauge("process_resident_memory_bytes", "Resident memory.", process.resident_bytes);
  gauge("process_virtual_memory_bytes", "Virtual memory.", process.virtual_bytes);
  gauge("process_threads", "Threads.", process.threads);
  gauge("process_open_fds", "Open file descriptors.", process.open_files);
  gauge("process_max_fds", "How many file descriptors may be open.", process.max_files);
  gauge("process_start_time_seconds", "The start, in seconds since 1970.", process.start_time);
}

}  // namespace

ModelStates model_states(const std::vector<RegistrationStatus>& statuses) {
  const auto count = [&](RegistrationState state) {
    return static_cast<std::uint64_t>(
        std::ranges::count(statuses, state, &RegistrationStatus::state));
  };
  return {.ready = count(RegistrationState::ready),
          .unresolved = count(RegistrationState::unresolved),
          .failed = count(RegistrationState::failed)};
}

std::string server_address(std::string_view uri) {
  const std::size_t scheme = uri.find("://");
  if (scheme == std::string_view::npos) return {};
  const std::string_view authority = uri.substr(scheme + 3, uri.find('/', scheme + 3) - scheme - 3);
  return std::string(authority.substr(authority.rfind('@') + 1));
}

std::string metrics_text(const MetricInputs& inputs) {
  MetricFamilies families;
  // A total that is not known is absent, since a smaller one would look like a new life.
  if (inputs.queue.totals_known) {
    add_spans(families, inputs.queue);
    add_changes(families, inputs.queue.changes);
  }
  add_queue(families, inputs.queue, inputs.now);
  add_held_files(families, inputs.queue.held_files);
  add_intake(families, inputs.intake);
  add_results(families, inputs.intake);
  add_delivery(families, inputs.forward, inputs.model_ready);
  add_steps(families, inputs.forward.server.steps);
  add_models(families, inputs.forward.models);
  add_registration(families, inputs.forward.server.registrations, inputs.models);
  add_control(families, inputs.control, inputs.probes);
  families.counters("tracelink_log_lines_dropped_total", "Lines of the log that were not written.",
                    "reason",
                    {{"room", number(inputs.log_lines_dropped.room)},
                     {"error", number(inputs.log_lines_dropped.error)}});
  families.gauge("tracelink_uptime_seconds", "Time since the start.",
                 std::chrono::duration<double>(inputs.uptime).count());
  families.info("tracelink_build_info", "What runs.", {{"version", kVersion}});
  if (!inputs.server.empty()) {
    families.info("tracelink_server_info", "The tracking server, and its version once known.",
                  {{"server", inputs.server}, {"version", inputs.forward.server.version}});
  }
  add_process(families, inputs.process);
  return families.text();
}

}  // namespace tracelink
