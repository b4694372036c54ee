#include "daemon/destination/databricks/databricks_client.hpp"

#include <functional>
#include <optional>
#include <string>
#include <variant>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/fake_http_client.hpp"
#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

using Json = nlohmann::json;

// What MLflow's client reads, by the requests that it sends.
class DatabricksClientTest : public ::testing::Test {
 protected:
  template <class T>
  Answer<T> ask(const std::function<void(AnswerHandler<T>)>& start) {
    std::optional<Answer<T>> answer;
    start([&answer](Answer<T> value) { answer = std::move(value); });
    while (!answer) http.step();
    return *std::move(answer);
  }
  Answer<TraceSearch> search(const TraceQuery& query) {
    return ask<TraceSearch>(
        [&](auto done) { client.search_traces(tables, query, "wh-1", std::move(done)); });
  }
  std::string asked() const {
    const HttpRequest& request = http.last_request();
    return request.method + " " + request.url;
  }

  FakeHttpClient http;
  DatabricksClient client{{.host = "https://host"}, http, http};
  const TraceStorage tables = *parse_trace_location("main.agents.app");
};

TEST_F(DatabricksClientTest, SearchesTablesByAWarehouse) {
  http.will_answer(200, R"({"name": "op-1", "done": false})");
  const auto begun = search({.experiment_id = "2", .filter = "f", .page_token = "p"});
  ASSERT_TRUE(begun);
  EXPECT_FALSE(begun->is_done);
  EXPECT_EQ(asked(), "POST https://host/api/4.0/mlflow/traces/search-long-running");
  const Json body = Json::parse(http.last_request().body);
  EXPECT_EQ(body["locations"][0]["uc_table_prefix"]["table_prefix"], "app");
  EXPECT_EQ(body["sql_warehouse_id"], "wh-1");
  EXPECT_EQ(body["filter"], "f");
  EXPECT_EQ(body["page_token"], "p");

  http.will_answer(200, R"({"name": "op-1", "done": true, "response": {"next_page_token": "q",
      "trace_infos": [{"trace_id": "0af7", "state": "OK", "tags": {"mlflow.traceName": "answer"}}]}})");
  const auto ended = ask<TraceSearch>(
      [&](auto done) { client.get_search(tables, begun->operation, std::move(done)); });
  EXPECT_EQ(asked(), "GET https://host/api/4.0/mlflow/traces/search/operations/op-1");
  const TracePage& page = ended->page;
  ASSERT_EQ(page.traces.size(), 1u);
  EXPECT_EQ(page.traces[0].trace_id, "trace:/main.agents.app/0af7");
  EXPECT_EQ(page.traces[0].name, "answer");
  EXPECT_EQ(page.next_page_token, "q");
}

TEST_F(DatabricksClientTest, ASearchWithoutResultsIsAnEmptyPage) {
  http.will_answer(200, R"({"name": "op-1", "done": true, "response": {}})");
  const auto found = search({});
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->page.traces.empty());
}

TEST_F(DatabricksClientTest, ASearchThatFailedSaysWhy) {
  http.will_answer(200, R"({"name": "op-1", "done": true,
      "error": {"error_code": "PERMISSION_DENIED", "message": "no SELECT on the table"}})");
  const auto failed = search({});
  ASSERT_TRUE(!failed);
  EXPECT_NE(failed.error().message.find("no SELECT on the table"), std::string::npos);
}

TEST_F(DatabricksClientTest, ASearchWithAnErrorOfAnotherFormFailedToo) {
  http.will_answer(200, R"({"name": "op-1", "done": true, "error": "no SELECT on the table"})");
  const auto failed = search({});
  ASSERT_TRUE(!failed);
  EXPECT_EQ(failed.error().message, "the search failed: \"no SELECT on the table\"");
}

TEST_F(DatabricksClientTest, ASearchThatGoesOnWithoutANameIsNotOfDatabricks) {
  http.will_answer(200, R"({"name": 7, "done": "true"})");
  const auto failed = search({});
  ASSERT_TRUE(!failed);
  EXPECT_EQ(failed.error().message, "the answer to a search names no operation");
}

