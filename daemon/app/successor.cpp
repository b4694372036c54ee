#include "daemon/app/successor.hpp"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace tracelink {
namespace {

// No name that the configuration reads.
constexpr char kVariable[] = "TRACELINKD_INHERITED";  // "local=5 tcp=6", "systemd=3 tcp=6"

// The descriptor after `name`, open, and closed by the next exec.
std::optional<int> descriptor_of(std::string_view text, std::string_view name) {
  const auto at = text.find(name);
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + name.size());
  int fd = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), fd);
  if (error != std::errc{} || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return std::nullopt;
  return fd;
}

std::string text_of(const Successor& successor) {
  std::string text;
  const auto add = [&](const char* name, const std::optional<int>& fd) {
    if (!fd) return;
    ::fcntl(*fd, F_SETFD, 0);
    text += (text.empty() ? "" : " ") + std::string(name) + std::to_string(*fd);
  };
  add(successor.socket_activated ? "systemd=" : "local=", successor.sockets.local);
  add("tcp=", successor.sockets.tcp);
  add("mlflow=", successor.sockets.mlflow);
  return text;
}

}  // namespace

Successor take_inheritance() {
  Successor inherited;
  const char* const variable = std::getenv(kVariable);
  if (variable == nullptr) return inherited;
  const std::string text = variable;
  ::unsetenv(kVariable);
  inherited.sockets.local = descriptor_of(text, "systemd=");
  inherited.socket_activated = inherited.sockets.local.has_value();
  if (!inherited.socket_activated) inherited.sockets.local = descriptor_of(text, "local=");
  inherited.sockets.tcp = descriptor_of(text, "tcp=");
  inherited.sockets.mlflow = descriptor_of(text, "mlflow=");
  return inherited;
}

std::string program_of_process() {
  std::error_code unknown;
  return std::filesystem::read_symlink("/proc/self/exe", unknown).string();
}

Error become(const Successor& successor, char** argv) {
  ::setenv(kVariable, text_of(successor).c_str(), 1);
  std::signal(SIGHUP, SIG_IGN);
  ::execv(successor.program.c_str(), argv);
  return {ErrorCode::io, successor.program + ": " + std::strerror(errno)};
}

}  // namespace tracelink
