#include "daemon/mlflow/rest/uri.hpp"

namespace tracelink {

std::string_view origin_of(std::string_view uri) {
  const auto scheme = uri.find("://");
  if (scheme == std::string_view::npos) return uri;
  return uri.substr(0, uri.find('/', scheme + 3));
}

}  // namespace tracelink
