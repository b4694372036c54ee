#include "daemon/cli/sdk_variables.hpp"

#include <gtest/gtest.h>

namespace tracelink::cli {
namespace {

using State = Finding::State;
using Variables = std::map<std::string, std::string>;

constexpr const char* kEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const Variables kByEnv = {{kEndpoint, "unix:///run/t.sock"},
                          {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"},
                          {"OTEL_EXPORTER_OTLP_TRACES_INSECURE", "true"}};

std::vector<Finding> examine(const Variables& variables) {
  return examine_sdk_variables(variables, "/run/t.sock", "127.0.0.1:4318");
}

TEST(ExamineSdkVariables, KnowsWhereProgramsOfThisEnvironmentSend) {
  const auto state_with = [](const char* name, const char* value) {
    return examine({{name, value}}).front().state;
  };
  EXPECT_EQ(examine_sdk_variables({}, "/run/t.sock", "").front().state, State::ok);
  EXPECT_EQ(state_with(kEndpoint, "unix:///run/t.sock"), State::ok);
  EXPECT_EQ(state_with(kEndpoint, "http://127.0.0.1:4318/v1/traces"), State::ok);
  EXPECT_EQ(state_with("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318"), State::ok);
  EXPECT_EQ(state_with("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:43180"), State::warning);
  EXPECT_EQ(state_with("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317"), State::warning)
      << "a Collector's";
  EXPECT_EQ(state_with("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317"), State::warning);
  EXPECT_EQ(state_with(kEndpoint, "unix:///run/other.sock"), State::warning);
}

TEST(ExamineSdkVariables, HaveNothingToSayOfWhatTracelinkEnvPrints) {
  EXPECT_EQ(examine(kByEnv).size(), 1u);
  EXPECT_EQ(examine({{kEndpoint, "http://127.0.0.1:4318/v1/traces"}}).size(), 1u);
  EXPECT_EQ(examine({}).size(), 1u);
}

TEST(ExamineSdkVariables, TellWhatKeepsAnSdkFromTheSocket) {
  const auto message_with = [](const char* name, const char* value) {
    Variables variables = kByEnv;
    variables[name] = value;
    const auto findings = examine(variables);
    const bool warns = findings.size() == 2 && findings.back().state == State::warning;
    return warns ? findings.back().message : "not one warning";
  };
  EXPECT_EQ(message_with("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"),
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL is http/protobuf");
  EXPECT_EQ(message_with("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", ""),
            "no OTLP protocol is set, and many SDKs send by HTTP then");
  EXPECT_EQ(message_with("OTEL_EXPORTER_OTLP_TRACES_INSECURE", "false"),
            "OTEL_EXPORTER_OTLP_TRACES_INSECURE is false");
  EXPECT_EQ(message_with("OTEL_EXPORTER_OTLP_TRACES_INSECURE", ""),
            "OTEL_EXPORTER_OTLP_TRACES_INSECURE is not set");
}

TEST(ExamineSdkVariables, TellWhatKeepsAnSdkFromSending) {
  const auto warnings_with = [](const char* name, const char* value) {
    return examine({{name, value}}).size() - 1;
  };
  EXPECT_EQ(warnings_with("OTEL_SDK_DISABLED", "TRUE"), 1u);
  EXPECT_EQ(warnings_with("OTEL_SDK_DISABLED", "false"), 0u);
  EXPECT_EQ(warnings_with("OTEL_TRACES_EXPORTER", "none"), 1u);
  EXPECT_EQ(warnings_with("OTEL_TRACES_EXPORTER", "console"), 1u);
  EXPECT_EQ(warnings_with("OTEL_TRACES_EXPORTER", "console,otlp"), 0u);
  EXPECT_EQ(warnings_with("OTEL_TRACES_SAMPLER", "parentbased_always_off"), 1u);
  EXPECT_EQ(warnings_with("OTEL_TRACES_SAMPLER", "always_on"), 0u);
}

}  // namespace
}  // namespace tracelink::cli
