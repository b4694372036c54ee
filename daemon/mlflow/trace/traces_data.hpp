#pragma once

#include <cstddef>
#include <deque>
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
//
// Memory: views until build(), which writes every byte once; a resource of megabytes is not copied
// for each of its spans. Lifetime: what was added outlives the last build().
class TracesDataBuilder {
 public:
  void add(std::string_view resource, std::string_view scope, std::string_view span);
  std::string build() const;

 private:
  struct Scope {
    std::string_view fields;
    std::vector<std::string_view> spans;
  };
  struct Resource {
    std::string_view fields;
    std::map<std::string_view, std::size_t> index;  // of `scopes` by their fields
    std::vector<Scope> scopes;
  };
  std::size_t group_of(std::string_view resource);
  Scope& scope_of(std::string_view resource, std::string_view scope);

  std::map<std::string_view, std::size_t> index_;  // of `resources_` by their fields
  std::vector<Resource> resources_;
  // Of the span added before.
  Scope* last_ = nullptr;
  std::string_view last_resource_;
  std::size_t last_group_ = 0;  // of `resources_`
};

}  // namespace tracelink
