#include "daemon/cli/examination.hpp"

#include <gtest/gtest.h>

namespace tracelink::cli {
namespace {

using State = Finding::State;

TEST(ExamineSdkVariables, KnowsWhereProgramsOfThisEnvironmentSend) {
  const auto state_with = [](const char* name, const char* value) {
    return examine_sdk_variables({{name, value}}, "/run/t.sock").state;
  };
  EXPECT_EQ(examine_sdk_variables({}, "/run/t.sock").state, State::ok);
  EXPECT_EQ(state_with("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "unix:///run/t.sock"), State::ok);
  EXPECT_EQ(state_with("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:4318/v1/traces"),
            State::ok);
  EXPECT_EQ(state_with("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317"), State::warning);
  EXPECT_EQ(state_with("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "unix:///run/other.sock"),
            State::warning);
}

TEST(RemedyOfNoAnswer, TellsTheCausesApart) {
  const auto remedy = [](const char* message, const char* proxy = "") {
    return remedy_of_no_answer(message, "http://h:5000", proxy);
  };
  EXPECT_NE(remedy("Could not resolve host: h").find("correct the host"), std::string::npos);
  EXPECT_NE(remedy("SSL certificate problem").find("tracking.ca_file"), std::string::npos);
  EXPECT_NE(remedy("ssl3_get_record:wrong version number").find("http://"), std::string::npos);
  EXPECT_NE(remedy("Failed to connect to h port 5000").find("start the server at http://h:5000"),
            std::string::npos);
  EXPECT_NE(remedy("Connection refused", "https_proxy").find("https_proxy"), std::string::npos);
}

}  // namespace
}  // namespace tracelink::cli