TEST_F(DatabricksClientTest, ReadsTheSpansOfATraceInATable) {
  http.will_answer(200, R"({"traces": []})");
  const auto text = ask<std::string>(
      [&](auto done) { client.get_spans(tables, "0af7", "wh-1", std::move(done)); });
  EXPECT_EQ(*text, R"({"traces": []})");
  EXPECT_EQ(asked(),
            "GET https://host/api/4.0/mlflow/traces/main.agents.app/batchGet?trace_ids=0af7"
            "&sql_warehouse_id=wh-1");
}

TEST_F(DatabricksClientTest, SpansThatAreRejectedInJsonAreRefused) {
  const auto post = [&](const char* body) {
    http.will_answer(200, body);
    return ask<void>([&](auto done) { client.post_spans(tables, "otlp", std::move(done)); });
  };
  for (const char* count : {"\"2\"", "2"}) {
    const auto refused = post((std::string(R"({"partialSuccess": {"rejectedSpans": )") + count +
                               R"(, "errorMessage": "two are bad"}})")
                                  .c_str());
    ASSERT_FALSE(refused) << count;
    EXPECT_EQ(refused.error().failure_class, FailureClass::poison);
    EXPECT_EQ(refused.error().message, "2 spans were rejected: two are bad");
  }
  EXPECT_TRUE(post(R"({"partialSuccess": {"rejectedSpans": "0", "errorMessage": "a warning"}})"));
  EXPECT_TRUE(post(R"({"partialSuccess": {}})"));
  EXPECT_TRUE(post("{}"));
}

TEST_F(DatabricksClientTest, AnErrorThatIsCalledASuccessHoldsTheSpans) {
  const auto post = [&](HttpResponse answer) {
    http.will_answer(std::move(answer));
    return ask<void>([&](auto done) { client.post_spans(tables, "otlp", std::move(done)); });
  };
  for (const char* body :
       {R"({"error_code": "PERMISSION_DENIED"})", R"({"error": {"message": "no"}})",
        R"({"code": 7})", R"({"message": "no", "partialSuccess": {}})"}) {
    const auto refused = post({200, {}, body});
    ASSERT_FALSE(refused) << body;
    EXPECT_EQ(refused.error().failure_class, FailureClass::configuration);
    EXPECT_FALSE(refused.error().remedy.empty());
  }
  EXPECT_FALSE(post({200, {{"content-type", "text/html; charset=utf-8"}}, ""}));
  EXPECT_TRUE(post({200, {{"content-type", "application/x-protobuf"}}, ""}));
  EXPECT_TRUE(post({200, {}, ""}));
}

TEST_F(DatabricksClientTest, AWebPageIsNoUpload) {
  const UploadTarget target = *read_upload_target(
      {{"credential_info", {{"type", "AWS_PRESIGNED_URL"}, {"signed_uri", "https://store/f"}}}});
  http.will_answer(200, "<!DOCTYPE html><html>Sign in</html>");
  const auto refused =
      ask<void>([&](auto done) { client.upload(target, "spans", std::move(done)); });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().failure_class, FailureClass::configuration);
  EXPECT_EQ(refused.error().scope, FailureScope::experiment);
  EXPECT_NE(refused.error().remedy.find("proxy"), std::string::npos) << refused.error().remedy;
}

TEST_F(DatabricksClientTest, AStoreHasTheTimeThatTheBytesOfAFileTake) {
  const auto time_for = [&](UploadTarget::Kind kind, std::size_t bytes) {
    http.will_answer(200, "");
    (void)ask<void>([&](auto done) {
      client.upload({.kind = kind, .url = "https://store/f", .headers = {}},
                    std::string(bytes, 'x'), std::move(done));
    });
    return http.last_request().timeout;
  };
  using Kind = UploadTarget::Kind;
  EXPECT_EQ(time_for(Kind::signed_url, 100), std::chrono::seconds(10));
  EXPECT_EQ(time_for(Kind::signed_url, 4u << 20), std::chrono::seconds(18));
  EXPECT_EQ(time_for(Kind::signed_url, 64u << 20), std::chrono::seconds(30)) << "as configured";
  EXPECT_EQ(time_for(Kind::volume, 100), std::chrono::seconds(30)) << "the workspace itself";
}

