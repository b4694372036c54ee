#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <sysexits.h>
#include <unistd.h>

#include "config/load.hpp"
#include "daemon/app/daemon.hpp"
#include "daemon/app/logging.hpp"
#include "daemon/app/successor.hpp"
#include "daemon/base/standard_streams.hpp"
#include "daemon/text/visible_text.hpp"
#include "daemon/types/version.hpp"

namespace {

// The unit does not start the daemon again before an operator has changed something.
constexpr int kCannotWork = EX_CONFIG;
constexpr std::chrono::milliseconds kLogFlush{500};

// A standard error that nobody reads must not keep the process from ending.
void say(const std::vector<std::string>& messages) {
  tracelink::LogWriter standard_error({.fd = STDERR_FILENO, .dropped_line = [](std::uint64_t n) {
                                         return std::to_string(n) + " lines were dropped\n";
                                       }});
  for (const std::string& message : messages) {
    standard_error.push("tracelinkd: " + tracelink::visible_lines(message) + "\n");
  }
  (void)standard_error.flush(kLogFlush);  // nothing is left to do for what could not be written
}

}  // namespace

int main(int argc, char** argv) {
  using namespace tracelink;
  if (!keep_standard_streams()) return EXIT_FAILURE;
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
      "Runs in the foreground until SIGTERM or SIGINT; SIGHUP reloads the configuration. Exit "
      "codes: 0 stopped, 1 could not start, 2 "
      "usage, 78 a configuration that cannot work.");
  std::string config_file;
  app.add_option("--config", config_file,
                 "Configuration file (default: $TRACELINK_CONFIG, else "
                 "/etc/tracelink/tracelinkd.yaml if it exists)");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  std::signal(SIGPIPE, SIG_IGN);
  Successor own = take_inheritance();
  own.program = program_of_process();
  LoadContext context = context_of_process();
  if (!config_file.empty()) context.config_flag = config_file;
  LoadResult result = load_config(context);
  if (!result.loaded) {
    say(lines_of(result));
    return kCannotWork;
  }

  const auto log =
      set_up_logging(result.loaded->config.log.level, result.loaded->config.log.format);
  const auto load = [context] { return load_config(context); };
  int exit_code = 0;
  std::optional<Successor> successor;
  {
    auto daemon = Daemon::open(std::move(*result.loaded), load, log, std::move(own));
    if (daemon) {
      (*daemon)->run();
      successor = (*daemon)->successor();
    } else {
      say({daemon.error().message});
      exit_code = daemon.error().code == ErrorCode::invalid ? kCannotWork : EXIT_FAILURE;
    }
  }
  (void)log->flush(kLogFlush);  // what could not be written by now is lost
  if (successor) {
    say({become(*successor, argv).message});
    exit_code = EXIT_FAILURE;
  }
  return exit_code;
}
