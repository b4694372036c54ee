#include <algorithm>
#include <fstream>
#include <string>
#include <variant>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "config/load.hpp"
#include "daemon/base/posix_file_system.hpp"
#include "daemon/databricks/token_source.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_http_client.hpp"
#include "tests/support/fixed_random_source.hpp"
#include "tests/support/temp_directory.hpp"

// The same variables, profiles and files as Databricks' SDK was given, whose results are the table
// (tests/integration/harness/databricks_auth.py): host, kind of credential, what is asked for
// tokens, and what a request carries.

namespace tracelink {
namespace {

using nlohmann::json;

json read_table() {
  std::ifstream file(TRACELINK_AUTH_MATRIX);
  return json::parse(file);
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != text.npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// One combination, as tracelink takes it.
class Combination {
 public:
  Combination(const json& table, const json& row)
      : row_(row), server_(table.at("servers").at(row.at("server").get<std::string>())) {
    for (const auto& [name, text] : table.at("files").items()) write(name, text);
    if (row.at("profiles").is_string()) {
      write(".databrickscfg", here(row.at("profiles")));
      write("other", row.at("profiles"));
    }
  }

  // As the SDK's result; "message" beside "error": ours.
  json result() {
    const LoadResult loaded = load_config(context());
    if (!loaded.loaded) return {{"error", lines_of(loaded).front()}};
    const DatabricksWorkspace workspace = *loaded.loaded->config.workspace;
    host_ = workspace.host;
    TokenSource source({.workspace = workspace,
                        .read_again = {},
                        .timeout = std::chrono::seconds(30),
                        .user_agent = "tracelinkd/1.2.3"},
                       http_, fs_, clock_, random_);
    std::variant<Authorization, TokenRefusal> answer;
    source.get([&](const auto& given) { answer = given; });
    while (!http_.idle()) http_.poll(std::chrono::milliseconds(0));
    if (const auto* refusal = std::get_if<TokenRefusal>(&answer)) {
      return {{"error", std::get<HttpResponse>(*refusal).body}};
    }
    json result = {{"host", host_}, {"auth_type", to_string(workspace.auth)}, {"requests", asked_}};
    for (const auto& [name, value] : std::get<Authorization>(answer).headers) {
      if (name != "x-databricks-org-id") result["headers"][name] = value;
    }
    return result;
  }

 private:
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_.path() / name) << text;
  }
  std::string here(std::string text) const {
    replace_all(text, "{dir}", folder_.path().string());
    return text;
  }

  LoadContext context() const {
    LoadContext context;
    context.default_file = (folder_.path() / "none").string();
    const std::string profile = row_.at("uri");
    context.environment = {{"HOME", folder_.path().string()},
                           {"TRACELINK_MODEL__NAME", "agent"},
                           {"MLFLOW_EXPERIMENT_ID", "1"},
                           {"MLFLOW_TRACKING_URI", "databricks://" + profile}};
    for (const auto& [name, value] : row_.at("environment").items()) {
      context.environment[name] = here(value);
    }
    return context;
  }

  HttpResponse serve(const HttpRequest& request) {
    const bool own = request.url.starts_with(host_);
    const std::string key =
        request.method + " " + (own ? request.url.substr(host_.size()) : request.url);
    if (key != "GET /.well-known/databricks-config") note(request);
    HttpResponse response;
    response.status = 404;
    const auto answer = server_.find(key);
    if (answer == server_.end()) return response;
    response.status = answer->at("status");
    response.body = answer->at("body").dump();
    replace_all(response.body, "{host}", host_);
    if (answer->contains("location")) response.headers = {{"location", answer->at("location")}};
    return response;
  }

  void note(const HttpRequest& request) {
    std::string authorization;
    for (const auto& [name, value] : request.headers) {
      if (name == "Authorization") authorization = value;
    }
    asked_.push_back({{"method", request.method},
                      {"url", request.url},
                      {"authorization", authorization},
                      {"body", request.body}});
  }

  const json& row_;
  const json& server_;
  const TempDirectory folder_;
  std::string host_;
  json asked_ = json::array();
  FakeClock clock_;
  FixedRandomSource random_;
  PosixFileSystem fs_;
  FakeHttpClient http_{[this](const HttpRequest& request) { return serve(request); }};
};

// "HOST KIND", or "error".
std::string shown(const json& result) {
  if (result.contains("error")) return "error";
  return result.at("host").get<std::string>() + " " + result.at("auth_type").get<std::string>();
}

bool is_same(const json& ours, const json& sdk) {
  if (!ours.contains("error") || !sdk.contains("error")) return ours == sdk;
  // Of two kinds of credential both are named.
  const std::string message = ours.at("error");
  return std::ranges::all_of(sdk.at("error"), [&](const json& kind) {
    return message.find(kind.get<std::string>()) != message.npos;
  });
}

TEST(AuthMatrix, IsWhatDatabricksSdkDoes) {
  const json table = read_table();
  std::size_t equal = 0;
  for (const json& row : table.at("cases")) {
    const json ours = Combination(table, row).result();
    const bool same = is_same(ours, row.at("sdk"));
    if (row.contains("better")) {  // on purpose, and why is told there
      EXPECT_EQ(shown(ours), row.at("better").at("result").get<std::string>())
          << row.at("name") << ours;
      EXPECT_FALSE(same) << row.at("name");
      continue;
    }
    EXPECT_TRUE(same) << row.at("name") << "\nSDK:  " << row.at("sdk") << "\nours: " << ours;
    ++equal;
  }
  EXPECT_GE(equal, 300u);
}

}  // namespace
}  // namespace tracelink
