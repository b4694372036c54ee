#include "daemon/app/metrics.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <prometheus/text_serializer.h>

namespace tracelink {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

struct Labelled {
  std::string value;  // of the label
  double number = 0;
};

double number(std::uint64_t count) { return static_cast<double>(count); }

double seconds(std::chrono::system_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

class Families {
 public:
  void counter(std::string name, std::string help, std::uint64_t count) {
    family(std::move(name), std::move(help), MetricType::Counter)
        .metric.emplace_back()
        .counter.value = number(count);
  }
  void gauge(std::string name, std::string help, double value) {
    family(std::move(name), std::move(help), MetricType::Gauge).metric.emplace_back().gauge.value =
        value;
  }
  void gauges(std::string name, std::string help, const std::string& label,
              const std::vector<Labelled>& values) {
    MetricFamily& all = family(std::move(name), std::move(help), MetricType::Gauge);
    for (const Labelled& labelled : values) {
      ClientMetric& metric = all.metric.emplace_back();
      metric.label = {{label, labelled.value}};
      metric.gauge.value = labelled.number;
    }
  }
  void counters(std::string name, std::string help, const std::string& label,
                const std::vector<Labelled>& values) {
    MetricFamily& all = family(std::move(name), std::move(help), MetricType::Counter);
    for (const Labelled& labelled : values) {
      ClientMetric& metric = all.metric.emplace_back();
      metric.label = {{label, labelled.value}};
      metric.counter.value = labelled.number;
    }
  }
  std::string text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  MetricFamily& family(std::string name, std::string help, MetricType type) {
    return families_.emplace_back(MetricFamily{std::move(name), std::move(help), type, {}});
  }
  std::vector<MetricFamily> families_;
};

void add_spans(Families& families, const QueueStats& queue) {
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
                    "reason",
                    {{"policy", number(queue.dropped_policy)},
                     {"age", number(queue.dropped_age)},
                     {"removed", number(queue.dropped_removed)},
                     {"damaged", number(queue.damaged)}});
}

void add_queue(Families& families, const QueueStats& queue, WallTime now) {
  families.gauge("tracelink_queue_disk_bytes", "What counts against queue.max_bytes.",
                 number(queue.disk_bytes));
  families.gauge("tracelink_queue_oldest_age_seconds", "Age of the oldest record.",
                 queue.oldest_accepted_at ? seconds(now - *queue.oldest_accepted_at) : 0);
  families.gauge("tracelink_queue_full", "1 while requests wait or are refused for room.",
                 queue.full ? 1 : 0);
  families.counter("tracelink_queue_syncs_total", "Groups made durable.", queue.syncs);
  families.counter("tracelink_queue_write_failures_total", "Failed operations on durable state.",
                   queue.write_failures);
  families.counter("tracelink_queue_moved_records_total",
                   "Live records that were moved out of mostly finished segments.",
                   queue.moved_records);
  families.counter("tracelink_queue_reclaimed_bytes_total", "Room that moving records gave back.",
                   queue.reclaimed_bytes);
  families.gauge("tracelink_quarantine_bytes", "Unreadable bytes that were set aside.",
                 number(queue.quarantine_bytes));
}

void add_held_files(Families& families, const std::vector<HeldFile>& files) {
  std::vector<Labelled> by_kind;
  for (const StateFile kind : kStateFiles) {
    const auto count = std::ranges::count(files, kind, &HeldFile::kind);
    by_kind.push_back({std::string(to_string(kind)), static_cast<double>(count)});
  }
  families.gauges("tracelink_files_held", "Files of state_dir that cannot be read now.", "reason",
                  by_kind);
}

void add_intake(Families& families, const ServerStats& intake) {
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
                     {"evicted", number(intake.connections_evicted)}});
  families.counter("tracelink_answers_not_taken_total",
                   "Answers that the client did not take in time.", intake.answers_not_taken);
  families.gauge("tracelink_connections_open", "Connections of clients now.",
                 number(intake.connections_open));
  families.gauge("tracelink_intake_bytes", "Bytes between the sockets and the disk now.",
                 number(intake.in_flight_bytes));
}

void add_delivery(Families& families, const ForwardStatus& forward, bool model_ready) {
  families.gauge("tracelink_model_ready", "1 when the deployment's model is registered.",
                 model_ready ? 1 : 0);
  families.gauge("tracelink_server_up", "1 when the tracking server answers as it should.",
                 forward.server.state == ServerStatus::State::up ? 1 : 0);
  families.gauge("tracelink_scopes_held", "Scopes whose traces are held back.",
                 number(forward.held_scopes));
  families.gauge("tracelink_traces_waiting_for_root", "Traces whose root span has not come.",
                 number(forward.waiting_for_root.traces));
  families.counter("tracelink_traces_delivered_total", "Deliveries of traces, or parts of them.",
                   forward.counters.delivered_traces);
  families.counter("tracelink_batches_total", "Batches that ended, well or not.",
                   forward.counters.batches);
  families.counter("tracelink_trace_pieces_total",
                   "Pieces of traces that were too large to be sent at once.",
                   forward.counters.pieces);
  families.counters("tracelink_delivery_failures_total", "Attempts of traces that failed.",
                    "reason",
                    {{"transient", number(forward.counters.transient)},
                     {"configuration", number(forward.counters.configuration)},
                     {"poison", number(forward.counters.poison)},
                     {"unknown", number(forward.counters.unknown)}});
  families.counter("tracelink_run_links_refused_total",
                   "Traces delivered without the run that their client named.",
                   forward.server.run_links_refused);
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

void add_control(Families& families, const ControlStats& control, const ControlStats& probes) {
  families.gauge("tracelink_control_connections_open",
                 "Connections to control.socket and control.http now.",
                 number(control.open + probes.open));
  families.counters("tracelink_control_connections_closed_total",
                    "Connections to control.socket and control.http that were cut off.", "reason",
                    {{"evicted", number(control.evicted + probes.evicted)},
                     {"timeout", number(control.timed_out + probes.timed_out)}});
}

}  // namespace

std::string metrics_text(const MetricInputs& inputs) {
  Families families;
  // A total that is not known is absent, since a smaller one would look like a new life.
  if (inputs.queue.totals_known) add_spans(families, inputs.queue);
  add_queue(families, inputs.queue, inputs.now);
  add_held_files(families, inputs.queue.held_files);
  add_intake(families, inputs.intake);
  add_delivery(families, inputs.forward, inputs.model_ready);
  add_control(families, inputs.control, inputs.probes);
  families.counters("tracelink_log_lines_dropped_total", "Lines of the log that were not written.",
                    "reason",
                    {{"room", number(inputs.log_lines_dropped.room)},
                     {"error", number(inputs.log_lines_dropped.error)}});
  families.gauge("tracelink_uptime_seconds", "Time since the start.",
                 std::chrono::duration<double>(inputs.uptime).count());
  return families.text();
}

}  // namespace tracelink
