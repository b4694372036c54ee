#include "daemon/destination/databricks/databricks_failure.hpp"

#include <optional>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <protozero/pbf_writer.hpp>

namespace tracelink {
namespace {

using Call = DatabricksCall;
using Class = FailureClass;
using Scope = FailureScope;

TraceStorage tables() { return *parse_trace_location("main.agents.app"); }

HttpResponse answer(int status, const std::string& code, const std::string& message = "no") {
  return {status, {}, nlohmann::json{{"error_code", code}, {"message", message}}.dump()};
}

Failure judged(Call call, const HttpResponse& response) {
  return classify_databricks({call, tables()}, response);
}

struct Row {
  const char* what;
  Call call;
  int status;
  const char* code;
  Class failure_class;
  Scope scope;
};

class DatabricksFailureRow : public ::testing::TestWithParam<Row> {};

TEST_P(DatabricksFailureRow, HasItsClassAndScope) {
  const Row& row = GetParam();
  const Failure failure = judged(row.call, answer(row.status, row.code));
  EXPECT_EQ(failure.failure_class, row.failure_class) << row.what;
  EXPECT_EQ(failure.scope, row.scope) << row.what;
  EXPECT_EQ(failure.http_status, row.status);
  EXPECT_EQ(failure.remedy.empty(), row.failure_class != Class::configuration) << failure.remedy;
}

INSTANTIATE_TEST_SUITE_P(
    Pages, DatabricksFailureRow,
    ::testing::Values(
        Row{"throttled", Call::spans, 429, "REQUEST_LIMIT_EXCEEDED", Class::transient,
            Scope::server},
        Row{"exhausted", Call::spans, 429, "RESOURCE_EXHAUSTED", Class::transient, Scope::server},
        Row{"busy", Call::start_trace, 503, "TEMPORARILY_UNAVAILABLE", Class::transient,
            Scope::server},
        Row{"slow", Call::trace_info, 504, "DEADLINE_EXCEEDED", Class::transient, Scope::server},
        Row{"late", Call::trace_info, 408, "", Class::transient, Scope::server},
        Row{"gateway", Call::trace_info, 502, "", Class::transient, Scope::server},
        Row{"internal", Call::trace_info, 500, "INTERNAL_ERROR", Class::transient, Scope::server},
        Row{"state", Call::trace_info, 500, "INVALID_STATE", Class::unknown, Scope::server},
        Row{"loss", Call::spans, 500, "DATA_LOSS", Class::unknown, Scope::server},
        Row{"token", Call::spans, 401, "UNAUTHENTICATED", Class::configuration, Scope::server},
        Row{"customer", Call::start_trace, 401, "CUSTOMER_UNAUTHORIZED", Class::configuration,
            Scope::server},
        Row{"table", Call::spans, 403, "PERMISSION_DENIED", Class::configuration,
            Scope::experiment},
        Row{"experiment", Call::start_trace, 403, "PERMISSION_DENIED", Class::configuration,
            Scope::experiment},
        Row{"gone", Call::experiment, 404, "RESOURCE_DOES_NOT_EXIST", Class::configuration,
            Scope::experiment},
        Row{"no table", Call::spans, 404, "TABLE_DOES_NOT_EXIST", Class::configuration,
            Scope::experiment},
        Row{"not there", Call::trace_info, 404, "NOT_FOUND", Class::configuration,
            Scope::experiment},
        Row{"no feature", Call::trace_info, 404, "ENDPOINT_NOT_FOUND", Class::configuration,
            Scope::experiment},
        Row{"no otel", Call::spans, 404, "ENDPOINT_NOT_FOUND", Class::configuration,
            Scope::experiment},
        Row{"no API", Call::start_trace, 404, "ENDPOINT_NOT_FOUND", Class::configuration,
            Scope::server},
        Row{"value", Call::trace_info, 400, "INVALID_PARAMETER_VALUE", Class::poison,
            Scope::server},
        Row{"request", Call::spans, 400, "BAD_REQUEST", Class::poison, Scope::server},
        Row{"form", Call::start_trace, 400, "MALFORMED_REQUEST", Class::poison, Scope::server},
        Row{"large", Call::spans, 413, "", Class::poison, Scope::server},
        Row{"race", Call::trace_info, 409, "ALREADY_EXISTS", Class::transient, Scope::server},
        Row{"resource race", Call::trace_info, 409, "RESOURCE_ALREADY_EXISTS", Class::transient,
            Scope::server},
        Row{"no code", Call::spans, 500, "", Class::unknown, Scope::server},
        Row{"throttled without a code", Call::spans, 429, "", Class::transient, Scope::server},
        Row{"denied without a code", Call::spans, 403, "", Class::configuration, Scope::experiment},
        Row{"throttled, by the code", Call::trace_info, 400, "REQUEST_LIMIT_EXCEEDED",
            Class::transient, Scope::server},
        Row{"no volume", Call::volume, 404, "NOT_FOUND", Class::configuration, Scope::experiment},
        Row{"volume", Call::volume, 403, "PERMISSION_DENIED", Class::configuration,
            Scope::experiment},
        Row{"busy volume", Call::volume, 503, "", Class::transient, Scope::server},
        Row{"aborted", Call::trace_info, 409, "ABORTED", Class::transient, Scope::server},
        Row{"conflict", Call::trace_info, 409, "RESOURCE_CONFLICT", Class::transient,
            Scope::server},
        Row{"login", Call::trace_info, 302, "", Class::configuration, Scope::server},
        Row{"internal, as OTLP says it", Call::spans, 500, "INTERNAL", Class::transient,
            Scope::server},
        Row{"expired", Call::upload, 403, "", Class::configuration, Scope::experiment},
        Row{"store busy", Call::upload, 503, "", Class::transient, Scope::experiment},
        Row{"store elsewhere", Call::upload, 307, "", Class::configuration, Scope::experiment}));

TEST(DatabricksFailure, TheRemedyOfADeniedTableIsStatementsThatCanBeRun) {
  const Failure failure = judged(Call::spans, answer(403, "PERMISSION_DENIED"));
  EXPECT_EQ(failure.remedy,
            "Grant the daemon's principal, by name (ALL PRIVILEGES does not do): GRANT USE CATALOG "
            "ON CATALOG `main` TO `principal`; GRANT USE SCHEMA ON SCHEMA `main`.`agents` TO "
            "`principal`; GRANT MODIFY, SELECT ON TABLE `main`.`agents`.`app_otel_spans` TO "
            "`principal`; GRANT MODIFY, SELECT ON TABLE `main`.`agents`.`app_otel_annotations` TO "
            "`principal`.");
}

TEST(DatabricksFailure, TheGrantIsOfTheTableThatTheExperimentNames) {
  TraceStorage storage = *parse_trace_location("ma`in.agents");
  storage.spans_table = "other.place.spans";
  const Failure failure = classify_databricks({Call::spans, storage}, answer(403, ""));
  EXPECT_NE(failure.remedy.find("ON CATALOG `ma``in` TO"), std::string::npos) << failure.remedy;
  EXPECT_NE(failure.remedy.find("ON TABLE `other`.`place`.`spans` TO `principal`."),
            std::string::npos)
      << failure.remedy;
}

TEST(DatabricksFailure, WhatAWarehouseRefusesNamesTheWarehouse) {
  const Failure denied = judged(Call::query, answer(403, "PERMISSION_DENIED"));
  EXPECT_NE(denied.remedy.find("CAN USE on the SQL warehouse"), std::string::npos);
  EXPECT_NE(denied.remedy.find("GRANT SELECT ON TABLE `main`.`agents`.`app_otel_spans`"),
            std::string::npos)
      << denied.remedy;
  const Failure missing = judged(Call::query, answer(404, "RESOURCE_DOES_NOT_EXIST"));
  EXPECT_NE(missing.remedy.find("databricks.warehouse_id"), std::string::npos) << missing.remedy;
}

TEST(DatabricksFailure, AWebPageThatRefusesIsNotTheWorkspaces) {
  for (const int status : {403, 404}) {
    const HttpResponse page{status, {{"content-type", "text/html"}}, "<html>blocked</html>"};
    const Failure failure = judged(Call::spans, page);
    EXPECT_EQ(failure.failure_class, Class::configuration) << status;
    EXPECT_EQ(failure.scope, Scope::server) << status;
    EXPECT_NE(failure.remedy.find("databricks.host"), std::string::npos) << failure.remedy;
  }
  const HttpResponse large{413, {{"content-type", "text/html"}}, "<html>too large</html>"};
  EXPECT_EQ(judged(Call::spans, large).failure_class, Class::poison);
}

TEST(DatabricksFailure, AStoreThatDoesNotAnswerIsNotTheWorkspace) {
  const Result<HttpResponse> none(Error{ErrorCode::unavailable, "Failed to connect to store"});
  const Failure failure = classify_databricks({Call::upload, {}}, none);
  EXPECT_EQ(failure.failure_class, Class::transient);
  EXPECT_EQ(failure.scope, Scope::experiment);
  EXPECT_NE(failure.remedy.find("Object storage"), std::string::npos) << failure.remedy;
}

TEST(DatabricksFailure, AMissingFeatureNamesItsSwitch) {
  const Failure failure = judged(Call::trace_info, answer(404, "ENDPOINT_NOT_FOUND"));
  EXPECT_NE(failure.remedy.find("OpenTelemetry on Databricks"), std::string::npos);
}

TEST(DatabricksFailure, AFullExperimentIsHeldWithItsLimit) {
  const Failure failure =
      judged(Call::start_trace,
             answer(400, "INVALID_PARAMETER_VALUE", "The number of traces exceeds the limit"));
  EXPECT_EQ(failure.failure_class, Class::configuration);
  EXPECT_NE(failure.remedy.find("100,000"), std::string::npos);
}

TEST(DatabricksFailure, AThrottledRequestWaitsAsLongAsItIsTold) {
  HttpResponse throttled = answer(429, "REQUEST_LIMIT_EXCEEDED");
  EXPECT_EQ(judged(Call::spans, throttled).retry_after, std::chrono::seconds(1)) << "not told";
  throttled.headers = {{"retry-after", "7"}};
  EXPECT_EQ(judged(Call::spans, throttled).retry_after, std::chrono::seconds(7));
  HttpResponse busy = answer(503, "TEMPORARILY_UNAVAILABLE");
  busy.headers = {{"retry-after", "3"}};
  EXPECT_EQ(judged(Call::spans, busy).retry_after, std::chrono::seconds(3));
}

TEST(DatabricksFailure, ReadsTheStatusOfOtlp) {
  std::string body;
  protozero::pbf_writer writer(body);
  writer.add_int32(1, 7);
  writer.add_string(2, "no MODIFY\non the table");
  const HttpResponse refused{403, {{"content-type", "application/x-protobuf"}}, body};
  const Failure failure = judged(Call::spans, refused);
  EXPECT_EQ(failure.error_code, "PERMISSION_DENIED");
  EXPECT_EQ(failure.message, "no MODIFY on the table");
  EXPECT_EQ(failure.failure_class, Class::configuration);
}

TEST(DatabricksFailure, ReadsACodeThatIsInTheText) {
  const Failure failure = judged(Call::spans, {400, {}, "RESOURCE_EXHAUSTED: slow down"});
  EXPECT_EQ(failure.error_code, "RESOURCE_EXHAUSTED");
  EXPECT_EQ(failure.message, "slow down");
  EXPECT_EQ(failure.failure_class, Class::transient);
}

TEST(DatabricksFailure, ReadsEachFormOfARefusal) {
  const HttpResponse named{403, {}, R"({"error": "PERMISSION_DENIED", "message": "no"})"};
  EXPECT_EQ(judged(Call::spans, named).failure_class, Class::configuration);
  const HttpResponse page{503, {{"content-type", "text/html"}}, "<html><pre>later</pre></html>"};
  EXPECT_EQ(judged(Call::spans, page).failure_class, Class::transient);
  const Failure silent = judged(Call::spans, {502, {}, ""});
  EXPECT_EQ(silent.failure_class, Class::transient);
  EXPECT_EQ(silent.message, "answered with 502 and no text");
  const Failure lost = classify_databricks(
      {Call::spans, tables()}, Result<HttpResponse>(Error{ErrorCode::unavailable, "refused"}));
  EXPECT_EQ(lost.failure_class, Class::transient);
}

TEST(DatabricksFailure, AnInfoThatExistsIsRecognised) {
  EXPECT_TRUE(says_info_exists(
      judged(Call::start_trace, answer(400, "INVALID_PARAMETER_VALUE",
                                       "A trace with ID 'tr-1' already exists in experiment."))));
  EXPECT_TRUE(says_info_exists(judged(Call::start_trace, answer(409, "ALREADY_EXISTS"))));
  EXPECT_TRUE(says_info_exists(judged(Call::trace_info, answer(400, "RESOURCE_ALREADY_EXISTS"))));
  EXPECT_FALSE(says_info_exists(judged(Call::start_trace, answer(400, "INVALID_PARAMETER_VALUE"))));
}

TEST(DatabricksFailure, WhatMayBeStoredIsWhatHadNoClearAnswer) {
  const Failure lost = classify_databricks(
      {Call::spans, tables()}, Result<HttpResponse>(Error{ErrorCode::timeout, "no answer"}));
  EXPECT_TRUE(may_be_stored(lost));
  EXPECT_TRUE(may_be_stored(judged(Call::spans, answer(502, ""))));
  EXPECT_FALSE(may_be_stored(judged(Call::spans, answer(429, "REQUEST_LIMIT_EXCEEDED"))));
  EXPECT_FALSE(may_be_stored(judged(Call::spans, answer(503, "TEMPORARILY_UNAVAILABLE"))));
  EXPECT_FALSE(may_be_stored(judged(Call::spans, answer(403, "PERMISSION_DENIED"))));
}

}  // namespace
}  // namespace tracelink
