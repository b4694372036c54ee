#include "daemon/cli/databricks_examination.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <variant>

#include "daemon/mlflow/rest/failure.hpp"

namespace tracelink::cli {

namespace {

using State = Finding::State;

std::variant<Authorization, TokenRefusal> wait_for_token(TrackingSession& session) {
  std::optional<std::variant<Authorization, TokenRefusal>> answer;
  session.tokens()->get([&answer](auto given) { answer.emplace(std::move(given)); });
  while (!answer) session.http().poll(std::chrono::milliseconds{1000});
  return *std::move(answer);
}

Failure failure_of(const TokenRefusal& refusal) {
  if (const auto* error = std::get_if<Error>(&refusal)) {
    return classify(Operation::experiment, *error);
  }
  return classify(Operation::experiment, std::get<HttpResponse>(refusal));
}

Finding discovery_of(const Authorization& authorization) {
  const auto id = std::ranges::find(authorization.headers, "x-databricks-org-id",
                                    [](const auto& header) { return header.first; });
  if (id != authorization.headers.end()) {
    return {"discovery", State::ok, "the workspace's id is " + id->second};
  }
  return {"discovery", State::warning, "the host does not tell the workspace's id",
          "if it serves several workspaces, set databricks.workspace_id (DATABRICKS_WORKSPACE_ID)"};
}

}  // namespace

Findings examine_workspace(TrackingSession& session) {
  const DatabricksWorkspace& workspace = session.tokens()->workspace();
  const std::string auth(to_string(workspace.auth));
  Findings findings{
      {"workspace", State::ok, workspace.host + " by " + auth + ", " + workspace.credential}};
  const auto token = wait_for_token(session);
  if (const auto* refusal = std::get_if<TokenRefusal>(&token)) {
    const Failure failure = failure_of(*refusal);
    findings.push_back({"token", State::failed, failure.message, failure.remedy});
    return findings;
  }
  findings.push_back(discovery_of(std::get<Authorization>(token)));
  findings.push_back(
      {"token", State::ok, "there is one; the next request shows whether it is let in"});
  return findings;
}

}  // namespace tracelink::cli
