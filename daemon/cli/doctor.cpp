#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include "config/load.hpp"
#include "daemon/cli/commands.hpp"
#include "daemon/cli/examination.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/cli/sdk_variables.hpp"

namespace tracelink::cli {

namespace {

using nlohmann::ordered_json;

Findings examine_configuration(const LoadResult& result) {
  Findings findings;
  for (const ConfigProblem& error : result.errors) {
    findings.push_back({"configuration", Finding::State::failed, error.to_string()});
  }
  if (!result.loaded) return findings;
  for (const ConfigProblem& warning : result.loaded->warnings) {
    findings.push_back({"configuration", Finding::State::warning, warning.to_string()});
  }
  const std::string& file = result.loaded->file;
  if (findings.empty()) {
    findings.push_back(
        {"configuration", Finding::State::ok, file.empty() ? "defaults and environment" : file});
  }
  return findings;
}

void append(Findings& to, const Findings& more) { to.insert(to.end(), more.begin(), more.end()); }

Findings examine(const Context& context) {
  const LoadContext load = load_context(context);
  const LoadResult result = load_config(load);
  Findings findings = examine_configuration(result);
  append(findings, examine_daemon(context));
  if (const auto socket = intake_socket(context)) {
    const std::string tcp = result.loaded ? result.loaded->config.listen.tcp : "";
    append(findings, examine_sdk_variables(load.environment, *socket, tcp));
  }
  if (!result.loaded) return findings;
  findings.push_back(examine_user(context, result.loaded->config.state_dir));
  append(findings, examine_state(result.loaded->config));
  append(findings, examine_server(result.loaded->config, origin_of_credentials(*result.loaded)));
  return findings;
}

ordered_json json_of(const Findings& findings) {
  ordered_json all = ordered_json::array();
  for (const Finding& finding : findings) {
    all.push_back({{"subject", finding.subject},
                   {"state", to_string(finding.state)},
                   {"message", finding.message},
                   {"remedy", finding.remedy}});
  }
  return all;
}

void print_findings(const Findings& findings) {
  for (const Finding& finding : findings) {
    print("{:8} {:14} {}\n", std::string(to_string(finding.state)), finding.subject,
          finding.message);
    if (!finding.remedy.empty()) print("{:23} {}\n", std::string(), finding.remedy);
  }
}

int consult(const Context& context) {
  const Findings findings = examine(context);
  if (context.json) {
    print_json(json_of(findings));
  } else {
    print_findings(findings);
  }
  for (const Finding& finding : findings) {
    if (finding.state == Finding::State::failed) return kFailed;
  }
  return kDone;
}

}  // namespace

void add_doctor(CLI::App& app, const Context& context, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "doctor", "Look at everything between an application and MLflow, and say what to do");
  command->footer(
      "Looks at the configuration, the daemon and its socket, the SDK variables of this "
      "environment,\n"
      "the disk, the tracking server, experiment and model. Changes nothing, except that with\n"
      "Databricks it stores one small trace, which stays, and makes a model, which it deletes.\n"
      "Exit code 1 if something failed.\n"
      "Example:\n  sudo -u tracelink tracelink doctor");
  command->callback([&context, &exit_code] { exit_code = consult(context); });
}

}  // namespace tracelink::cli
