#include "daemon/cli/common.hpp"

#include <chrono>
#include <iostream>

#include <nlohmann/json.hpp>

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
  for (const ConfigProblem& problem : result.errors) message += "\n  " + problem.to_string();
  return Error{ErrorCode::invalid, std::move(message)};
}

Config load_lenient(const Context& context) {
  LoadResult result = load_config(load_context(context));
  return result.loaded ? std::move(result.loaded->config) : std::move(result.partial);
}

Result<std::string> ask_daemon(const Context& context, std::string_view method,
                               std::string_view target, std::string json) {
  const std::string socket = context.control_socket.empty() ? load_lenient(context).control.socket
                                                            : context.control_socket;
  const std::string_view type = json.empty() ? "" : "application/json";
  auto reply = unix_http_request(socket, method, target, type, std::move(json), kControlTimeout);
  if (!reply) return std::move(reply).error();
  if (reply->status != 200) return Error{ErrorCode::rejected, message_of(reply->body)};
  return std::move(reply->body);
}

}  // namespace tracelink::cli
