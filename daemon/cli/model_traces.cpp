#include "daemon/cli/model_traces.hpp"

#include <ctime>
#include <functional>
#include <memory>
#include <utility>

#include <nlohmann/json.hpp>

#include "config/text.hpp"
#include "daemon/cli/commands.hpp"
#include "daemon/cli/model_lookup.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/cli/trace_pages.hpp"
#include "daemon/cli/trace_search.hpp"
#include "daemon/mlflow/rest/rest_json.hpp"

namespace tracelink::cli {

namespace {

struct TraceOptions {
  std::string model, since;
  bool errors = false;
};

// Calls visit(trace) for each, newest first.
std::optional<Failure> for_each_trace(TrackingSession& session, TraceQuery query,
                                      const std::function<void(const TraceSummary&)>& visit) {
  TracePages pages(std::move(query),
                   [&session](const TraceQuery& asked) { return search_traces(session, asked); });
  while (true) {
    const auto page = pages.next();
    if (!page) return page.error();
    const auto& traces = *page;
    if (!traces) return std::nullopt;
    for (const TraceSummary& trace : *traces) visit(trace);
  }
}

TraceQuery traces_of(const LoggedModel& model) {
  return {model.experiment_id, linked_traces_filter(model.model_id), ""};
}

nlohmann::json to_json(const TraceSummary& trace) {
  return {{"trace_id", trace.trace_id},
          {"name", trace.name},
          {"state", trace.state},
          {"request_time", trace.request_time},
          {"execution_duration", trace.execution_duration},
          {"request_preview", trace.request_preview}};
}

void print_trace(const TraceSummary& trace) {
  print("{}  {}  {:<11} {:>9}  {}\n", trace.trace_id, trace.request_time, trace.state,
        trace.execution_duration, trace.name);
}

int list_traces(const Context& context, const ExperimentOptions& experiment,
                const TraceOptions& options) {
  return with_model(
      context, experiment, options.model, [&](TrackingSession& session, const LoggedModel& model) {
        TraceQuery query = traces_of(model);
        if (options.errors) query.filter += " AND trace.status = 'ERROR'";
        if (const auto since = since_ms(options.since, now_ms())) {
          query.filter += " AND trace.timestamp_ms >= " + std::to_string(*since);
        }
        bool is_first = true;
        const auto failure = for_each_trace(session, query, [&](const TraceSummary& trace) {
          if (context.json) print_json_element(to_json(trace), is_first);
          if (!context.json) print_trace(trace);
          is_first = false;
        });
        if (failure) return fail(*failure);
        if (context.json) write_out(is_first ? "[]\n" : "\n]\n");
        return kDone;
      });
}

}  // namespace

Answer<TraceCounts> count_traces(TrackingSession& session, const LoggedModel& model) {
  TraceCounts counts;
  const auto failure = for_each_trace(session, traces_of(model), [&](const TraceSummary& trace) {
    if (counts.traces++ == 0) counts.last = trace.request_time;
    if (trace.state == "ERROR") ++counts.errors;
  });
  if (failure) return *failure;
  return counts;
}

std::optional<std::int64_t> since_ms(const std::string& text, std::int64_t now_ms) {
  if (const auto ago = parse_duration(text)) return now_ms - ago->count();
  for (const char* format : {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"}) {
    std::tm parts{};
    const char* end = ::strptime(text.c_str(), format, &parts);
    if (end != nullptr && *end == '\0') return static_cast<std::int64_t>(::timegm(&parts)) * 1000;
  }
  return std::nullopt;
}

std::string check_since(const std::string& text) {
  return since_ms(text, 0) ? "" : "neither a duration such as 24h nor a date or time in UTC";
}

std::int64_t now_ms() { return static_cast<std::int64_t>(std::time(nullptr)) * 1000; }

void add_model_traces(CLI::App& models, const Context& context, int& exit_code) {
  auto options = std::make_shared<TraceOptions>();
  CLI::App* command =
      models.add_subcommand("traces", "List the traces that are linked to a model, newest first");
  command->add_option("ID_OR_NAME", options->model, "m-… or a name in the experiment")->required();
  command->add_flag("--errors", options->errors, "Only those that ended with an error");
  command
      ->add_option("--since", options->since,
                   "Only those that began since: 30m, 24h, 2026-11-23 or 2026-11-23T12:00:00Z")
      ->check(check_since);
  const auto experiment = add_experiment_options(*command);
  command->footer("Example:\n  tracelink models traces my-agent-v3 --errors --since 24h");
  command->callback([&context, &exit_code, experiment, options] {
    exit_code = list_traces(context, *experiment, *options);
  });
}

}  // namespace tracelink::cli
