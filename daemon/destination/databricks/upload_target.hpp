#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/http/http_client.hpp"
#include "daemon/mlflow/rest/rest_json.hpp"

namespace tracelink {

// Where the spans of a trace are to be put, by a URL that is a right in itself: it is neither shown
// nor logged, and no credentials go with it.
struct UploadTarget {
  enum class Kind { signed_url, azure_block, azure_file };  // S3 and GCS; Blob Storage; ADLS Gen2
  Kind kind = Kind::signed_url;
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
};

// From an answer to credentials-for-data-upload; nothing without a URL, or of a kind that is not
// known.
std::optional<UploadTarget> read_upload_target(const Json& answer);

// The requests that put `body` there, to be sent one after the other while each succeeds.
std::vector<HttpRequest> upload_requests(const UploadTarget& target, std::string body);

}  // namespace tracelink
