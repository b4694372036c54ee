#include "daemon/http/curl_http_client.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <utility>

#include <curl/curl.h>

#include "daemon/http/curl_easy.hpp"
#include "daemon/http/curl_transfer.hpp"
#include "daemon/http/easy_handles.hpp"
#include "daemon/http/open_sockets.hpp"
#include "daemon/text/blanks.hpp"

namespace tracelink {
namespace {

Error cancelled() { return {ErrorCode::closed, "the request was cancelled"}; }

}  // namespace

std::string upper_case_http_proxy() {
  const char* lower = std::getenv("http_proxy");
  const char* upper = std::getenv("HTTP_PROXY");
  if (lower != nullptr || upper == nullptr) return {};
  return std::string(trimmed(upper));
}

std::string proxy_variable(std::string_view url, std::string_view http_proxy) {
  const bool tls = url.starts_with("https:");
  if (!tls && !http_proxy.empty()) return "HTTP_PROXY";
  for (const char* name :
       {tls ? "https_proxy" : "http_proxy", tls ? "HTTPS_PROXY" : "", "all_proxy", "ALL_PROXY"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && !trimmed(value).empty()) return name;
  }
  return {};
}

std::string proxy_for(std::string_view url, std::string_view http_proxy) {
  const std::string variable = proxy_variable(url, http_proxy);
  if (variable == "HTTP_PROXY") return std::string(http_proxy);
  const char* value = variable.empty() ? nullptr : std::getenv(variable.c_str());
  return value == nullptr ? std::string() : std::string(trimmed(value));
}

CurlHttpClient::CurlHttpClient(CurlOptions options)
    : options_(std::move(options)),
      sockets_(std::make_unique<OpenSockets>()),
      handles_(std::make_unique<EasyHandles>()),
      multi_(new_multi()) {
  curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, options_.connections_per_host);
}

CurlHttpClient::~CurlHttpClient() {
  while (!transfers_.empty()) detach(transfers_.begin()->first);
  curl_multi_cleanup(multi_);
}

HttpClient::RequestId CurlHttpClient::send(HttpRequest request, Handler handler) {
  const RequestId id = next_id_++;
  auto transfer =
      std::make_unique<CurlTransfer>(options_, *handles_, std::move(request), std::move(handler));
  if (auto prepared = transfer->prepare(); !prepared) {
    finished_.push_back({transfer->handler(), std::move(prepared).error()});
    return id;
  }
  set_number(transfer->easy(), id);
  sockets_->observe(transfer->easy());
  if (curl_multi_add_handle(multi_, transfer->easy()) != CURLM_OK) std::abort();
  transfers_.emplace(id, std::move(transfer));
  return id;
}

void CurlHttpClient::cancel(RequestId id) {
  if (transfers_.contains(id)) finish(id, cancelled());
}

void CurlHttpClient::cancel_all() {
  std::vector<RequestId> ids;
  ids.reserve(transfers_.size());
  for (const auto& entry : transfers_) ids.push_back(entry.first);
  for (const RequestId id : ids) finish(id, cancelled());
  call_handlers();
}

void CurlHttpClient::poll(std::chrono::milliseconds timeout) {
  int running = 0;
  curl_multi_perform(multi_, &running);
  collect_finished();
  if (call_handlers()) return;
  const auto wait = std::clamp<std::int64_t>(timeout.count(), 0, std::numeric_limits<int>::max());
  sockets_->acknowledge();
  curl_multi_poll(multi_, nullptr, 0, static_cast<int>(wait), nullptr);
  curl_multi_perform(multi_, &running);
  collect_finished();
  call_handlers();
}

void CurlHttpClient::wakeup() { curl_multi_wakeup(multi_); }

void CurlHttpClient::collect_finished() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;  // `message` does not outlive detach()
    const RequestId id = number_of(message->easy_handle);
    finish(id, transfers_.at(id)->finish(code));
  }
}

void CurlHttpClient::finish(RequestId id, Result<HttpResponse> result) {
  const auto transfer = detach(id);
  finished_.push_back({transfer->handler(), std::move(result)});
}

std::unique_ptr<CurlTransfer> CurlHttpClient::detach(RequestId id) {
  auto transfer = std::move(transfers_.extract(id).mapped());
  curl_multi_remove_handle(multi_, transfer->easy());
  return transfer;
}

// Handlers may send, cancel or poll again: work on a copy of what is due.
bool CurlHttpClient::call_handlers() {
  const auto due = std::exchange(finished_, {});
  for (const Finished& item : due) item.handler(item.result);
  return !due.empty();
}

}  // namespace tracelink
