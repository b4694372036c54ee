#include "daemon/cli/common.hpp"

#include <chrono>
#include <filesystem>
#include <iostream>

#include <nlohmann/json.hpp>

#include "config/default_paths.hpp"
#include "config/load.hpp"
#include "ipc/client/unix_http.hpp"

namespace tracelink::cli {

namespace {

constexpr std::chrono::seconds kControlTimeout{10};

LoadContext load_context(const Context& context) {
  LoadContext load = context_of_process();
  if (!context.config_file.empty()) load.config_flag = context.config_file;
  return load;
}

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

std::string message_of(const std::string& body) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (json.is_object() && json.contains("error") && json["error"].is_string()) {
    return json["error"].get<std::string>();
  }
  return body;
}

}  // namespace

int fail(int code, std::string_view message) {
  std::cerr << "tracelink: " << message << "\n";
  return code;
}

int fail(const Error& error) {
  const bool unreachable = error.code == ErrorCode::unavailable || error.code == ErrorCode::timeout;
  return fail(unreachable ? kUnreachable : kFailed, error.message);
}

Result<Config> load_for_tracking(const Context& context) {
  LoadContext load = load_context(context);
  load.model_required = false;
  LoadResult result = load_config(load);
  if (result.loaded) return std::move(result.loaded->config);
  std::string message = "the configuration is not valid";
  for (const std::string& line : lines_of(result)) message += "\n  " + line;
  return Error{ErrorCode::invalid, std::move(message)};
}

Sockets sockets_of(const Context& context) {
  const LoadContext load = load_context(context);
  const LoadResult result = load_config(load);
  const Config& config = result.loaded ? result.loaded->config : result.partial;
  return {or_of_the_system(config.listen.socket.path, "tracelink.sock", load),
          or_of_the_system(config.control.socket, "control.sock", load)};
}

Result<std::string> ask_daemon(const Context& context, std::string_view method,
                               std::string_view target, std::string json) {
  const std::string socket =
      context.control_socket.empty() ? sockets_of(context).control : context.control_socket;
  const std::string_view type = json.empty() ? "" : "application/json";
  auto reply = unix_http_request(socket, method, target, type, std::move(json), kControlTimeout);
  if (!reply) return std::move(reply).error();
  if (reply->status != 200) return Error{ErrorCode::rejected, message_of(reply->body)};
  return std::move(reply->body);
}

}  // namespace tracelink::cli
