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

// [user@]host:path, or a path. The rest after credentials that were written as in a URL is told
// only if it is such an address: without it, the '@' may be part of a path or of the secret.
std::string without_credentials_of_scp(std::string_view address) {
  const auto colon = address.find(':');
  const auto at = address.rfind('@');
  const bool is_path = address.find('/') < colon;
  if (is_path || at == address.npos || address.find('@') < colon) return std::string(address);
  address.remove_prefix(at + 1);
  return address.find(':') < address.find('/') ? std::string(address) : "";
}

}  // namespace

std::string without_credentials(std::string_view url) {
  const auto colons = url.find("::");
  const auto scheme_end = url.find("://");
  const auto plain_end = url.find_first_of("/@[");
  if (colons != url.npos && colons < plain_end) return "";  // helper::address
  if (scheme_end == url.npos) return without_credentials_of_scp(url);

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
