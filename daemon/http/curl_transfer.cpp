#include "daemon/http/curl_transfer.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "daemon/http/curl_easy.hpp"
#include "daemon/http/proxy_error.hpp"
#include "daemon/text/ascii_case.hpp"
#include "daemon/text/blanks.hpp"

namespace tracelink {
namespace {

// As a log line may hold it.
std::string printable(std::string_view bytes) {
  constexpr std::size_t kMost = 80;
  std::string text;
  for (const char c : bytes.substr(0, kMost)) text += c >= 0x20 && c < 0x7f ? c : '.';
  return text;
}

// The first bytes of a TLS alert or handshake record.
bool is_tls(std::string_view bytes) {
  return bytes.size() >= 2 && (bytes[0] == 0x15 || bytes[0] == 0x16) && bytes[1] == 0x03;
}

ErrorCode error_code_of(CURLcode code) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return ErrorCode::timeout;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return ErrorCode::invalid;
    default:
      return ErrorCode::unavailable;
  }
}

}  // namespace

CurlTransfer::CurlTransfer(const CurlOptions& options, EasyHandles& handles, HttpRequest request,
                           HttpClient::Handler handler)
    : options_(options),
      handles_(handles),
      request_(std::move(request)),
      handler_(std::move(handler)),
      easy_(handles.take()) {}

CurlTransfer::~CurlTransfer() {
  handles_.put_back(easy_);
  curl_slist_free_all(header_list_);
}

Result<void> CurlTransfer::prepare() {
  set_connection_options();
  set_method_and_body();
  return set_headers();
}

void CurlTransfer::set_connection_options() {
  set_common_options(easy_, options_, request_.url);
  // Else libcurl keeps to itself what an answer without a status line says.
  curl_easy_setopt(easy_, CURLOPT_HTTP09_ALLOWED, 1L);
  // Decoded if a proxy compresses unasked; the header below asks for nothing.
  curl_easy_setopt(easy_, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
  curl_easy_setopt(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, static_cast<long>(request_.timeout.count()));
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_text_.data());
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &CurlTransfer::on_body);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &CurlTransfer::on_header);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
  if (!options_.sends_again) {
    curl_easy_setopt(easy_, CURLOPT_PREREQFUNCTION, &CurlTransfer::on_request);
    curl_easy_setopt(easy_, CURLOPT_PREREQDATA, this);
  }
  if (!options_.client_cert_file.empty()) {
    curl_easy_setopt(easy_, CURLOPT_SSLCERT, options_.client_cert_file.c_str());
  }
}

void CurlTransfer::set_method_and_body() {
  if (request_.method == "GET") return;
  if (request_.method == "POST" || !request_.body.empty()) {
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, request_.body.data());
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request_.body.size()));
  }
  curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
}

Result<void> CurlTransfer::set_headers() {
  // libcurl would hold back a large body for up to a second, waiting for "100 Continue".
  if (!add_header("Expect:")) std::abort();  // out of memory
  if (!add_header("Accept-Encoding: identity")) std::abort();
  for (const auto& [name, value] : request_.headers) {
    if (breaks_a_header(name) || breaks_a_header(value)) {
      return Error{ErrorCode::invalid,
                   "header " + name + " holds a line break or another control character"};
    }
    if (!add_header(value.empty() ? name + ";" : name + ": " + value)) std::abort();
  }
  // libcurl would call every body a form, which a signed URL does not allow for.
  const bool names_type = std::ranges::any_of(
      request_.headers, [](const auto& header) { return header.first == "Content-Type"; });
  if (!names_type && !add_header("Content-Type:")) std::abort();
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, header_list_);
  return {};
}

bool CurlTransfer::add_header(const std::string& line) {
  curl_slist* longer = curl_slist_append(header_list_, line.c_str());
  if (longer == nullptr) return false;
  header_list_ = longer;
  return true;
}

Result<HttpResponse> CurlTransfer::finish(CURLcode code) {
  if (too_large_) {
    return Error{ErrorCode::too_large, "the answer is longer than " +
                                           std::to_string(options_.max_response_bytes) + " bytes"};
  }
  if (!foreign_.empty()) return not_http();
  if (code == CURLE_ABORTED_BY_CALLBACK) {
    return Error{ErrorCode::unavailable, "the connection ended without an answer"};
  }
  if (code != CURLE_OK) {
    return Error{error_code_of(code), error_text(easy_, options_, error_text_.data(), code)};
  }
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<int>(status);
  if (auto refusal = refusal_of_proxy()) return *std::move(refusal);
  long connections = 0;
  curl_easy_getinfo(easy_, CURLINFO_NUM_CONNECTS, &connections);
  response_.new_connection = connections > 0;
  return std::move(response_);
}

// Only a proxy answers so. Of https:// requests libcurl says it itself.
std::optional<Error> CurlTransfer::refusal_of_proxy() const {
  constexpr int kProxyAuthenticationRequired = 407;
  if (response_.status != kProxyAuthenticationRequired) return std::nullopt;
  const std::string variable = proxy_variable(request_.url, options_.http_proxy);
  if (variable.empty()) return std::nullopt;
  return Error{ErrorCode::unavailable,
               std::string(kOfProxy) + variable + ": it wants a user name and a password (407)"};
}

Error CurlTransfer::not_http() const {
  if (is_tls(foreign_))
    return {ErrorCode::unavailable, "the answer is TLS: the address needs https"};
  return {ErrorCode::unavailable, "the answer is no HTTP: \"" + printable(foreign_) + "\""};
}

std::size_t CurlTransfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  const std::size_t length = size * count;
  if (!transfer.status_line_seen_) {
    transfer.foreign_.assign(data, length);
    return 0;  // whatever else comes; the sender may never end
  }
  if (!transfer.count_bytes(length)) return 0;
  transfer.response_.body.append(data, length);
  return length;
}

std::size_t CurlTransfer::on_header(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  const std::size_t length = size * count;
  if (!transfer.count_bytes(length)) return 0;
  transfer.take_header_line({data, length});
  return length;
}

int CurlTransfer::on_request(void* self, char* /*remote*/, char* /*local*/, int /*remote_port*/,
                             int /*local_port*/) {
  const bool again = std::exchange(static_cast<CurlTransfer*>(self)->requested_, true);
  return again ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

bool CurlTransfer::count_bytes(std::size_t count) {
  received_bytes_ += count;
  too_large_ = received_bytes_ > options_.max_response_bytes;
  return !too_large_;
}

void CurlTransfer::take_header_line(std::string_view line) {
  if (line.starts_with("HTTP/")) {  // another block follows a 1xx answer
    status_line_seen_ = true;
    response_.headers.clear();
    return;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  std::string name(trimmed(line.substr(0, colon)));
  std::ranges::transform(name, name.begin(), ascii_lower);
  response_.headers.emplace_back(std::move(name), std::string(trimmed(line.substr(colon + 1))));
}

}  // namespace tracelink
