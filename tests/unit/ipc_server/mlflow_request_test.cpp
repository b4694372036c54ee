#include "ipc/server/mlflow_request.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

TEST(MlflowRequest, TellsWhatTheDaemonAnswersItself) {
  EXPECT_EQ(mlflow_call("POST", "/v1/traces"), MlflowCall::spans);
  EXPECT_EQ(mlflow_call("POST", "/api/3.0/mlflow/traces"), MlflowCall::start_trace);
  EXPECT_EQ(mlflow_call("GET", "/version?x"), MlflowCall::version);
  EXPECT_EQ(mlflow_call("GET", "/api/2.0/mlflow/experiments/get?experiment_id=1"),
            MlflowCall::experiment);
  for (const char* among_all : {"search", "calculate-filter-correlation", "metrics"}) {
    EXPECT_EQ(mlflow_call("POST", std::string("/api/3.0/mlflow/traces/") + among_all),
              MlflowCall::search);
  }
  const std::string file = "/api/2.0/mlflow-artifacts/artifacts/1/traces/tr-" +
                           std::string(32, '1') + "/artifacts/traces.json";
  EXPECT_EQ(mlflow_call("PUT", file), MlflowCall::artifact);
  EXPECT_EQ(mlflow_call("GET", file), MlflowCall::other);
  for (const char* target :
       {"/api/3.0/mlflow/traces/", "/api/2.0/mlflow/traces", "/v1/traces/", "/version/x",
        "/api/2.0/mlflow/experiments/get", "/api/2.0/mlflow/experiments/get?experiment_id="}) {
    EXPECT_EQ(mlflow_call("GET", target), MlflowCall::other) << target;
    EXPECT_EQ(mlflow_call("POST", target), MlflowCall::other) << target;
  }
}

TEST(MlflowRequest, ReadsTheExperimentThatIsAskedFor) {
  const auto by_name =
      experiment_query("/api/2.0/mlflow/experiments/get-by-name?a=b&experiment_name=%2FMy+x%C3%A9");
  ASSERT_TRUE(by_name);
  EXPECT_TRUE(by_name->by_name);
  EXPECT_EQ(by_name->value, "/My xé");
  const auto by_id = experiment_query("/api/2.0/mlflow/experiments/get?experiment_id=12");
  ASSERT_TRUE(by_id);
  EXPECT_FALSE(by_id->by_name);
  EXPECT_EQ(by_id->value, "12");
}

TEST(MlflowRequest, TellsWhatIsAskedOfModels) {
  const std::string models = "/api/2.0/mlflow/logged-models/";
  const std::string id = "m-" + std::string(32, 'a');
  EXPECT_EQ(mlflow_call("POST", models + "search"), MlflowCall::find_models);
  EXPECT_EQ(mlflow_call("GET", models + id + "?x=y"), MlflowCall::model);
  EXPECT_EQ(mlflow_call("PATCH", models + id), MlflowCall::other);
  EXPECT_EQ(mlflow_call("GET", models + id + "/artifacts"), MlflowCall::other);
  EXPECT_EQ(mlflow_call("GET", models + id + "a"), MlflowCall::other);
  EXPECT_EQ(model_in_path(models + id + "/tags"), id);
  EXPECT_EQ(model_in_path(models + "search"), "");
  EXPECT_EQ(model_in_path("/api/2.0/mlflow/runs/" + id), "");
}

TEST(MlflowRequest, PutsOneIdInThePlaceOfAnother) {
  const auto real = [](std::string_view id) -> std::optional<std::string> {
    if (id == "900") return "7";
    return std::nullopt;
  };
  EXPECT_EQ(with_real_ids(R"({"ids":["900","9001","a-900"],"x":"é = 900"})", real),
            R"({"ids":["7","9001","a-900"],"x":"é = 7"})");
  EXPECT_EQ(with_real_ids("/a/900/b?id=900&x", real), "/a/7/b?id=7&x");
  EXPECT_EQ(with_real_ids("", real), "");
}

