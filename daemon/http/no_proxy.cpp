#include "daemon/http/no_proxy.hpp"

#include <algorithm>
#include <cstdlib>

namespace tracelink {
namespace {

constexpr std::string_view kSeparators = ", \t\r\n";

struct Address {
  std::string_view host, port;
};

std::string_view without_brackets(std::string_view host) {
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  return bracketed ? host.substr(1, host.size() - 2) : host;
}

// An IPv6 address without brackets has no port.
Address split_port(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return {text, {}};
  const std::string_view host = text.substr(0, colon), port = text.substr(colon + 1);
  const bool is_number =
      !port.empty() && port.find_first_not_of("0123456789") == std::string_view::npos;
  const bool is_host = host.find(':') == std::string_view::npos || host.ends_with(']');
  return is_number && is_host ? Address{host, port} : Address{text, {}};
}

std::string_view port_of(std::string_view url) {
  constexpr std::string_view kScheme = "://";
  const auto scheme = url.find(kScheme);
  const bool tls = url.starts_with("https:");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + kScheme.size());
  const std::string_view port = split_port(url.substr(0, url.find('/'))).port;
  if (!port.empty()) return port;
  return tls ? "443" : "80";
}

}  // namespace

std::string no_proxy_for(std::string_view url, std::string_view list) {
  const std::string_view port = port_of(url);
  std::string hosts;
  while (true) {
    list.remove_prefix(std::min(list.find_first_not_of(kSeparators), list.size()));
    if (list.empty()) return hosts;
    const std::string_view entry = list.substr(0, list.find_first_of(kSeparators));
    list.remove_prefix(entry.size());
    const Address address = split_port(entry);
    if (!address.port.empty() && address.port != port) continue;
    if (!hosts.empty()) hosts += ',';
    hosts += without_brackets(address.host);
  }
}

std::optional<std::string> no_proxy_variable() {
  for (const char* name : {"no_proxy", "NO_PROXY"}) {
    if (const char* value = std::getenv(name)) return value;
  }
  return std::nullopt;
}

}  // namespace tracelink
