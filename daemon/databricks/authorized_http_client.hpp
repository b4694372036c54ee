#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/databricks/token_source.hpp"
#include "daemon/http/http_client.hpp"

namespace tracelink {

// HttpClient for the API of one Databricks workspace: every request gets Authorization, User-Agent
// and, where it is known, x-databricks-org-id. A request waits for a token first, and is sent once
// more with a fresh one after a 401 or a 403 that speaks of the token, or after any other 403 to a
// token that has been in use for a minute.
//
// What the token endpoint refuses reaches the handler as the answer that the workspace would have
// given: 401 with `remedy`, which TrackingClient makes a configuration failure of the server, or
// its own 429 and 5xx, which are transient. No answer at all is an Error, as HttpClient has it.
// A refused token and 3xx of the workspace carry a `remedy` too. No answer's body holds the token.
// Not for signed URLs: those go by the plain client.
// A request is kept whole until it is answered. Threads and lifetime: as `http`, which outlives
// this object.
class AuthorizedHttpClient final : public HttpClient {
 public:
  AuthorizedHttpClient(TokenSource& tokens, HttpClient& http);

  RequestId send(HttpRequest request, Handler handler) override;
  void cancel(RequestId id) override;
  void cancel_all() override;
  void poll(std::chrono::milliseconds timeout) override;
  void wakeup() override;

 private:
  struct Call {
    HttpRequest request;
    Handler handler;
    Authorization authorization;          // that it was sent with
    RequestId inner = 0;                  // 0: it waits for a token
    std::optional<HttpResponse> refusal;  // it was answered so, and is sent once more
  };
  struct Finished {
    Handler handler;
    Result<HttpResponse> result;
  };

  void authorize(RequestId id);
  void transmit(RequestId id, Authorization authorization);
  void refused(RequestId id, const TokenRefusal& refusal);
  void answered(RequestId id, Result<HttpResponse> answer);
  bool deserves_another_token(const Call& call, const HttpResponse& answer) const;
  void send_again(RequestId id, HttpResponse refusal);
  void explain(HttpResponse& response, const Authorization& authorization) const;
  void finish(RequestId id, Result<HttpResponse> result);
  void call_handlers();

  TokenSource& tokens_;
  HttpClient& http_;
  RequestId next_id_ = 1;
  std::map<RequestId, Call> calls_;
  std::vector<Finished> finished_;  // their handlers are due
};

}  // namespace tracelink
