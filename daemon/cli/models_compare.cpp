#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/posix_file_system.hpp"
#include "daemon/cli/commands.hpp"
#include "daemon/cli/model_lookup.hpp"
#include "daemon/cli/model_metrics.hpp"
#include "daemon/cli/model_traces.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/cli/version_reading.hpp"
#include "daemon/compare/condition.hpp"
#include "daemon/compare/metrics.hpp"
#include "daemon/compare/page.hpp"
#include "daemon/compare/report.hpp"
#include "daemon/compare/table.hpp"
#include "daemon/text/utc_time.hpp"

namespace tracelink::cli {

namespace {

using compare::Comparison;
using compare::Verdict;

constexpr int kMostModels = 8;

struct CompareOptions {
  std::vector<std::string> models, conditions;
  std::string since, page;
  std::size_t newest = 0;  // 0: all
  bool publish = false;
};

TraceRange range_of(const CompareOptions& options) {
  return {since_ms(options.since, now_ms()),
          options.newest == 0 ? std::nullopt : std::optional(options.newest)};
}

// All are found before any trace is read.
Answer<std::vector<LoggedModel>> find_models(TrackingSession& session, const Config& config,
                                             const ExperimentOptions& experiment,
                                             const std::vector<std::string>& names) {
  std::vector<LoggedModel> models;
  for (const std::string& name : names) {
    auto model = find_model(session, config, experiment, name);
    if (!model) return std::move(model.error());
    models.push_back(*std::move(model));
  }
  return models;
}

// A model that is named twice; nothing: there is none.
std::optional<LoggedModel> repeated(const std::vector<LoggedModel>& models) {
  for (auto model = models.begin(); model != models.end(); ++model) {
    const auto again = std::find_if(model + 1, models.end(), [&](const LoggedModel& other) {
      return other.model_id == model->model_id;
    });
    if (again != models.end()) return *model;
  }
  return std::nullopt;
}

std::vector<Verdict> verdicts_of(const std::vector<std::string>& conditions,
                                 const Comparison& comparison) {
  std::vector<Verdict> all;
  for (const std::string& text : conditions) {
    const auto condition = compare::parse_condition(text);  // add_compare_models() has checked it
    std::ranges::move(compare::judge(*condition, comparison), std::back_inserter(all));
  }
  return all;
}

int write_page(const Comparison& comparison, const std::string& path) {
  PosixFileSystem files;
  const auto written =
      write_file_durably(files, std::filesystem::absolute(path),
                         compare::page_of(comparison, utc_iso(SystemClock().wall())));
  if (!written) return fail(kFailed, "--html " + path + ": " + written.error().message);
  return kDone;
}

// MLflow keeps every value that a metric had: only those that changed are sent.
std::map<std::string, double> changed(const std::map<std::string, double>& figures,
                                      const LoggedModel& model) {
  std::map<std::string, double> values;
  for (const auto& [name, value] : figures) {
    const auto stored = model.metrics.find(name);
    if (stored == model.metrics.end() || stored->second != value) values.emplace(name, value);
  }
  return values;
}

int publish(const Context& context, TrackingSession& session, const compare::Version& version) {
  const auto values = changed(compare::metrics_of(version.figures), version.model);
  if (!values.empty()) {
    const auto logged = log_model_metrics(session, version.model, values);
    if (!logged) return fail(logged.error());
  }
  if (!context.json) {
    print("published {} changed metrics of {} ({})\n", values.size(), version.model.model_id,
          version.model.name);
  }
  return kDone;
}

int report(const Context& context, TrackingSession& session, const CompareOptions& options,
           const Comparison& comparison) {
  const std::vector<Verdict> verdicts = verdicts_of(options.conditions, comparison);
  if (context.json) print_json(compare::report_of(comparison, verdicts));
  if (!context.json) write_out(compare::table_of(comparison));
  if (!options.page.empty()) {
    if (const int code = write_page(comparison, options.page); code != kDone) return code;
  }
  for (const compare::Version& version : comparison.versions) {
    if (!options.publish) break;
    if (const int code = publish(context, session, version); code != kDone) return code;
  }
  int code = kDone;
  for (const Verdict& verdict : verdicts) {
    if (verdict.outcome != Verdict::Outcome::passes) code = fail(kFailed, verdict.message);
  }
  return code;
}

int compare_models(const Context& context, const ExperimentOptions& experiment,
                   const CompareOptions& options) {
  return with_session(context, [&](TrackingSession& session, const Config& config) {
    const auto models = find_models(session, config, experiment, options.models);
    if (!models) return fail(models.error());
    if (const auto model = repeated(*models)) {
      return fail(kUsage, model->model_id + " (" + model->name + ") is named twice");
    }
    const TraceRange range = range_of(options);
    std::vector<compare::Version> versions;
    for (const LoggedModel& model : *models) {
      auto version = read_version(session, model, range);
      if (!version) return fail(version.error());
      versions.push_back(*std::move(version));
    }
    return report(context, session, options, compare::compare(std::move(versions)));
  });
}

std::string check_condition(const std::string& text) {
  const auto condition = compare::parse_condition(text);
  return condition ? "" : condition.error().message;
}

void add_options(CLI::App& command, CompareOptions& options) {
  command.add_option("ID_OR_NAME", options.models, "The baseline, then 1 to 7 others")
      ->required()
      ->expected(2, kMostModels);
  command
      .add_option("--since", options.since, "Only traces that began since, as models traces has it")
      ->check(check_since);
  command.add_option("--last", options.newest, "Only the newest so many traces of each model")
      ->check(CLI::PositiveNumber);
  command.add_option("--html", options.page, "Also write one page with plots, for a browser")
      ->check([](const std::string& path) { return path.empty() ? "name a file" : ""; });
  command.add_flag("--publish", options.publish, "Also write the figures as metrics of each model");
  command
      .add_option("--fail-if", options.conditions,
                  "End with 1 if it holds for a model but the baseline; may be repeated")
      ->check(check_condition)
      ->allow_extra_args(false);
}

}  // namespace

void add_compare_models(CLI::App& models, const Context& context, int& exit_code) {
  auto options = std::make_shared<CompareOptions>();
  CLI::App* command =
      models.add_subcommand("compare", "Compare versions by what the server knows of their traces");
  add_options(*command, *options);
  const auto experiment = add_experiment_options(*command);
  command->footer(
      "Conditions are FIGURE OP BOUND: OP is > >= < or <=; BOUND is a number, 1.2x (times the\n"
      "baseline's), or +0.05 or -0.05 (beside the baseline's). Figures: error_rate, "
      "latency_p95_ms,\n"
      "cost_usd_per_trace, total_tokens_per_trace, pass_rate:NAME, mean:NAME, ...; --json has "
      "all.\n"
      "Examples:\n"
      "  tracelink models compare agent-v1 agent-v2 --since 24h --html comparison.html\n"
      "  tracelink models compare agent-v1 agent-v2 --fail-if 'error_rate > 1.2x' \\\n"
      "      --fail-if 'latency_p95_ms > 2000' --fail-if 'pass_rate:correctness < -0.05'");
  command->callback([&context, &exit_code, experiment, options] {
    exit_code = compare_models(context, *experiment, *options);
  });
}

}  // namespace tracelink::cli