TEST(MlflowRequest, FindsTheTraceThatIsMeant) {
  const std::string id(32, 'a');
  EXPECT_EQ(named_trace("/traces/tr-" + id + "/tags")->hex(), id);
  EXPECT_EQ(named_trace("tr-x tr-" + id)->hex(), id);
  const std::string other(32, 'b');
  const auto both = named_traces("tr-" + other + ",tr-" + id + ",tr-" + other);
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0].hex(), other);
  EXPECT_FALSE(named_trace("tr-" + id.substr(1)));
  EXPECT_FALSE(named_trace(""));
}

TEST(MlflowRequest, ReadsWhichTracesAreToBeShown) {
  using What = TraceRead::What;
  const std::string a = "tr-" + std::string(32, 'a');
  const std::string b = "tr-" + std::string(32, 'b');
  const std::string root = "/api/3.0/mlflow/traces/";
  const auto what = [](const std::string& target) { return trace_read(target)->what; };
  EXPECT_EQ(what(root + a + "?trace_id=" + a), What::info);
  EXPECT_EQ(what(root + "get?trace_id=" + a + "&allow_partial=False"), What::trace);
  const auto batch = trace_read(root + "batchGet?trace_ids=" + a + "&trace_ids=" + b);
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->what, What::traces);
  ASSERT_EQ(batch->traces.size(), 2u);
  EXPECT_EQ("tr-" + batch->traces[1].hex(), b);
  const auto twice =
      trace_read(root + "batchGet?trace_ids=" + a + "&trace_ids=" + b + "&trace_ids=" + a);
  ASSERT_TRUE(twice);
  EXPECT_EQ(twice->traces, batch->traces) << "as servers answer it";
  const auto part = trace_read(root + a + "/assessments/a-1");
  ASSERT_TRUE(part);
  EXPECT_EQ(part->what, What::assessment);
  EXPECT_EQ(part->assessment_id, "a-1");
  for (const std::string& other :
       {root, root + "get", root + "batchGet?trace_ids=x", root + a + "/tags",
        root + "get?trace_id=" + a + "x", root + "tr-" + std::string(32, 'A'),
        "/api/2.0/mlflow/traces/" + a}) {
    EXPECT_FALSE(trace_read(other)) << other;
  }
  EXPECT_EQ(mlflow_call("GET", root + a), MlflowCall::read);
  EXPECT_EQ(mlflow_call("PATCH", "/api/2.0/mlflow/traces/" + a + "/tags"), MlflowCall::change);
  EXPECT_EQ(mlflow_call("POST", root + a + "/assessments"), MlflowCall::change);
}

TEST(MlflowRequest, KnowsTheNamesOfThisHost) {
  for (const char* host :
       {"127.0.0.1:5500", "127.0.0.1", "localhost:5500", "LOCALHOST", "[::1]:5500"})
    EXPECT_TRUE(names_this_host(host)) << host;
  for (const char* host :
       {"", "mlflow:5500", "127.0.0.1.example.org", "localhost.example.org", "10.0.0.1"})
    EXPECT_FALSE(names_this_host(host)) << host;
}

TEST(MlflowRequest, LeavesOutWhatConcernsOneConnection) {
  const HttpHeaders headers = {{"Host", "a"},
                               {"connection", "Keep-Alive , X-Hop"},
                               {"Keep-Alive", "5"},
                               {"TE", "trailers"},
                               {"x-hop", "1"},
                               {"Transfer-Encoding", "chunked"},
                               {"Content-Length", "3"},
                               {"Expect", "100-continue"},
                               {"Accept-Encoding", "gzip"}};
  EXPECT_EQ(end_to_end_headers(headers), (HttpHeaders{{"Accept-Encoding", "gzip"}}));
}

TEST(MlflowRequest, WordsAnswers) {
  EXPECT_EQ(mlflow_error(503, "TEMPORARILY_UNAVAILABLE", "a \"b\"").body,
            R"({"error_code":"TEMPORARILY_UNAVAILABLE","message":"a \"b\""})");
  const RelayAnswer answer{.status = 404, .headers = {{"A", "b"}}};
  EXPECT_EQ(
      format_relayed_head(answer, true, false),
      "HTTP/1.1 404 Not Found\r\nA: b\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(format_chunk("0123456789abcdef"), "10\r\n0123456789abcdef\r\n");
}

}  // namespace
}  // namespace tracelink
