#include "daemon/destination/databricks/upload_target.hpp"

#include <utility>

#include "daemon/text/base64.hpp"
#include "daemon/text/control.hpp"
#include "daemon/text/percent.hpp"

namespace tracelink {
namespace {

using Kind = UploadTarget::Kind;

std::optional<Kind> kind_of(const std::string& type) {
  if (type == "AWS_PRESIGNED_URL" || type == "GCP_SIGNED_URL") return Kind::signed_url;
  if (type == "AZURE_SAS_URI") return Kind::azure_block;
  if (type == "AZURE_ADLS_GEN2_SAS_URI") return Kind::azure_file;
  return std::nullopt;
}

bool is_address(std::string_view url) {
  const auto host = url.starts_with("https://")  ? url.substr(8)
                    : url.starts_with("http://") ? url.substr(7)
                                                 : std::string_view();
  return !host.empty() && !has_control(url) && url.find(' ') == std::string_view::npos;
}

HttpRequest request(const UploadTarget& target, std::string method, const std::string& parameters,
                    std::string body) {
  HttpRequest request;
  request.method = std::move(method);
  request.url = target.url;
  if (!parameters.empty()) {
    request.url += (target.url.find('?') == std::string::npos ? "?" : "&") + parameters;
  }
  request.headers = target.headers;
  if (body.empty()) request.headers.emplace_back("Content-Length", "0");
  request.body = std::move(body);
  return request;
}

// A block, and the list that makes it the blob: what is committed replaces what was there.
std::vector<HttpRequest> azure_block_requests(const UploadTarget& target, std::string body) {
  const std::string id = base64("tracelink-block-0");
  std::vector<HttpRequest> requests;
  requests.push_back(
      request(target, "PUT", "comp=block&blockid=" + percent_encode(id), std::move(body)));
  requests.back().headers.emplace_back("x-ms-blob-type", "BlockBlob");
  const std::string list = "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList><Uncommitted>" +
                           id + "</Uncommitted></BlockList>";
  requests.push_back(request(target, "PUT", "comp=blocklist", list));
  requests.back().headers.emplace_back("Content-Type", "application/xml");
  return requests;
}

// Creating the file empties one that is there.
std::vector<HttpRequest> azure_file_requests(const UploadTarget& target, std::string body) {
  std::vector<HttpRequest> requests;
  requests.push_back(request(target, "PUT", "resource=file", {}));
  requests.push_back(
      request(target, "PATCH", "action=append&position=0&flush=true", std::move(body)));
  return requests;
}

HttpRequest volume_request(const UploadTarget& target, std::string body) {
  HttpRequest put = request(target, "PUT", {}, std::move(body));
  put.url = files_api_path(target.url) + "?overwrite=true";
  put.headers.emplace_back("Content-Type", "application/octet-stream");
  return put;
}

constexpr std::string_view kVolumes = "/Volumes/";

}  // namespace

std::optional<UploadTarget> read_upload_target(const Json& answer) {
  const Json& info = member(answer, "credential_info");
  const auto kind = kind_of(text_at(info, "type"));
  UploadTarget target{
      .kind = kind.value_or(Kind::signed_url), .url = text_at(info, "signed_uri"), .headers = {}};
  if (!kind || !is_address(target.url)) return std::nullopt;
  for (const Json& header : member(info, "headers")) {
    auto& [name, value] =
        target.headers.emplace_back(text_at(header, "name"), text_at(header, "value"));
    if (name.empty() || has_control(name) || has_control(value)) return std::nullopt;
  }
  return target;
}

std::string volume_of(std::string_view artifact_location) {
  constexpr std::string_view kScheme = "dbfs:";
  if (!artifact_location.starts_with(kScheme)) return {};
  std::string_view folder = artifact_location.substr(kScheme.size());
  while (folder.ends_with('/')) folder.remove_suffix(1);
  return folder.starts_with(kVolumes) ? std::string(folder) : std::string();
}

UploadTarget volume_target(std::string_view folder) {
  return {.kind = Kind::volume, .url = std::string(folder) + "/traces.json", .headers = {}};
}

std::string files_api_path(std::string_view file) {
  std::string path = "/api/2.0/fs/files";
  while (!file.empty()) {
    file.remove_prefix(1);  // the slash
    const std::string_view name = file.substr(0, file.find('/'));
    path += "/" + percent_encode(name);
    file.remove_prefix(name.size());
  }
  return path;
}

std::vector<HttpRequest> upload_requests(const UploadTarget& target, std::string body) {
  switch (target.kind) {
    case Kind::signed_url:
      return {request(target, "PUT", {}, std::move(body))};
    case Kind::azure_block:
      return azure_block_requests(target, std::move(body));
    case Kind::azure_file:
      return azure_file_requests(target, std::move(body));
    case Kind::volume:
      return {volume_request(target, std::move(body))};
  }
  return {};
}

}  // namespace tracelink
