#include <csignal>
#include <iostream>
#include <string>

#include <CLI/CLI.hpp>

#include "config/load.hpp"
#include "daemon/app/daemon.hpp"
#include "daemon/app/logging.hpp"
#include "daemon/app/options.hpp"
#include "daemon/types/version.hpp"

namespace {

int report(const tracelink::LoadResult& result) {
  for (const std::string& line : lines_of(result)) std::cerr << "tracelinkd: " << line << "\n";
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace tracelink;
  CLI::App app{
      "Keeps OpenTelemetry traces and forwards them to MLflow, linked to the version that made "
      "them.",
      "tracelinkd"};
  app.set_version_flag("--version", std::string("tracelinkd ") + kVersion);
  app.footer(
      "Examples:\n"
      "  tracelinkd --config /etc/tracelink/tracelinkd.yaml\n"
      "  MLFLOW_TRACKING_URI=http://127.0.0.1:5000 MLFLOW_ACTIVE_MODEL_ID=my-agent tracelinkd\n"
      "\n"
      "Runs in the foreground until SIGTERM or SIGINT. Exit codes: 0 stopped, 1 could not start, 2 "
      "usage.");
  std::string config_file;
  app.add_option("--config", config_file,
                 "Configuration file (default: $TRACELINK_CONFIG, else "
                 "/etc/tracelink/tracelinkd.yaml if it exists)");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  LoadContext context = context_of_process();
  if (!config_file.empty()) context.config_flag = config_file;
  LoadResult result = load_config(context);
  if (!result.loaded) return report(result);

  std::signal(SIGPIPE, SIG_IGN);
  set_up_logging(result.loaded->config.log.level, result.loaded->config.log.format);
  const auto read_credentials = [context]() -> std::optional<Credentials> {
    const LoadResult again = load_config(context);
    if (!again.loaded) return std::nullopt;
    return credentials_of(again.loaded->config);
  };
  auto daemon = Daemon::open(std::move(*result.loaded), read_credentials);
  if (!daemon) {
    std::cerr << "tracelinkd: " << daemon.error().message << "\n";
    return 1;
  }
  return (*daemon)->run();
}
