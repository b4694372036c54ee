#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "daemon/databricks/authorized_http_client.hpp"
#include "daemon/databricks/token_source.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_file_system.hpp"
#include "tests/support/fake_http_client.hpp"
#include "tests/support/fixed_random_source.hpp"

namespace tracelink {

inline constexpr const char* kHost = "https://dbc-1.cloud.databricks.com";

inline HttpResponse json_answer(std::string body, int status = 200) {
  return {.status = status,
          .headers = {{"content-type", "application/json"}},
          .body = std::move(body),
          .new_connection = false,
          .remedy = {}};
}

// A workspace in memory: it tells of itself, gives numbered tokens for an hour, and lets the newest
// of them in. Each test changes what it is about.
class FakeWorkspace : public ::testing::Test {
 protected:
  HttpResponse serve(const HttpRequest& request) {
    if (!request.url.starts_with(kHost)) return entra_answer_;
    const std::string path = request.url.substr(std::string(kHost).size());
    if (path == "/.well-known/databricks-config") return metadata_;
    if (path == "/oidc/.well-known/oauth-authorization-server") return authorization_server_;
    if (path == "/oidc/v1/token") return token_answer_ ? *token_answer_ : new_token();
    return call(request);
  }

  HttpResponse new_token() {
    ++tokens_;
    return json_answer(R"({"access_token":"token-)" + std::to_string(tokens_) +
                       R"(","token_type":"Bearer","expires_in":)" + std::to_string(lifetime_) +
                       "}");
  }

  HttpResponse call(const HttpRequest& request) {
    if (api_answer_) return *api_answer_;
    if (header(request, "Authorization") == "Bearer " + let_in()) return json_answer("{}");
    return json_answer(R"({"error_code":"UNAUTHENTICATED","message":"no"})", 401);
  }
  std::string let_in() const { return "token-" + std::to_string(tokens_); }

  static std::string header(const HttpRequest& request, const std::string& name) {
    for (const auto& [key, value] : request.headers) {
      if (key == name) return value;
    }
    return {};
  }

  TokenSource& tokens(DatabricksWorkspace workspace, TokenSource::ReadWorkspace again = {}) {
    source_ =
        std::make_unique<TokenSource>(TokenSource::Options{.workspace = std::move(workspace),
                                                           .read_again = std::move(again),
                                                           .timeout = std::chrono::seconds(30),
                                                           .user_agent = "tracelinkd/1.2.3"},
                                      http_, fs_, clock_, random_);
    api_ = std::make_unique<AuthorizedHttpClient>(*source_, http_);
    return *source_;
  }

  static DatabricksWorkspace workspace(DatabricksAuth auth) {
    DatabricksWorkspace workspace;
    workspace.host = kHost;
    workspace.auth = auth;
    workspace.credential = "databricks.secret (TEST)";
    return workspace;
  }
  static DatabricksWorkspace pat(std::string token = "dapi-1") {
    DatabricksWorkspace result = workspace(DatabricksAuth::pat);
    result.values.token = std::move(token);
    return result;
  }
  static DatabricksWorkspace m2m(std::string secret = "s3cret") {
    DatabricksWorkspace result = workspace(DatabricksAuth::oauth_m2m);
    result.values.client_id = "sp-1";
    result.values.client_secret = std::move(secret);
    return result;
  }

  // The Authorization that is given now; "" and the reason in refusal_ if there is none.
  std::string authorization() {
    std::string result = "no answer";
    source_->get([&](const std::variant<Authorization, TokenRefusal>& answer) {
      result.clear();
      if (const auto* given = std::get_if<Authorization>(&answer)) {
        headers_ = given->headers;
        result = headers_.front().second;
      } else {
        refusal_ = std::get<TokenRefusal>(answer);
      }
    });
    settle();
    return result;
  }
  void settle() {
    while (!http_.idle()) http_.poll(std::chrono::milliseconds(0));
  }

  // What a call of the API is answered.
  Result<HttpResponse> ask_api(const std::string& path = "/api/2.0/mlflow/x") {
    std::optional<Result<HttpResponse>> answer;
    HttpRequest request;
    request.url = kHost + path;
    request.headers = {{"User-Agent", "tracelinkd/1.2.3"}};
    api_->send(std::move(request), [&](Result<HttpResponse> given) { answer.emplace(given); });
    for (int round = 0; !answer && round < 20; ++round) api_->poll(std::chrono::milliseconds(0));
    return answer.value_or(Result<HttpResponse>(Error{ErrorCode::timeout, "no answer"}));
  }

  std::vector<std::string> urls() const {
    std::vector<std::string> all;
    for (const HttpRequest& request : http_.requests()) {
      all.push_back(request.method + " " + request.url.substr(std::string(kHost).size()));
    }
    return all;
  }

  HttpResponse metadata_ = json_answer(
      R"({"oidc_endpoint":"https://dbc-1.cloud.databricks.com/oidc","workspace_id":"74"})");
  HttpResponse authorization_server_ =
      json_answer(R"({"token_endpoint":"https://dbc-1.cloud.databricks.com/oidc/v1/token"})");
  std::optional<HttpResponse> token_answer_, api_answer_;
  HttpResponse entra_answer_ = json_answer("{}", 404);
  int tokens_ = 0;
  int lifetime_ = 3600;
  TokenRefusal refusal_;
  std::vector<std::pair<std::string, std::string>> headers_;  // of the last Authorization

  FakeClock clock_;
  FakeFileSystem fs_;
  FixedRandomSource random_;
  FakeHttpClient http_{[this](const HttpRequest& request) { return serve(request); }};
  std::unique_ptr<TokenSource> source_;
  std::unique_ptr<AuthorizedHttpClient> api_;
};

}  // namespace tracelink
