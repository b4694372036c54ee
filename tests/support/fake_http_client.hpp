#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/http/http_client.hpp"

namespace tracelink {

// Requests are recorded and answered in order, by a script or by a server in memory, without
// sockets. step() goes on by half a request, so that several clients can be interleaved. Threads:
// one.
class FakeHttpClient final : public HttpClient {
 public:
  using Server = std::function<HttpResponse(const HttpRequest&)>;
  enum class Fault {
    not_done,     // the request never arrived
    answer_lost,  // it was done, and nobody knows
  };

  FakeHttpClient() = default;
  explicit FakeHttpClient(Server server) : server_(std::move(server)) {}

  // The next answer that the script has; it goes before the server's.
  void will_answer(Result<HttpResponse> answer) { script_.push_back(std::move(answer)); }
  void will_answer(int status, std::string body) {
    will_answer(HttpResponse{status, {}, std::move(body)});
  }
  // The n-th request from now on, counted from 0, ends in `timeout`.
  void fail_request(std::size_t n, Fault fault) {
    fault_ = fault;
    fault_at_ = served_ + n;
  }
  bool fault_fired() const { return fault_at_ && served_ > *fault_at_; }

  const std::vector<HttpRequest>& requests() const { return requests_; }
  const HttpRequest& last_request() const { return requests_.at(requests_.size() - 1); }
  bool idle() const { return transfers_.empty(); }

  // The oldest request reaches the server, or its answer the client.
  void step() {
    if (transfers_.empty()) return;
    Transfer& first = transfers_.front();
    if (!first.answer) {
      first.answer = serve(first.request);
      return;
    }
    const auto [id, request, handler, answer] = std::move(first);
    transfers_.pop_front();
    handler(*answer);
  }

  RequestId send(HttpRequest request, Handler handler) override {
    requests_.push_back(request);
    transfers_.push_back({++last_id_, std::move(request), std::move(handler), std::nullopt});
    return last_id_;
  }
  void cancel(RequestId id) override {
    for (Transfer& transfer : transfers_) {
      if (transfer.id == id) transfer.answer = closed();
    }
  }
  void cancel_all() override {
    for (auto transfers = std::exchange(transfers_, {}); auto& transfer : transfers) {
      transfer.handler(closed());
    }
  }
  void poll(std::chrono::milliseconds) override {
    for (std::size_t due = transfers_.size(); due > 0 && !transfers_.empty(); --due) {
      if (!transfers_.front().answer) step();
      step();
    }
  }
  void wakeup() override {}

 private:
  struct Transfer {
    RequestId id;
    HttpRequest request;
    Handler handler;
    std::optional<Result<HttpResponse>> answer;
  };

  static Result<HttpResponse> closed() { return Error{ErrorCode::closed, "cancelled"}; }

  Result<HttpResponse> serve(const HttpRequest& request) {
    const bool faulty = fault_at_ == served_++;
    const Error lost{ErrorCode::timeout, "no answer in time"};
    if (faulty && fault_ == Fault::not_done) return lost;
    Result<HttpResponse> answer = next_answer(request);
    return faulty ? lost : answer;
  }
  Result<HttpResponse> next_answer(const HttpRequest& request) {
    if (!script_.empty()) {
      auto answer = std::move(script_.front());
      script_.pop_front();
      return answer;
    }
    if (server_) return server_(request);
    return Error{ErrorCode::unavailable, "the script has no answer to " + request.url};
  }

  Server server_;
  std::deque<Result<HttpResponse>> script_;
  std::vector<HttpRequest> requests_;
  std::deque<Transfer> transfers_;
  RequestId last_id_ = 0;
  std::size_t served_ = 0;
  std::optional<std::size_t> fault_at_;
  Fault fault_ = Fault::not_done;
};

}  // namespace tracelink
