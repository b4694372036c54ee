#include "daemon/cli/common.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "config/default_paths.hpp"
#include "config/key_table.hpp"
#include "config/load.hpp"
#include "daemon/cli/output.hpp"
#include "ipc/client/unix_http.hpp"

namespace tracelink::cli {

namespace {

constexpr std::chrono::seconds kControlTimeout{10};

// A user who configured no socket and runs no daemon means the system's.
std::string or_of_the_system(std::string socket, const char* name, const LoadContext& load) {
  const std::string own = default_paths(load.environment, load.is_root, load.uid).runtime_dir;
  const std::string system = default_paths({}, true, 0).runtime_dir;
  std::error_code ignored;
  const bool is_own_default = socket == own + "/" + name;
  if (!is_own_default || std::filesystem::exists(socket, ignored)) return socket;
  const std::string candidate = system + "/" + name;
  return std::filesystem::exists(candidate, ignored) ? candidate : socket;
}

Error invalid_configuration(const LoadResult& result) {
  std::string message = "the configuration is not valid";
  for (const std::string& line : lines_of(result)) message += "\n  " + line;
  return {ErrorCode::invalid, std::move(message)};
}

// Whether the error is in the key itself, a section around it, or a misspelling of one of these.
bool concerns(const ConfigProblem& error, std::string_view key) {
  const std::string meant = find_key(error.key) ? error.key : nearest_key(error.key);
  return key == meant || key.starts_with(meant + ".");
}

// The socket that `key` configures.
Result<std::string> configured_socket(const Context& context, std::string_view key,
                                      const char* name, std::string& (*field)(Config&)) {
  const LoadContext load = load_context(context);
  LoadResult result = load_config(load);
  const bool is_wrong = std::ranges::any_of(
      result.errors, [&](const ConfigProblem& error) { return concerns(error, key); });
  if (is_wrong || (result.file_unknown && names_file(load))) return invalid_configuration(result);
  Config& config = result.loaded ? result.loaded->config : result.partial.config;
  return or_of_the_system(field(config), name, load);
}

// The control socket says it as `error`, the intake as `message`.
std::string message_of(const std::string& body) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  for (const char* key : {"error", "message"}) {
    if (json.is_object() && json.contains(key) && json[key].is_string()) {
      return json[key].get<std::string>();
    }
  }
  return body;
}

Result<std::string> body_of_200(Result<UnixHttpReply> reply) {
  if (!reply) return std::move(reply).error();
  if (reply->status != 200) return Error{ErrorCode::rejected, message_of(reply->body)};
  return std::move(reply->body);
}

}  // namespace

LoadContext load_context(const Context& context) {
  LoadContext load = context_of_process();
  if (!context.config_file.empty()) load.config_flag = context.config_file;
  return load;
}

bool is_away(const Error& error) {
  return error.code == ErrorCode::unavailable || error.code == ErrorCode::timeout;
}

int fail(int code, std::string_view message) {
  print_error("tracelink: " + std::string(message));
  return code;
}

int fail(const Error& error) {
  return fail(is_away(error) ? kUnreachable : kFailed, error.message);
}

Result<Config> load_for_tracking(const Context& context) {
  LoadContext load = load_context(context);
  load.model_required = false;
  LoadResult result = load_config(load);
  if (result.loaded) return std::move(result.loaded->config);
  return invalid_configuration(result);
}

Result<std::string> intake_socket(const Context& context) {
  return configured_socket(
      context, "listen.socket.path", "tracelink.sock",
      [](Config& config) -> std::string& { return config.listen.socket.path; });
}

Result<std::string> control_socket(const Context& context) {
  if (!context.control_socket.empty()) return context.control_socket;
  return configured_socket(context, "control.socket", "control.sock",
                           [](Config& config) -> std::string& { return config.control.socket; });
}

Result<std::string> ask_daemon(const Context& context, std::string_view method,
                               std::string_view target, std::string json) {
  const auto socket = control_socket(context);
  if (!socket) return socket.error();
  const std::string_view type = json.empty() ? "" : "application/json";
  return body_of_200(
      unix_http_request(*socket, method, target, type, std::move(json), kControlTimeout));
}

Result<std::string> ask_intake(const Context& context, std::string_view target) {
  const auto socket = intake_socket(context);
  if (!socket) return socket.error();
  return body_of_200(unix_http_request(*socket, "GET", target, "", "", kControlTimeout));
}

Result<nlohmann::json> about_intake(const std::string& socket) {
  auto reply = unix_http_request(socket, "GET", "/", "", "", kControlTimeout);
  if (!reply) return std::move(reply).error();
  auto about = nlohmann::json::parse(reply->body, nullptr, false);
  if (reply->status == 403 && about.contains("message") && about["message"].is_string()) {
    return Error{ErrorCode::rejected, socket + ": " + about["message"].get<std::string>()};
  }
  if (reply->status != 200 || !about.is_object()) {
    return Error{ErrorCode::rejected, socket + " is not a tracelink socket"};
  }
  return about;
}

}  // namespace tracelink::cli
