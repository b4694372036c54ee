#include "daemon/mlflow/rest/answer_text.hpp"

#include "tests/unit/mlflow_rest/failure_rows.hpp"

namespace tracelink {
namespace {

std::string message_of(const HttpResponse& response) { return read_answer_text(response).message; }

TEST(AnswerText, ReadsMlflowsErrors) {
  const AnswerText text = read_answer_text(mlflow_error(400, "BAD_REQUEST", "words"));
  EXPECT_EQ(text.error_code, "BAD_REQUEST");
  EXPECT_EQ(text.message, "words");
  EXPECT_FALSE(text.html);
}

TEST(AnswerText, ReadsFastApisErrors) {
  EXPECT_EQ(message_of(otlp_error(422, "words")), "words");
  EXPECT_EQ(read_answer_text(otlp_error(422, "words")).error_code, "");
}

TEST(AnswerText, ValidationErrorsLackTheInput) {
  const auto body = nlohmann::json::parse(R"({"detail":[
      {"type":"missing","loc":["header","x-id"],"msg":"Field required","input":"secret"},
      {"type":"int","loc":["body",3],"msg":"Not a number","input":{"secret":1}}, "?"]})");
  EXPECT_EQ(message_of(json_answer(422, body)), "Field required: header x-id; Not a number: body");
}

TEST(AnswerText, PlainTextIsTheMessage) {
  const AnswerText text = read_answer_text(text_answer(403, "Permission denied\n"));
  EXPECT_EQ(text.error_code, "");
  EXPECT_EQ(text.message, "Permission denied");
}

TEST(AnswerText, OtherJsonHasNoMessage) {
  EXPECT_EQ(message_of(json_answer(500, {{"detail", 5}, {"message", nullptr}})), "");
  EXPECT_EQ(message_of(json_answer(500, {{"error_code", 5}})), "");
}

// MLflow's own refusals are plain words that its framework calls text/html.
TEST(AnswerText, WordsOfARefusalAreShownWhateverTheirType) {
  const AnswerText text = read_answer_text(
      {401, {{"content-type", "text/html; charset=utf-8"}}, "You are not authenticated."});
  EXPECT_EQ(text.message, "You are not authenticated.");
  EXPECT_FALSE(text.html);
}

TEST(AnswerText, AWebPageIsSeenByContentOrInASuccessByType) {
  EXPECT_TRUE(read_answer_text({200, {{"content-type", "text/html; charset=utf-8"}}, "x"}).html);
  EXPECT_TRUE(read_answer_text({403, {{"content-type", "text/html"}}, " <html>"}).html);
  EXPECT_TRUE(read_answer_text(text_answer(404, "\r\n <!DOCTYPE html>")).html);
  EXPECT_FALSE(read_answer_text(text_answer(404, "")).html);
}

TEST(AnswerText, NothingBehindTheStatementIsShown) {
  for (const std::string mark :
       {"\n\n[SQL: INSERT secret]", "\n[parameters: {'secret'}]",
        "\n(Background on this error at: secret)", "[SQL: secret", " [parameters: secret"}) {
    for (const HttpResponse& answer :
         {mlflow_error(400, "BAD_REQUEST", "words" + mark), otlp_error(422, "words" + mark),
          text_answer(500, "words" + mark)}) {
      EXPECT_EQ(message_of(answer), "words") << answer.body;
    }
  }
}

TEST(AnswerText, IsOneLineWithoutControlCharacters) {
  EXPECT_EQ(message_of(mlflow_error(400, "", "a\nb\tc\x1b[31m\x7f!")), "a b c [31m !");
}

TEST(AnswerText, IsBounded) {
  EXPECT_EQ(message_of(text_answer(500, std::string(1u << 20, 'x'))).size(), 2'000u);
}

}  // namespace
}  // namespace tracelink
