#include "daemon/databricks/authorized_http_client.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "daemon/text/secret.hpp"

namespace tracelink {
namespace {

// A 403 is mostly about a permission, which a new token does not bring.
constexpr std::chrono::minutes kOldEnough{1};
constexpr std::string_view kUserAgent = "User-Agent";

Error cancelled() { return {ErrorCode::closed, "the request was cancelled"}; }

// Gateways repeat the header that they refuse, and what a server says goes to the log.
void hide_secrets(std::string& text, const Authorization& authorization) {
  for (const auto& [name, value] : authorization.headers) {
    if (name != "Authorization" && !name.ends_with("-Token")) continue;
    const auto blank = value.find(' ');
    hide_secret(text, std::string_view(value).substr(blank == value.npos ? 0 : blank + 1));
  }
}

// 401, or what Databricks answers with 403 to a token that it does not know or that ends.
bool refuses_token(const HttpResponse& answer) {
  constexpr std::string_view kTexts[] = {"nvalid access token", "oken is expiring", "oken expired"};
  return answer.status == 401 ||
         (answer.status == 403 && std::ranges::any_of(kTexts, [&](std::string_view text) {
            return answer.body.find(text) != std::string::npos;
          }));
}

}  // namespace

AuthorizedHttpClient::AuthorizedHttpClient(TokenSource& tokens, HttpClient& http)
    : tokens_(tokens), http_(http) {}

HttpClient::RequestId AuthorizedHttpClient::send(HttpRequest request, Handler handler) {
  const RequestId id = next_id_++;
  Call& call = calls_[id];
  call.request = std::move(request);
  call.handler = std::move(handler);
  std::erase_if(call.request.headers,
                [](const auto& header) { return header.first == kUserAgent; });
  call.request.headers.emplace_back(kUserAgent, tokens_.user_agent());
  authorize(id);
  return id;
}

void AuthorizedHttpClient::authorize(RequestId id) {
  tokens_.get([this, id](std::variant<Authorization, TokenRefusal> answer) {
    if (!calls_.contains(id)) return;  // cancelled meanwhile
    if (auto* authorization = std::get_if<Authorization>(&answer)) {
      return transmit(id, std::move(*authorization));
    }
    refused(id, std::get<TokenRefusal>(answer));
  });
}

void AuthorizedHttpClient::transmit(RequestId id, Authorization authorization) {
  Call& call = calls_.at(id);
  // The same credential once more would be refused once more.
  if (call.refusal && authorization.headers == call.authorization.headers) {
    return finish(id, *std::move(call.refusal));
  }
  call.authorization = std::move(authorization);
  HttpRequest request = call.request;
  request.headers.insert(request.headers.end(), call.authorization.headers.begin(),
                         call.authorization.headers.end());
  call.inner = http_.send(std::move(request), [this, id](Result<HttpResponse> answer) {
    answered(id, std::move(answer));
  });
}

// No token: a call that was refused before keeps the answer that it got.
void AuthorizedHttpClient::refused(RequestId id, const TokenRefusal& refusal) {
  Call& call = calls_.at(id);
  if (call.refusal) return finish(id, *std::move(call.refusal));
  if (const auto* error = std::get_if<Error>(&refusal)) return finish(id, *error);
  finish(id, std::get<HttpResponse>(refusal));
}

void AuthorizedHttpClient::answered(RequestId id, Result<HttpResponse> answer) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;  // cancelled meanwhile
  found->second.inner = 0;
  if (!answer) return finish(id, std::move(answer));
  if (answer->status / 100 != 2) explain(*answer, found->second.authorization);
  if (deserves_another_token(found->second, *answer)) {
    return send_again(id, *std::move(answer));
  }
  finish(id, std::move(answer));
}

bool AuthorizedHttpClient::deserves_another_token(const Call& call,
                                                  const HttpResponse& answer) const {
  if (call.refusal) return false;
  return refuses_token(answer) ||
         (answer.status == 403 && tokens_.age().value_or(kOldEnough) >= kOldEnough);
}

void AuthorizedHttpClient::send_again(RequestId id, HttpResponse refusal) {
  Call& call = calls_.at(id);
  call.refusal = std::move(refusal);
  tokens_.drop(call.authorization.number);
  authorize(id);
}

void AuthorizedHttpClient::explain(HttpResponse& response,
                                   const Authorization& authorization) const {
  hide_secrets(response.body, authorization);
  if (refuses_token(response)) response.remedy = tokens_.remedy();
  if (response.status / 100 == 3) response.remedy = redirect_remedy(tokens_.workspace().host);
}

void AuthorizedHttpClient::finish(RequestId id, Result<HttpResponse> result) {
  auto call = calls_.extract(id);
  finished_.push_back({std::move(call.mapped().handler), std::move(result)});
}

void AuthorizedHttpClient::cancel(RequestId id) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  const RequestId inner = found->second.inner;
  finish(id, cancelled());
  if (inner != 0) http_.cancel(inner);
}

void AuthorizedHttpClient::cancel_all() {
  std::vector<RequestId> ids;
  ids.reserve(calls_.size());
  for (const auto& entry : calls_) ids.push_back(entry.first);
  for (const RequestId id : ids) cancel(id);
  http_.cancel_all();
  call_handlers();
}

void AuthorizedHttpClient::poll(std::chrono::milliseconds timeout) {
  if (!finished_.empty()) timeout = std::chrono::milliseconds(0);
  http_.poll(timeout);
  call_handlers();
}

void AuthorizedHttpClient::wakeup() { http_.wakeup(); }

// Handlers may send, cancel or poll again: work on what is due now.
void AuthorizedHttpClient::call_handlers() {
  for (const Finished& item : std::exchange(finished_, {})) item.handler(item.result);
}

}  // namespace tracelink
