#include "daemon/databricks/token_refusal.hpp"

#include <utility>

#include <nlohmann/json.hpp>

#include "daemon/databricks/oauth_messages.hpp"

namespace tracelink {
namespace {

constexpr char kNoToken[] =
    "Something other than an authorization server answers: check databricks.host, "
    "databricks.discovery_url and the proxies in front of the workspace.";

HttpResponse answer_of(int status, const std::string& message, std::string remedy) {
  const nlohmann::json body = {{"error_code", "UNAUTHENTICATED"}, {"message", message}};
  HttpResponse response;
  response.status = status;
  response.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  response.remedy = std::move(remedy);
  return response;
}

void keep_retry_after(const HttpResponse& from, HttpResponse& to) {
  if (const auto value = from.header("retry-after")) {
    to.headers.emplace_back("retry-after", std::string(*value));
  }
}

}  // namespace

TokenRefusal refusal_of(const HttpRequest& request, const Result<HttpResponse>& answer,
                        const std::string& remedy) {
  const std::string asked = "no token: " + request.method + " " + request.url;
  if (!answer) return Error(answer.error()).within(asked);
  const std::string error = read_token_error(*answer);
  const std::string message =
      asked + " answered " + std::to_string(answer->status) + (error.empty() ? "" : ": " + error);
  if (answer->status == 429 || answer->status >= 500) {
    HttpResponse later = answer_of(answer->status == 429 ? 429 : 503, message, {});
    keep_retry_after(*answer, later);
    return later;
  }
  if (answer->status / 100 == 3)
    return answer_of(answer->status, message, redirect_remedy(request.url));
  if (answer->status / 100 == 2) return answer_of(401, message + " without a token", kNoToken);
  return answer_of(401, message, remedy);
}

TokenRefusal cannot_ask(const std::string& message, const std::string& remedy) {
  return answer_of(401, "no token: " + message, remedy);
}

std::string redirect_remedy(const std::string& host) {
  return host +
         " redirects elsewhere: set databricks.host to the workspace's own address, as the browser "
         "shows it; a redirect to /login.html with private-link-validation-error means that this "
         "network must reach the workspace by its Private Link.";
}

}  // namespace tracelink