TEST_F(DatabricksClientTest, SpansDoNotLeaveTheirTls) {
  http.will_answer(200, R"({"credential_info": {"signed_uri": "http://store/file",
      "type": "AWS_PRESIGNED_URL"}})");
  const auto refused =
      ask<UploadTarget>([&](auto done) { client.get_upload_target(trace_id(1), std::move(done)); });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().failure_class, FailureClass::configuration);
  EXPECT_EQ(refused.error().scope, FailureScope::experiment);
  EXPECT_NE(refused.error().message.find("without TLS"), std::string::npos);
}

using File = DatabricksClient::File;

constexpr char kSigned[] = R"({"credential_info": {"signed_uri": "https://store/file?sig=1",
    "type": "AWS_PRESIGNED_URL", "headers": []}})";

TEST_F(DatabricksClientTest, ReadsAFileAtItsSignedUrl) {
  http.will_answer(200, kSigned);
  http.will_answer(200, R"({"spans": []})");
  const auto file = ask<File>([&](auto done) { client.read_file(trace_id(1), "", done); });
  EXPECT_EQ(*file, R"({"spans": []})");
  EXPECT_EQ(http.requests()[0].url, "https://host/api/2.0/mlflow/traces/tr-" + trace_id(1).hex() +
                                        "/credentials-for-data-download");
  EXPECT_EQ(asked(), "GET https://store/file?sig=1");
}

TEST_F(DatabricksClientTest, ReadsAFileInAVolume) {
  http.will_answer(200, "{}");
  const auto file =
      ask<File>([&](auto done) { client.read_file(trace_id(1), "/Volumes/c/s/v/tr", done); });
  EXPECT_EQ(*file, "{}");
  EXPECT_EQ(asked(), "GET https://host/api/2.0/fs/files/Volumes/c/s/v/tr/traces.json");
}

TEST_F(DatabricksClientTest, AFileIsMissingWhereItsKeeperSaysSo) {
  const auto is_none = [&](const std::string& volume, HttpResponse answer) {
    if (volume.empty()) http.will_answer(200, kSigned);
    http.will_answer(std::move(answer));
    const auto file = ask<File>([&](auto done) { client.read_file(trace_id(1), volume, done); });
    return file && !*file;
  };
  const auto xml = [](const std::string& code) {
    return HttpResponse{404, {}, "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code></Error>"};
  };
  EXPECT_TRUE(is_none("", xml("NoSuchKey")));
  EXPECT_TRUE(is_none("", xml("BlobNotFound")));
  EXPECT_TRUE(is_none("", {404, {{"x-ms-error-code", "PathNotFound"}}, ""}));
  EXPECT_TRUE(is_none("", {404, {}, R"({"error": {"code": "PathNotFound"}})"}));
  EXPECT_FALSE(is_none("", xml("NoSuchBucket")));
  EXPECT_FALSE(is_none("", {404, {{"x-ms-error-code", "ContainerNotFound"}}, ""}));
  EXPECT_FALSE(is_none("", {404, {}, "<html>NoSuchKey</html>"}));
  EXPECT_FALSE(is_none("", {404, {}, ""}));
  EXPECT_FALSE(is_none("", {403, {}, xml("NoSuchKey").body}));
  EXPECT_FALSE(is_none("", {200, {}, ""})) << "no file of a trace is empty";

  const auto json = [](const std::string& code) {
    return HttpResponse{404, {}, R"({"error_code": ")" + code + "\"}"};
  };
  const std::string volume = "/Volumes/c/s/v/tr";
  EXPECT_TRUE(is_none(volume, json("NOT_FOUND")));
  EXPECT_TRUE(is_none(volume, json("RESOURCE_DOES_NOT_EXIST")));
  EXPECT_FALSE(is_none(volume, json("ENDPOINT_NOT_FOUND")));
  EXPECT_FALSE(is_none(volume, {404, {}, "<html>no such page</html>"}));
  EXPECT_FALSE(is_none(volume, {404, {}, ""}));
}

