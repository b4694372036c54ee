#include "daemon/git/repository_url.hpp"

#include <algorithm>

namespace tracelink {
namespace {

// host, host:port, [v6], [v6]:port. A colon before anything but a port is most likely a password
// with a '/' in it.
bool is_host(std::string_view host) {
  const auto bracket = host.rfind(']');
  const auto colon = host.find(':', bracket == host.npos ? 0 : bracket);
  return colon == host.npos || host.substr(colon + 1).find_first_not_of("0123456789") == host.npos;
}

}  // namespace

std::string without_credentials(std::string_view url) {
  const auto colons = url.find("::");
  const auto scheme_end = url.find("://");
  const auto plain_end = url.find_first_of("/@[");
  if (colons != url.npos && colons < plain_end) return "";  // helper::address
  if (scheme_end == url.npos) return std::string(url);

  const std::string_view scheme = url.substr(0, scheme_end);
  url.remove_prefix(scheme_end + 3);
  const auto authority_end = std::min(url.find_first_of("/?#"), url.size());
  std::string_view host = url.substr(0, authority_end);
  std::string_view path = url.substr(authority_end);
  path = path.substr(0, path.find_first_of("?#"));

  std::string user;
  if (const auto at = host.rfind('@'); at != host.npos) {
    if (scheme.find("ssh") != scheme.npos) {
      user = std::string(host.substr(0, std::min(host.find(':'), at))) + "@";
    }
    host.remove_prefix(at + 1);
  }
  if (!is_host(host)) return "";
  return std::string(scheme) + "://" + user + std::string(host) + std::string(path);
}

}  // namespace tracelink
