#include "daemon/codec/run_attribute.hpp"

#include <gtest/gtest.h>
#include <protozero/pbf_reader.hpp>

#include "daemon/codec/service_name.hpp"
#include "tests/support/trace_record.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kRun = "0123456789abcdef0123456789abcdef";

// The fields of the first ResourceSpans, without its scopes.
std::string resource_fields(std::string_view traces_data) {
  protozero::pbf_reader reader(traces_data.data(), traces_data.size());
  reader.next();
  const std::string resource_spans = reader.get_bytes();
  protozero::pbf_reader fields(resource_spans.data(), resource_spans.size());
  std::string out;
  while (fields.next()) {
    if (fields.tag() == 1) {
      protozero::pbf_writer(out).add_message(1, fields.get_bytes());
    } else {
      fields.skip();
    }
  }
  return out;
}

TEST(RunAttribute, StaysWithTheResourceAndComesOffAgain) {
  const auto plain = encode_spans(trace_id(1), {{}}, {{"service.name", "shop"}});
  const std::string marked = with_run(plain, kRun);
  EXPECT_NE(marked, plain);
  EXPECT_EQ(service_name(marked), "shop");
  std::string run_id;
  EXPECT_EQ(without_run(resource_fields(marked), run_id), resource_fields(plain));
  EXPECT_EQ(run_id, kRun);
}

TEST(RunAttribute, IsOnTheFirstResourceOnly) {
  const auto one = encode_spans(trace_id(1), {{}}, {{"service.name", "a"}});
  const auto two = encode_spans(trace_id(1), {{}}, {{"service.name", "b"}});
  EXPECT_EQ(with_run(one + two, kRun), with_run(one, kRun) + two);
}

TEST(RunAttribute, NeedsNoResource) {
  std::string bare, plain;
  protozero::pbf_writer(bare).add_message(2, std::string());
  protozero::pbf_writer(plain).add_message(1, bare);
  const std::string marked = with_run(plain, kRun);
  std::string run_id;
  EXPECT_EQ(without_run(resource_fields(marked), run_id), "");
  EXPECT_EQ(run_id, kRun);
}

TEST(RunAttribute, OtherResourcesKeepTheirBytes) {
  const std::string fields =
      resource_fields(encode_spans(trace_id(1), {{}}, {{"note", std::string(kRunAttribute)}}));
  std::string run_id;
  EXPECT_EQ(without_run(fields, run_id), fields);
  EXPECT_EQ(run_id, "");
}

}  // namespace
}  // namespace tracelink