// The upload that creates it, and the one that fills it, are two requests there.
TEST_F(DatabricksClientTest, AFileInAdlsMayBeEmpty) {
  http.will_answer(200, R"({"credential_info": {"signed_uri": "https://store/file?sig=1",
      "type": "AZURE_ADLS_GEN2_SAS_URI", "headers": []}})");
  http.will_answer(200, "");
  EXPECT_EQ(*ask<File>([&](auto done) { client.read_file(trace_id(1), "", done); }), "");
}

TEST_F(DatabricksClientTest, NoAddressOfAFileDoesNotSayThatThereIsNone) {
  http.will_answer(404, R"({"error_code": "RESOURCE_DOES_NOT_EXIST"})");
  EXPECT_FALSE(ask<File>([&](auto done) { client.read_file(trace_id(1), "", done); }));
}

TEST_F(DatabricksClientTest, ATraceIsMissingWhereTheWorkspaceSaysSo) {
  using Info = std::optional<StoredInfo>;
  const auto is_missing = [&](const char* body) {
    http.will_answer(404, body);
    const auto info = ask<Info>([&](auto done) { client.get_info(trace_id(1), done); });
    return info && !*info;
  };
  EXPECT_TRUE(is_missing(R"({"error_code": "RESOURCE_DOES_NOT_EXIST"})"));
  EXPECT_FALSE(is_missing(R"({"error_code": "ENDPOINT_NOT_FOUND"})"));
  EXPECT_FALSE(is_missing("<html>no such page</html>"));
  EXPECT_FALSE(is_missing(""));
}

TEST_F(DatabricksClientTest, AnInfoIsStoredIfTheAnswerIsAboutItsTraceAndLink) {
  const auto info = [](const std::string& name, const std::string& link) {
    Json told = {{"trace_id", name}};
    if (!link.empty()) told["trace_metadata"] = {{"mlflow.modelId", link}};
    return told;
  };
  const auto put = [&](const std::string& body) {
    http.will_answer(200, body);
    return ask<void>([&](auto done) { client.put_info(tables, trace_id(1), "m-1", "{}", done); });
  };
  const auto start = [&](const Json& told) {
    http.will_answer(200, Json{{"trace", {{"trace_info", told}}}}.dump());
    return ask<StoredInfo>(
        [&](auto done) { client.start_trace(trace_id(1), "m-1", "{}", std::move(done)); });
  };
  const std::string hex = trace_id(1).hex();
  EXPECT_TRUE(put(info(hex, "m-1").dump()));
  EXPECT_TRUE(put(info(hex, "").dump())) << "the link may be left out";
  EXPECT_FALSE(put(info(hex, "m-2").dump()));
  EXPECT_FALSE(put(info(trace_id(2).hex(), "m-1").dump()));
  EXPECT_FALSE(put("{}"));
  const auto empty = put("");
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().failure_class, FailureClass::configuration);
  EXPECT_TRUE(start(info("tr-" + hex, "m-1")));
  EXPECT_TRUE(start(info("tr-" + hex, "")));
  EXPECT_FALSE(start(info("tr-" + hex, "m-2")));
  EXPECT_FALSE(start(info("tr-" + trace_id(2).hex(), "m-1")));
}

TEST_F(DatabricksClientTest, AFileThatIsRefusedIsAFailureWithoutItsUrl) {
  http.will_answer(200, kSigned);
  http.will_answer(403, "<Error>AccessDenied</Error>");
  const auto refused = ask<File>([&](auto done) { client.read_file(trace_id(1), "", done); });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message.find("sig="), std::string::npos);
}

}  // namespace
}  // namespace tracelink
