#include "daemon/app/allowed_host.hpp"

#include <boost/beast/core/string.hpp>

namespace tracelink {

namespace {

std::string_view without_port(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

// A name whose characters are these only is no name to a browser.
bool is_ip_address(std::string_view host) {
  return host.starts_with('[') || host.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace

bool is_allowed_host(std::string_view host, std::string_view address, std::string_view machine) {
  const std::string_view name = without_port(host);
  if (is_ip_address(name)) return true;  // or empty
  for (const std::string_view known :
       {std::string_view("localhost"), without_port(address), machine}) {
    if (boost::beast::iequals(name, known)) return true;
  }
  return false;
}

}  // namespace tracelink
