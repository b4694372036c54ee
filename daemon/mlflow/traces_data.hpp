#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tracelink {

// OTLP's TracesData (opentelemetry-proto trace/v1) taken apart to spans and put together again.
// Nothing is decoded: unknown fields of all three levels survive.

struct LocatedSpan {
  const std::string* resource;  // the fields of its ResourceSpans without the ScopeSpans
  const std::string* scope;     // the fields of its ScopeSpans without the spans
  std::string_view encoded;     // of the bytes that were read
};

struct SpanSet {
  std::deque<std::string> resources, scopes;  // where `spans` point; stable addresses
  std::vector<LocatedSpan> spans;
};

// Adds the spans of a TracesData. Throws protozero::exception if the bytes are none.
void read_traces_data(std::string_view encoded, SpanSet& into);

// Collects spans, those of equal resource and scope side by side, each in the order they came.
class TracesDataBuilder {
 public:
  void add(const std::string& resource, const std::string& scope, std::string_view span);
  std::string build() const;

 private:
  struct Resource {
    std::string fields;
    std::map<std::string, std::size_t, std::less<>> scope_index;
    std::vector<std::string> scopes;  // encoded ScopeSpans
  };
  Resource& resource_of(const std::string& fields);

  std::map<std::string, std::size_t, std::less<>> index_;
  std::vector<Resource> resources_;
};

}  // namespace tracelink
