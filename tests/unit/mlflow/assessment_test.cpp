#include "daemon/mlflow/assessment.hpp"

#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tracelink {
namespace {

std::vector<Assessment> read(const std::string& list) {
  return read_assessments(nlohmann::ordered_json::parse(R"({"assessments": [)" + list + "]}"));
}

// One feedback by a person.
Assessment feedback(const std::string& content) {
  const auto assessments = read(R"({"assessment_name": "a", "source": {"source_type": "HUMAN"},
                                    "feedback": )" +
                                content + "}");
  EXPECT_EQ(assessments.size(), 1u);
  return assessments.at(0);
}

TEST(Assessment, AFeedbackHasTheValueThatWasGiven) {
  const Assessment yes = feedback(R"({"value": true})");
  EXPECT_EQ(yes.name, "a");
  EXPECT_EQ(yes.source_type, "HUMAN");
  EXPECT_FALSE(yes.is_expectation);
  EXPECT_EQ(yes.value, Assessment::Value(true));
  EXPECT_EQ(feedback(R"({"value": 3})").value, Assessment::Value(3.0));
  EXPECT_EQ(feedback(R"({"value": "poor"})").value, Assessment::Value(std::string("poor")));
  EXPECT_EQ(feedback(R"({"value": [1, "x"]})").value, Assessment::Value(std::string(R"([1,"x"])")));
  EXPECT_EQ(feedback(R"({"value": null})").value, Assessment::Value());
}

TEST(Assessment, AnErrorStandsInPlaceOfAValue) {
  const Assessment failed = feedback(R"({"value": null, "error": {"error_code": "RATE"}})");
  EXPECT_TRUE(failed.has_failed);
  EXPECT_FALSE(feedback(R"({"value": 1})").has_failed);
}

TEST(Assessment, AnExpectationIsPlainOrSerialized) {
  const auto read_value = [](const std::string& content) {
    const auto all = read(R"({"assessment_name": "e", "expectation": )" + content + "}");
    EXPECT_TRUE(all.at(0).is_expectation);
    return all.at(0).value;
  };
  using Text = std::string;
  EXPECT_EQ(read_value(R"({"value": "Paris"})"), Assessment::Value(Text("Paris")));
  EXPECT_EQ(read_value(R"({"serialized_value": {"value": "[1, 2]"}})"),
            Assessment::Value(Text("[1,2]")));
  EXPECT_EQ(read_value(R"({"serialized_value": {"value": "[1,"}})"),
            Assessment::Value(Text("[1,")));
}

TEST(Assessment, WhatWasOverriddenOrIsNeitherIsLeftOut) {
  EXPECT_TRUE(
      read(R"({"assessment_name": "a", "valid": false, "feedback": {"value": 1}})").empty());
  EXPECT_TRUE(read(R"({"assessment_name": "a", "issue": {"issue_name": "i"}})").empty());
  EXPECT_EQ(read(R"({"assessment_name": "a", "valid": true, "feedback": {"value": 1}})").size(),
            1u);
  EXPECT_TRUE(read_assessments(nlohmann::ordered_json::parse("{}")).empty());
}

}  // namespace
}  // namespace tracelink
