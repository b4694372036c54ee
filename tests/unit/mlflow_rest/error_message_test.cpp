#include "daemon/mlflow/rest/error_message.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

std::optional<std::string> read(const std::string& spans) {
  return read_error_message(R"({"traces": [{"trace_info": {}, "spans": [)" + spans + "]}]}");
}

constexpr const char* kFailedChild =
    R"({"parent_span_id": "AA==", "status": {"code": "STATUS_CODE_ERROR", "message": "in child"}})";
constexpr const char* kException =
    R"({"status": {"code": "STATUS_CODE_ERROR"}, "attributes": [{"key": "exception.message"}],
        "events": [{"name": "exception", "attributes": [
          {"key": "exception.type", "value": {"string_value": "E"}},
          {"key": "exception.message", "value": {"string_value": "recorded"}}]}]})";

TEST(ErrorMessage, TheRootsStatusComesFirst) {
  EXPECT_EQ(read(std::string(kFailedChild) +
                 R"(, {"status": {"code": "STATUS_CODE_ERROR", "message": "of the root"}})"),
            "of the root");
}

TEST(ErrorMessage, ElseThatOfAnotherSpan) {
  EXPECT_EQ(read(std::string(kException) + "," + kFailedChild), "in child");
  EXPECT_EQ(read(R"({"status": {"code": "STATUS_CODE_OK", "message": "fine"}}, )" +
                 std::string(kFailedChild)),
            "in child");
}

TEST(ErrorMessage, ElseARecordedException) {
  EXPECT_EQ(read(kException), "recorded");
  EXPECT_EQ(read(R"({"status": {"code": "STATUS_CODE_ERROR"}, "events": [
      {"name": "exception", "attributes": {"exception.message": "in a file"}}]})"),
            "in a file");
}

TEST(ErrorMessage, NothingWhereTheSpansDoNotSay) {
  EXPECT_EQ(read(""), std::nullopt);
  EXPECT_EQ(read(R"({"status": {"code": "STATUS_CODE_ERROR"}})"), std::nullopt);
  EXPECT_EQ(read_error_message(R"({"traces": []})"), std::nullopt);
  EXPECT_EQ(read_error_message("<html>"), std::nullopt);
}

}  // namespace
}  // namespace tracelink
