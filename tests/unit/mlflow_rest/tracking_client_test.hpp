#pragma once

#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "daemon/mlflow/rest/tracking_client.hpp"
#include "tests/support/fake_http_client.hpp"

namespace tracelink {

// A TrackingClient before a scripted server. The script is written first, then a call is made and
// answered at once.
struct TrackingClientTest : testing::Test {
  using Values = std::map<std::string, std::string>;

  TrackingOptions options{.uri = "http://host:5000",
                          .credentials = {},
                          .read_credentials = {},
                          .workspace = "",
                          .user_agent = "tracelinkd/1"};
  FakeHttpClient http;
  std::optional<TrackingClient> made;

  TrackingClient& client() { return made ? *made : made.emplace(options, http); }

  // Runs the call and gives its answer; the handler must be called exactly once.
  template <class T, class Method, class... Arguments>
  Answer<T> answer_of(Method method, Arguments... arguments) {
    std::optional<Answer<T>> result;
    int calls = 0;
    AnswerHandler<T> handler = [&](Answer<T> answer) {
      ++calls;
      result = std::move(answer);
    };
    (client().*method)(std::move(arguments)..., handler);
    EXPECT_EQ(calls, 0) << "answered from within the call";
    while (!http.idle()) http.poll({});
    EXPECT_EQ(calls, 1);
    return result.value_or(Failure{});
  }

  // The value, or a failed test and a default one.
  template <class T, class Method, class... Arguments>
  T value_of(Method method, Arguments... arguments) {
    const auto answer = answer_of<T>(method, std::move(arguments)...);
    if (!answer) {
      ADD_FAILURE() << answer.error().message;
      return T();
    }
    if constexpr (!std::is_void_v<T>) return *answer;
  }
  template <class T, class Method, class... Arguments>
  Failure failure_of(Method method, Arguments... arguments) {
    const auto answer = answer_of<T>(method, std::move(arguments)...);
    if (!answer) return answer.error();
    ADD_FAILURE() << "no failure";
    return {};
  }

  std::string sent() const { return http.last_request().method + " " + http.last_request().url; }
  std::string sent_body() const { return http.last_request().body; }
  // The header's value; "absent", or "twice".
  std::string header(const std::string& name) const {
    std::string value = "absent";
    for (const auto& [key, text] : http.last_request().headers) {
      if (key == name) value = value == "absent" ? text : "twice";
    }
    return value;
  }
};

}  // namespace tracelink
