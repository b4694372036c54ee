#include "daemon/mlflow/trace/resource_repair.hpp"

#include <gtest/gtest.h>

#include "tests/unit/mlflow_trace/span_builder.hpp"

namespace tracelink {
namespace {

std::string bytes_value(std::string_view bytes) {
  std::string value;
  protozero::pbf_writer(value).add_bytes(7, bytes.data(), bytes.size());
  return value;
}

std::string list_of(const std::string& item) {
  std::string list, value;
  protozero::pbf_writer(list).add_message(1, item);
  protozero::pbf_writer(value).add_message(5, list);
  return value;
}

// The fields of a ResourceSpans with such an attribute between two others.
std::string resource_with(const std::string& value) {
  std::string resource, fields;
  protozero::pbf_writer writer(resource);
  writer.add_message(1, key_value("service.name", text_value("cart")));
  writer.add_message(1, key_value("odd", value));
  writer.add_message(1, key_value("n", int_value(1)));
  protozero::pbf_writer(fields).add_message(1, resource);
  protozero::pbf_writer(fields).add_string(3, "schema");
  return fields;
}

TEST(ResourceRepair, BytesBecomeBase64) {
  Repairs repairs;
  EXPECT_EQ(repair_resource(resource_with(bytes_value("hello")), repairs),
            resource_with(text_value("aGVsbG8=")));
  EXPECT_EQ(repair_resource(resource_with(list_of(bytes_value("hello"))), repairs),
            resource_with(list_of(text_value("aGVsbG8="))));
  EXPECT_EQ(repairs.form, 2u);
}

TEST(ResourceRepair, AllElseKeepsItsBytes) {
  Repairs repairs;
  for (const auto& value : {text_value("x"), list_of(text_value("x")), std::string()}) {
    EXPECT_EQ(repair_resource(resource_with(value), repairs), resource_with(value));
  }
  EXPECT_EQ(repair_resource("", repairs), "");
  EXPECT_EQ(repairs.total(), 0u);
}

}  // namespace
}  // namespace tracelink
