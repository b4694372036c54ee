#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/http/http_client.hpp"
#include "daemon/mlflow/rest/rest_json.hpp"

namespace tracelink {

// Where the file with the spans of a trace is. A URL of object storage is a right in itself: it is
// neither shown nor logged, and no credentials go with it.
struct UploadTarget {
  // S3 and GCS; Blob Storage; ADLS Gen2; a volume of Unity Catalog, by the workspace itself
  enum class Kind { signed_url, azure_block, azure_file, volume };
  Kind kind = Kind::signed_url;
  std::string url;  // of a volume: the path of the file in it, "/Volumes/…"
  std::vector<std::pair<std::string, std::string>> headers;
};

// From an answer to credentials-for-data-upload or -download; nothing without a URL, or of a kind
// that is not known.
std::optional<UploadTarget> read_upload_target(const Json& answer);

// The folder of a volume ("/Volumes/…") that the tag mlflow.artifactLocation of a trace names;
// empty: it names none.
std::string volume_of(std::string_view artifact_location);
UploadTarget volume_target(std::string_view folder);
// Where the workspace serves a file of a volume.
std::string files_api_path(std::string_view file);

// The requests that put `body` there, to be sent one after the other while each succeeds.
std::vector<HttpRequest> upload_requests(const UploadTarget& target, std::string body);

}  // namespace tracelink
