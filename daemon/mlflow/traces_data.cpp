#include "daemon/mlflow/traces_data.hpp"

#include <protozero/pbf_writer.hpp>

#include "daemon/mlflow/wire.hpp"

namespace tracelink {
namespace {

// ResourceSpans.scope_spans and ScopeSpans.spans have the same number.
constexpr protozero::pbf_tag_type kNested = 2;

struct Level {
  std::string fields;                    // all but the nested messages
  std::vector<std::string_view> nested;  // those
};

Level read_level(std::string_view encoded) {
  Level level;
  protozero::pbf_reader reader = reader_of(encoded);
  for (const char* begin = encoded.data(); reader.next(); begin = reader.data().data()) {
    if (reader.tag_and_type() == bytes_field(kNested)) {
      level.nested.push_back(take_bytes(reader));
    } else {
      reader.skip();
      level.fields.append(begin, reader.data().data());
    }
  }
  return level;
}

void add_message(std::string& to, protozero::pbf_tag_type field, std::string_view message) {
  protozero::pbf_writer(to).add_message(field, message.data(), message.size());
}

}  // namespace

void read_traces_data(std::string_view encoded, SpanSet& into) {
  protozero::pbf_reader reader = reader_of(encoded);
  while (reader.next(1, protozero::pbf_wire_type::length_delimited)) {
    Level resource_spans = read_level(take_bytes(reader));
    const std::string& resource = into.resources.emplace_back(std::move(resource_spans.fields));
    for (const std::string_view scope_spans : resource_spans.nested) {
      Level level = read_level(scope_spans);
      const std::string& scope = into.scopes.emplace_back(std::move(level.fields));
      for (const std::string_view span : level.nested)
        into.spans.push_back({&resource, &scope, span});
    }
  }
}

TracesDataBuilder::Resource& TracesDataBuilder::resource_of(const std::string& fields) {
  const auto [found, added] = index_.try_emplace(fields, resources_.size());
  if (added) resources_.push_back({fields, {}, {}});
  return resources_[found->second];
}

void TracesDataBuilder::add(const std::string& resource, const std::string& scope,
                            std::string_view span) {
  Resource& group = resource_of(resource);
  const auto [found, added] = group.scope_index.try_emplace(scope, group.scopes.size());
  if (added) group.scopes.push_back(scope);
  add_message(group.scopes[found->second], kNested, span);
}

std::string TracesDataBuilder::build() const {
  std::string traces_data;
  for (const Resource& resource : resources_) {
    std::string resource_spans = resource.fields;
    for (const std::string& scope : resource.scopes) add_message(resource_spans, kNested, scope);
    add_message(traces_data, 1, resource_spans);
  }
  return traces_data;
}

}  // namespace tracelink
