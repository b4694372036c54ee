#include "daemon/http/curl_relay.hpp"

#include <cstdlib>
#include <utility>

#include <curl/curl.h>

#include "daemon/http/curl_easy.hpp"
#include "daemon/http/open_sockets.hpp"
#include "daemon/http/relay_transfer.hpp"

namespace tracelink {
namespace {

constexpr int kLongestWaitMs = 1'000;

}  // namespace

CurlRelay::CurlRelay(std::string uri, CurlOptions options, std::size_t max_requests)
    : uri_(std::move(uri)),
      options_(std::move(options)),
      max_requests_(max_requests),
      sockets_(std::make_unique<OpenSockets>()),
      multi_(new_multi()),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

CurlRelay::~CurlRelay() {
  thread_.request_stop();
  curl_multi_wakeup(multi_);
  thread_.join();
  while (!transfers_.empty()) detach(transfers_.begin()->first);
  curl_multi_cleanup(multi_);
}

void CurlRelay::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    run_posted();
    int running = 0;
    curl_multi_perform(multi_, &running);
    collect_finished();
    sockets_->acknowledge();
    curl_multi_poll(multi_, nullptr, 0, kLongestWaitMs, nullptr);
  }
}

void CurlRelay::post(Work work) {
  {
    const MutexLock lock(mutex_);
    posted_.push_back(std::move(work));
  }
  curl_multi_wakeup(multi_);
}

void CurlRelay::run_posted() {
  std::vector<Work> posted;
  {
    const MutexLock lock(mutex_);
    posted.swap(posted_);
  }
  for (const Work& work : posted) work();
}

std::optional<Relay::Id> CurlRelay::begin(const RelayRequest& request,
                                          std::shared_ptr<RelayTarget> target) {
  Id id = 0;
  {
    const MutexLock lock(mutex_);
    if (open_ >= max_requests_) return std::nullopt;
    ++open_;
    id = ++last_id_;
  }
  post([this, id, request, target = std::move(target)] { start(id, request, target); });
  return id;
}

void CurlRelay::start(Id id, RelayRequest request, std::shared_ptr<RelayTarget> target) {
  auto transfer =
      std::make_unique<RelayTransfer>(uri_, options_, std::move(request), std::move(target));
  const auto prepared = transfer->prepare();
  set_number(transfer->easy(), id);
  CURL* easy = transfer->easy();
  sockets_->observe(easy);
  transfers_.emplace(id, std::move(transfer));
  if (!prepared) return detach(id)->end(prepared.error());
  if (curl_multi_add_handle(multi_, easy) != CURLM_OK) std::abort();  // out of memory
}

void CurlRelay::send(Id id, std::string bytes, bool last) {
  post([this, id, bytes = std::move(bytes), last] {
    if (auto* transfer = find(id)) transfer->send(bytes, last);
  });
}

void CurlRelay::taken(Id id, std::size_t bytes) {
  post([this, id, bytes] {
    if (auto* transfer = find(id)) transfer->taken(bytes);
  });
}

void CurlRelay::cancel(Id id) {
  post([this, id] {
    if (find(id) != nullptr) detach(id);
  });
}

void CurlRelay::collect_finished() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;  // `message` does not outlive detach()
    const auto transfer = detach(number_of(message->easy_handle));
    transfer->end(transfer->result_of(code));
  }
}

std::unique_ptr<RelayTransfer> CurlRelay::detach(Id id) {
  auto transfer = std::move(transfers_.extract(id).mapped());
  curl_multi_remove_handle(multi_, transfer->easy());
  const MutexLock lock(mutex_);
  --open_;
  return transfer;
}

RelayTransfer* CurlRelay::find(Id id) {
  const auto found = transfers_.find(id);
  return found == transfers_.end() ? nullptr : found->second.get();
}

}  // namespace tracelink
