#include "daemon/mlflow/rest/capabilities.hpp"

#include <charconv>
#include <tuple>

#include "daemon/mlflow/rest/remedies.hpp"

namespace tracelink {
namespace {

// Measured against real servers: docs/mlflow-servers.md#versions.
struct Since {
  int major, minor;
  bool Capabilities::* what;
};
constexpr Since kSince[] = {
    {3, 6, &Capabilities::otlp},
    {3, 7, &Capabilities::gzip},
    {3, 12, &Capabilities::token_usage_in_start_trace},
    {3, 13, &Capabilities::start_trace_after_spans},
    {3, 15, &Capabilities::sums_over_tree},
};

// Reads digits at the front of `text` and takes them off.
std::optional<int> take_number(std::string_view& text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value < 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

}  // namespace

std::strong_ordering ServerVersion::operator<=>(const ServerVersion& other) const {
  return std::tie(major, minor, patch) <=> std::tie(other.major, other.minor, other.patch);
}

std::optional<ServerVersion> parse_server_version(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  constexpr std::size_t kLongest = 64;
  if (text.size() > kLongest) return std::nullopt;
  ServerVersion version;
  version.text = text;
  const auto major = take_number(text);
  if (!major || !text.starts_with('.')) return std::nullopt;
  text.remove_prefix(1);
  const auto minor = take_number(text);
  if (!minor) return std::nullopt;
  version.major = *major;
  version.minor = *minor;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    version.patch = take_number(text).value_or(0);
  }
  return version;
}

Capabilities capabilities_of(const ServerVersion& version) {
  Capabilities capabilities;
  for (const Since& since : kSince) {
    capabilities.*since.what =
        std::tie(since.major, since.minor) <= std::tie(version.major, version.minor);
  }
  return capabilities;
}

std::optional<Failure> unsupported_server(const ServerVersion& version) {
  if (capabilities_of(version).otlp) return std::nullopt;
  return configuration_failure(FailureScope::server, "the MLflow server is version " + version.text,
                               remedy::kServerTooOld);
}

}  // namespace tracelink
