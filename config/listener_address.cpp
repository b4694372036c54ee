#include "config/listener_address.hpp"

namespace tracelink {
namespace {

std::string_view host_of(std::string_view address) {
  const std::string_view host = address.substr(0, address.rfind(':'));
  return host == "localhost" ? "127.0.0.1" : host;
}

std::string_view port_of(std::string_view address) {
  std::string_view port = address.substr(address.rfind(':') + 1);
  while (port.starts_with('0')) port.remove_prefix(1);
  return port;
}

bool is_any(std::string_view host) { return host == "0.0.0.0" || host == "[::]"; }

}  // namespace

bool meet(std::string_view one, std::string_view other) {
  if (port_of(one) != port_of(other) || port_of(one).empty()) return false;
  const std::string_view first = host_of(one), second = host_of(other);
  return first == second || is_any(first) || is_any(second);
}

}  // namespace tracelink
