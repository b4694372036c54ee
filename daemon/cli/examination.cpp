#include "daemon/cli/examination.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/app/options.hpp"
#include "daemon/base/clock.hpp"
#include "daemon/cli/databricks_delivery.hpp"
#include "daemon/cli/databricks_examination.hpp"
#include "daemon/cli/json_member.hpp"
#include "daemon/cli/model_lookup.hpp"
#include "daemon/cli/tracking_session.hpp"
#include "daemon/cli/troubles.hpp"
#include "daemon/codec/name_template.hpp"
#include "daemon/http/curl_http_client.hpp"
#include "daemon/mlflow/rest/retry_after.hpp"
#include "daemon/types/version.hpp"

namespace tracelink::cli {

namespace {

using nlohmann::json;
using State = Finding::State;

constexpr std::chrono::seconds kTimeout{10};
constexpr std::uint64_t kLittleRoom = 1u << 30;

Finding of_error(std::string subject, const Error& error, std::string remedy = {}) {
  return {std::move(subject), State::failed, error.message, std::move(remedy)};
}

// A daemon that refuses this user runs.
Finding no_daemon(const Error& error) {
  return of_error("socket", error,
                  is_away(error) ? "start the daemon (systemctl start tracelinkd, or tracelinkd); "
                                   "its log says why if it does not"
                                 : "");
}

std::string proxy_of(const std::string& uri) {
  return proxy_variable(uri, upper_case_http_proxy());
}

// Microseconds; nothing if the file cannot be written.
std::optional<std::int64_t> median_sync(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return std::nullopt;
  const std::array<char, 4096> block{};
  std::vector<std::int64_t> times;
  for (int n = 0; n < 20; ++n) {
    const auto begin = std::chrono::steady_clock::now();
    const bool stored =
        ::write(fd, block.data(), block.size()) == static_cast<ssize_t>(block.size()) &&
        ::fdatasync(fd) == 0;
    if (!stored) break;
    const auto took = std::chrono::steady_clock::now() - begin;
    times.push_back(std::chrono::duration_cast<std::chrono::microseconds>(took).count());
  }
  ::close(fd);
  ::unlink(file.c_str());
  if (times.size() < 20) return std::nullopt;
  std::ranges::nth_element(times, times.begin() + 10);
  return times[10];
}

Finding room_of(const std::filesystem::path& directory, std::uint64_t max_bytes) {
  std::error_code error;
  const auto space = std::filesystem::space(directory, error);
  if (error) return {"room", State::failed, error.message()};
  const std::string message = fmt::format("{} MiB are free", space.available >> 20);
  if (space.available >= std::min(kLittleRoom, max_bytes)) return {"room", State::ok, message};
  return {"room", State::warning,
          message + fmt::format(", of {} MiB that the queue may take", max_bytes >> 20),
          "make room, or lower queue.max_bytes"};
}

Finding sync_speed(const std::filesystem::path& directory) {
  const auto time = median_sync(directory / fmt::format(".doctor-{}", ::getpid()));
  if (!time) {
    return {"disk", State::failed, directory.string() + ": a file cannot be written and synced",
            "look at the disk, and at who may write there"};
  }
  const std::string message = fmt::format("a sync of 4 KiB takes {} us", *time);
  if (*time < 20'000) return {"disk", State::ok, message};
  return {"disk", State::warning, message,
          "each request waits for one: put state_dir on a faster disk"};
}

// What a server that told no version answered, if it did.
Finding no_version(const Failure& failure, const std::string& uri, const std::string& credentials) {
  Finding finding = of_failure("server", failure);
  if (failure.http_status == 401 || failure.http_status == 403) {
    finding.message +=
        credentials.empty() ? "; no credentials were sent" : "; sent: " + credentials;
  }
  const bool is_tls = failure.message.find("certificate") != std::string::npos;
  if (failure.http_status == 0 && (failure.remedy.empty() || is_tls)) {
    finding.remedy = remedy_of_no_answer(failure.message, uri, proxy_of(uri));
  }
  return finding;
}

Result<HttpResponse> ask_health(HttpClient& http, const Config& config) {
  HttpRequest request;
  request.url = server_uri(config) + "/health";
  request.timeout = kTimeout;
  std::optional<Result<HttpResponse>> answer;
  http.send(std::move(request),
            [&answer](Result<HttpResponse> given) { answer.emplace(std::move(given)); });
  while (!answer) http.poll(std::chrono::milliseconds{1000});
  return *std::move(answer);
}

// By the Date of an answer; nothing if that has none.
std::optional<std::chrono::seconds> clock_ahead(const Result<HttpResponse>& answer) {
  if (!answer) return std::nullopt;
  const auto date = parse_http_date(answer->header("date").value_or(""));
  if (!date) return std::nullopt;
  return *date - std::chrono::floor<std::chrono::seconds>(SystemClock().wall());
}

// Only one that is missing by its name is created.
Finding no_experiment(const Failure& failure, const Config& config) {
  if (failure.http_status == 404 && !config.experiment.name.empty()) {
    return {"experiment", State::warning, failure.message, "the daemon creates it"};
  }
  return of_failure(takes_experiment_of_model(config) ? "model" : "experiment", failure);
}

Findings examine_experiment(TrackingSession& session, const Config& config,
                            const Answer<Experiment>& experiment) {
  if (!experiment) return {no_experiment(experiment.error(), config)};
  const auto& found = *experiment;
  Findings findings{{"experiment", State::ok, found.name + " is " + found.id}};
  const LinkDefinition link = link_of(config);
  if (link.empty() || is_template(link)) return findings;
  const std::string asked = link.display_name();
  const auto model = find_model(session, config, {}, asked);
  if (!model) {
    const bool by_id = !config.model.id.empty();
    findings.push_back(
        {"model", by_id ? State::failed : State::ok,
         by_id ? model.error().message : asked + " is not there yet; the daemon creates it",
         by_id ? model.error().remedy : std::string()});
  } else {
    const auto& there = *model;
    findings.push_back(
        {"model", State::ok, there.name + " is " + there.model_id + ", " + there.status});
  }
  return findings;
}

// In the words of Databricks' keys.
std::string remedy_of_silent_workspace(const std::string& message, const Config& config) {
  constexpr std::string_view kKey = "tracking.uri";
  std::string remedy =
      remedy_of_no_answer(message, server_uri(config), proxy_of(server_uri(config)));
  const auto at = remedy.find(kKey);
  if (at != std::string::npos) remedy.replace(at, kKey.size(), "databricks.host");
  return remedy;
}

Findings examine_databricks(TrackingSession& session, const Config& config) {
  const Result<HttpResponse> health = ask_health(session.http(), config);
  if (!health) {
    const std::string& message = health.error().message;
    return {of_error("workspace", health.error(), remedy_of_silent_workspace(message, config))};
  }
  Findings findings = examine_workspace(session);
  if (findings.back().state == State::failed) return findings;
  if (const auto ahead = clock_ahead(health)) findings.push_back(clock_finding(*ahead));
  const auto experiment = experiment_of(session, config, {}, false);
  std::ranges::move(examine_experiment(session, config, experiment), std::back_inserter(findings));
  if (experiment) {
    std::ranges::move(examine_delivery(session, experiment->id), std::back_inserter(findings));
  }
  return findings;
}

}  // namespace

Findings examine_daemon(const Context& context) {
  const auto socket = intake_socket(context);
  if (!socket) return {of_error("socket", socket.error())};
  const auto about = about_intake(*socket);
  if (!about) return {no_daemon(about.error())};
  Findings findings{{"socket", State::ok, *socket + " is served"}};
  const std::string runs = text(*about, "version");
  if (!runs.empty() && runs != kVersion) {
    findings.push_back({"version", State::warning,
                        "tracelinkd " + runs + " runs, and this is tracelink " + kVersion,
                        "tracelink upgrade, or systemctl restart tracelinkd"});
  }
  const auto body = ask_daemon(context, "GET", "/status");
  if (!body) {
    findings.push_back({"daemon", State::skipped, body.error().message});
    return findings;
  }
  const auto troubles = troubles_of(json::parse(*body));
  for (const std::string& trouble : troubles) {
    findings.push_back({"daemon", State::failed, trouble});
  }
  if (troubles.empty()) findings.push_back({"daemon", State::ok, "nothing needs an operator"});
  return findings;
}

Findings examine_state(const Config& config) {
  const std::filesystem::path directory = config.state_dir;
  std::error_code error;
  const bool there = std::filesystem::is_directory(directory, error);
  if (!there && (!error || error == std::errc::no_such_file_or_directory)) {
    return {{"state_dir", State::warning, directory.string() + " is not there yet",
             "the daemon makes it, if its user may"}};
  }
  if (::access(directory.c_str(), W_OK | X_OK) != 0) {
    return {{"state_dir", State::skipped,
             fmt::format("{} is not this user's (uid {})", directory.string(), ::geteuid()),
             "run this as the daemon's user: sudo -u tracelink tracelink doctor"}};
  }
  return {{"state_dir", State::ok, directory.string()},
          room_of(directory, config.queue.max_bytes),
          sync_speed(directory)};
}

Finding examine_user(const Context& context, const std::string& state_dir) {
  const std::uint32_t own = ::geteuid();
  const std::string self = "this is " + user_name(own);
  struct stat socket{};
  struct stat state{};
  const auto path = control_socket(context);
  if (!path || ::stat(path->c_str(), &socket) != 0) {
    return {"user", State::ok, self + "; no daemon is seen to run"};
  }
  const std::string daemon = user_name(socket.st_uid);
  if (::stat(state_dir.c_str(), &state) == 0 && state.st_uid != socket.st_uid &&
      socket.st_uid != 0) {
    return {
        "user", State::failed,
        state_dir + " belongs to " + user_name(state.st_uid) + ", and the daemon runs as " + daemon,
        "chown --recursive " + daemon + " " + state_dir};
  }
  if (own == socket.st_uid) return {"user", State::ok, self + ", as whom the daemon runs"};
  return {"user", State::ok,
          self + ", and the daemon runs as " + daemon + ", who may read other files",
          "to see what it sees: sudo -u " + daemon + " tracelink doctor"};
}

Findings examine_server(const Config& config, const std::string& credentials) {
  if (!is_tracking_server(config.destination)) return {};
  if (config.tracking.uri.empty()) {
    return {{"server", State::warning, "none is configured: traces are kept and go nowhere",
             "set tracking.uri, or MLFLOW_TRACKING_URI"}};
  }
  const auto session = TrackingSession::open(config);
  if (!session) return {of_error("server", session.error())};
  if (config.workspace) return examine_databricks(**session, config);
  const auto version = (*session)->wait<ServerVersion>(
      [&](auto done) { (*session)->client().get_version(std::move(done)); });
  if (!version) {
    return {no_version(version.error(), config.tracking.uri, credentials)};
  }
  Findings findings{{"server", State::ok, config.tracking.uri + " is MLflow " + version->text}};
  if (const auto ahead = clock_ahead(ask_health((*session)->http(), config))) {
    findings.push_back(clock_finding(*ahead));
  }
  const auto experiment = experiment_of(**session, config, {}, false);
  std::ranges::move(examine_experiment(**session, config, experiment),
                    std::back_inserter(findings));
  return findings;
}

}  // namespace tracelink::cli
