#include "config/tracking_uri.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "config/text.hpp"
#include "daemon/text/ascii_case.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kExample = "http://127.0.0.1:5000";
constexpr std::string_view kDatabricks = "databricks";

Error invalid(std::string message) { return {ErrorCode::invalid, std::move(message)}; }

bool is_host(std::string_view host) {
  const bool bracketed = host.size() > 2 && host.starts_with('[') && host.ends_with(']');
  const std::string_view inner = bracketed ? host.substr(1, host.size() - 2) : host;
  return !inner.empty() && std::ranges::all_of(inner, [&](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_' ||
           (bracketed && c == ':');
  });
}

bool is_host_and_port(std::string_view text, bool port_needed) {
  const auto colon = text.rfind(':');
  const bool has_port = colon != std::string_view::npos && !text.ends_with(']');
  if (!has_port) return !port_needed && is_host(text);
  const auto port = parse_number(text.substr(colon + 1));
  return is_host(text.substr(0, colon)) && port && *port > 0 && *port <= 65535;
}

Result<std::string> percent_decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i];
      continue;
    }
    const std::string_view digits = text.substr(i + 1, 2);
    unsigned byte = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (digits.size() != 2 || parsed.ptr != digits.data() + 2) {
      return invalid("the credentials in the URI hold a % without two hex digits; write %25 for %");
    }
    result += static_cast<char>(byte);
    i += 2;
  }
  return result;
}

bool may_hold_password(std::string_view text) {
  return text.find_first_of("@?") != std::string_view::npos;
}

// A path, or file:, as MLflow's SDK takes it.
bool is_folder(std::string_view text) {
  return text.find("://") == std::string_view::npos || text.starts_with("file:");
}

Error not_a_server(std::string_view text) {
  const bool printable = !may_hold_password(text);
  const bool folder = is_folder(text);
  const std::string store = folder ? "sqlite:///mlflow.db" : printable ? std::string(text) : "URI";
  const char* why = folder ? "; traces go to a running server, and one that keeps them in a folder "
                             "takes no OpenTelemetry spans. Start one with a database\n"
                           : "; traces go to a running server. Start one with\n";
  return invalid("found " + (printable ? quoted(text) : "a database URI") +
                 ", allowed: http:// or https://" + why + "    mlflow server --backend-store-uri " +
                 store + " --host 127.0.0.1 --port 5000\nand set " + std::string(kExample));
}

Result<TrackingUri> parse_http(std::string_view scheme, std::string_view rest) {
  const auto authority_end = std::min(rest.find_first_of("/?#"), rest.size());
  std::string_view authority = rest.substr(0, authority_end);
  std::string_view path = rest.substr(authority_end);
  if (path.find_first_of("?#") != std::string_view::npos) {
    return invalid("a tracking URI has no ? and no #");
  }
  while (path.ends_with('/')) path.remove_suffix(1);

  TrackingUri result;
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    const std::string_view credentials = authority.substr(0, at);
    authority.remove_prefix(at + 1);
    const auto colon = std::min(credentials.find(':'), credentials.size());
    auto username = percent_decoded(credentials.substr(0, colon));
    auto password = percent_decoded(colon < credentials.size() ? credentials.substr(colon + 1)
                                                               : std::string_view());
    if (!username) return std::move(username).error();
    if (!password) return std::move(password).error();
    result.username = *std::move(username);
    result.password = *std::move(password);
  }
  if (!is_host_and_port(authority, false)) {
    return invalid("the host or port of the URI is wrong, allowed: such as " +
                   std::string(kExample) + "; special characters of a password are written as %XX");
  }
  result.uri = std::string(scheme) + "://" + std::string(authority) + std::string(path);
  return result;
}

Result<TrackingUri> parse_databricks(std::string_view text) {
  std::string_view rest = text.substr(kDatabricks.size());
  if (!rest.empty() && !rest.starts_with("://")) {
    return invalid(
        "found " + (may_hold_password(text) ? "a URI" : quoted(text)) +
        ", allowed: databricks, or databricks://PROFILE with a profile of .databrickscfg");
  }
  if (!rest.empty()) rest.remove_prefix(3);
  while (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find_first_of(":/@?#") != rest.npos) {
    return invalid(
        "databricks:// is followed by the name of a profile; the address of a workspace goes into "
        "databricks.host (DATABRICKS_HOST)");
  }
  TrackingUri result;
  result.uri = std::string(kDatabricks) + (rest.empty() ? "" : "://" + std::string(rest));
  result.databricks_profile = std::string(rest);
  return result;
}

}  // namespace

Result<TrackingUri> parse_tracking_uri(std::string_view text) {
  if (text.find(' ') != std::string_view::npos || has_control_characters(text)) {
    return invalid("a URI holds no spaces or control characters");
  }
  const std::string lower = lower_case(std::string(text));
  for (const std::string_view scheme : {"http", "https"}) {
    const std::string prefix = std::string(scheme) + "://";
    if (lower.starts_with(prefix)) return parse_http(scheme, text.substr(prefix.size()));
  }
  if (lower.starts_with(kDatabricks)) return parse_databricks(text);
  const std::string_view authority = text.substr(0, text.find('/'));
  if (is_host_and_port(authority, true)) {
    return invalid("found " + quoted(authority) + " without a scheme; write http://" +
                   std::string(authority));
  }
  return not_a_server(text);
}

}  // namespace tracelink
