#include "daemon/mlflow/trace/traces_data.hpp"

#include <gtest/gtest.h>
#include <protozero/exception.hpp>

#include "tests/unit/mlflow_trace/span_builder.hpp"

namespace tracelink {
namespace {

// One ResourceSpans: a schema URL before and an unknown field after the scopes.
std::string resource_spans(std::initializer_list<std::string> scopes) {
  std::string fields, out;
  protozero::pbf_writer writer(fields);
  writer.add_string(3, "schema");
  writer.add_bytes(77, "future");
  for (const std::string& scope : scopes) writer.add_message(2, scope);
  protozero::pbf_writer(out).add_message(1, fields);
  return out;
}

std::string scope_spans(std::string_view name, std::initializer_list<char> ids) {
  std::string scope, out;
  protozero::pbf_writer(scope).add_string(1, name.data(), name.size());
  protozero::pbf_writer writer(out);
  writer.add_message(1, scope);
  writer.add_bytes(78, "future");
  for (const char id : ids) writer.add_message(2, SpanBuilder(id).build());
  return out;
}

std::string rebuilt(std::string_view bytes) {
  SpanSet set;
  read_traces_data(bytes, set);
  TracesDataBuilder builder;
  for (const LocatedSpan& span : set.spans) builder.add(*span.resource, *span.scope, span.encoded);
  return builder.build();
}

TEST(TracesData, UnknownFieldsOfEveryLevelSurvive) {
  const std::string bytes =
      resource_spans({scope_spans("one", {'a', 'b'}), scope_spans("two", {'c'})});
  EXPECT_EQ(rebuilt(bytes), bytes);
}

TEST(TracesData, EqualResourcesAndScopesAreMerged) {
  const std::string part = resource_spans({scope_spans("one", {'a'})});
  const std::string other = resource_spans({scope_spans("two", {'b'}), scope_spans("one", {'c'})});
  EXPECT_EQ(rebuilt(part + other),
            resource_spans({scope_spans("one", {'a', 'c'}), scope_spans("two", {'b'})}));
}

TEST(TracesData, ScopesWithoutSpansAreDropped) {
  EXPECT_EQ(rebuilt(resource_spans({scope_spans("none", {}), scope_spans("one", {'a'})})),
            resource_spans({scope_spans("one", {'a'})}));
  EXPECT_EQ(rebuilt(""), "");
}

TEST(TracesData, AFieldOfAnotherWireTypeIsNoSpan) {
  std::string fields, bytes;
  protozero::pbf_writer(fields).add_uint64(2, 5);
  protozero::pbf_writer(bytes).add_message(1, fields);
  EXPECT_EQ(rebuilt(bytes), "");
}

TEST(TracesData, TruncationThrows) {
  const std::string bytes = resource_spans({scope_spans("one", {'a'})});
  SpanSet set;
  EXPECT_THROW(read_traces_data(bytes.substr(0, bytes.size() - 1), set), protozero::exception);
}

}  // namespace
}  // namespace tracelink
