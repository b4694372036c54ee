#include "daemon/codec/service_name.hpp"

#include <gtest/gtest.h>

#include "tests/unit/codec/otlp_messages.hpp"

namespace tracelink {
namespace {

using testing::bytes_field;

std::string attribute(const std::string& key, const std::string& value) {
  return bytes_field(1, bytes_field(1, key) + bytes_field(2, bytes_field(1, value)));
}
std::string resource_spans(const std::string& attributes) {
  return bytes_field(1, bytes_field(1, attributes) + bytes_field(2, "scope spans"));
}

TEST(ServiceName, IsFoundAmongTheResourcesAttributes) {
  const std::string traces =
      resource_spans(attribute("host.name", "h") + attribute("service.name", "billing"));
  EXPECT_EQ(service_name(traces), "billing");
}

TEST(ServiceName, TheFirstResourceThatHasOneCounts) {
  const std::string traces = resource_spans(attribute("host.name", "h")) +
                             resource_spans(attribute("service.name", "first")) +
                             resource_spans(attribute("service.name", "second"));
  EXPECT_EQ(service_name(traces), "first");
}

TEST(ServiceName, IsEmptyWithoutOne) {
  EXPECT_EQ(service_name(""), "");
  EXPECT_EQ(service_name(resource_spans(attribute("service.version", "7"))), "");
  EXPECT_EQ(service_name(bytes_field(1, bytes_field(2, "no resource"))), "");
}

TEST(ServiceName, IsEmptyWhenItIsNoText) {
  const std::string number = testing::varint_field(3, 7);
  const std::string traces =
      resource_spans(bytes_field(1, bytes_field(1, "service.name") + bytes_field(2, number)));
  EXPECT_EQ(service_name(traces), "");
}

}  // namespace
}  // namespace tracelink
