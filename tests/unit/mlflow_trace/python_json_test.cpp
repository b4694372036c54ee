#include "daemon/mlflow/trace/python_json.hpp"

#include <bit>
#include <cstdint>

#include <gtest/gtest.h>

#include "tests/unit/mlflow_trace/golden_data.hpp"
#include "tests/unit/mlflow_trace/span_builder.hpp"

namespace tracelink {
namespace {

TEST(PythonJson, FloatsAsPythonWritesThem) {
  const auto table = golden_table("floats");
  ASSERT_GT(table.size(), 20u);
  for (const auto& row : table) {
    std::string out;
    append_json_number(out, std::bit_cast<double>(row.at("bits").get<std::uint64_t>()));
    EXPECT_EQ(out, row.at("json").get<std::string>());
  }
}

TEST(PythonJson, StringsAsPythonWritesThem) {
  const auto table = golden_table("strings");
  ASSERT_GT(table.size(), 5u);
  for (const auto& row : table) {
    const std::string text = row.at("text");
    EXPECT_EQ(json_string(text, NonAscii::escaped), row.at("escaped").get<std::string>());
    EXPECT_EQ(json_string(text, NonAscii::as_is), row.at("as_is").get<std::string>());
    EXPECT_EQ(json_string_size(text, NonAscii::escaped),
              row.at("escaped").get<std::string>().size());
    EXPECT_EQ(json_string_size(text, NonAscii::as_is), row.at("as_is").get<std::string>().size());
  }
}

TEST(PythonJson, InvalidUtf8IsReplaced) {
  EXPECT_EQ(json_string("a\x80"
                        "b\xC3",
                        NonAscii::escaped),
            "\"a\\ufffdb\\ufffd\"");
}

std::string json_of(const std::string& encoded) {
  std::string out;
  append_json_value(out, read_any_value(encoded), NonAscii::as_is);
  return out;
}

TEST(PythonJson, ValuesOfEveryKind) {
  EXPECT_EQ(json_of(""), "null");
  EXPECT_EQ(json_of(bool_value(true)), "true");
  EXPECT_EQ(json_of(bool_value(false)), "false");
  EXPECT_EQ(json_of(int_value(INT64_MIN)), "-9223372036854775808");
  EXPECT_EQ(json_of(double_value(2)), "2.0");
  EXPECT_EQ(json_of(text_value("é")), "\"é\"");
}

TEST(PythonJson, BytesAsBase64) {
  const auto bytes = [](std::string_view data) {
    std::string out;
    protozero::pbf_writer(out).add_bytes(7, data.data(), data.size());
    return out;
  };
  EXPECT_EQ(json_of(bytes("")), "\"\"");
  EXPECT_EQ(json_of(bytes("f")), "\"Zg==\"");
  EXPECT_EQ(json_of(bytes("fo")), "\"Zm8=\"");
  EXPECT_EQ(json_of(bytes("foo")), "\"Zm9v\"");
  EXPECT_EQ(json_of(bytes("\xFF\xFE\xFD\xFC")), "\"//79/A==\"");
}

}  // namespace
}  // namespace tracelink
