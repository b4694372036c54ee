#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "daemon/base/mutex.hpp"
#include "daemon/http/curl_http_client.hpp"
#include "daemon/http/relay.hpp"

namespace tracelink {

class OpenSockets;
class RelayTransfer;

// A Relay on one libcurl multi handle and a thread of its own, which waits for the server alone.
// Proxies and TLS are those of CurlHttpClient. A server that says nothing for five minutes is given
// up, one that cannot be connected to after five seconds.
// Lifetime: destruction ends what is under way, without on_end().
class CurlRelay final : public Relay {
 public:
  static constexpr std::size_t kMaxRequests = 256;  // at once

  // `uri`: as TrackingOptions::uri; what is relayed lies below it.
  CurlRelay(std::string uri, CurlOptions options, std::size_t max_requests = kMaxRequests);
  ~CurlRelay() override;
  CurlRelay(const CurlRelay&) = delete;
  CurlRelay& operator=(const CurlRelay&) = delete;

  std::optional<Id> begin(const RelayRequest& request,
                          std::shared_ptr<RelayTarget> target) override;
  void send(Id id, std::string bytes, bool last) override;
  void taken(Id id, std::size_t bytes) override;
  void cancel(Id id) override;

 private:
  using Work = std::function<void()>;

  void run(const std::stop_token& stop);
  void post(Work work);
  void run_posted();
  void start(Id id, RelayRequest request, std::shared_ptr<RelayTarget> target);
  void collect_finished();
  std::unique_ptr<RelayTransfer> detach(Id id);
  RelayTransfer* find(Id id);

  const std::string uri_;
  const CurlOptions options_;
  const std::size_t max_requests_;
  std::unique_ptr<OpenSockets> sockets_;
  void* multi_;
  std::map<Id, std::unique_ptr<RelayTransfer>> transfers_;  // of the thread

  Mutex mutex_;
  std::vector<Work> posted_ GUARDED_BY(mutex_);
  std::size_t open_ GUARDED_BY(mutex_) = 0;
  Id last_id_ GUARDED_BY(mutex_) = 0;
  std::jthread thread_;
};

}  // namespace tracelink
