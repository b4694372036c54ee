#include "daemon/mlflow/trace/traces_data.hpp"

#include <protozero/pbf_writer.hpp>

#include "daemon/mlflow/trace/wire.hpp"

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

constexpr protozero::pbf_tag_type kResourceSpans = 1;  // in TracesData

// Tag, length and payload.
std::size_t message_size(std::size_t payload) {
  return 1 + static_cast<std::size_t>(protozero::length_of_varint(payload)) + payload;
}

void begin_message(std::string& to, protozero::pbf_tag_type field, std::size_t payload) {
  constexpr protozero::pbf_tag_type kTypeBits = 3;
  constexpr protozero::pbf_tag_type kLengthDelimited = 2;
  protozero::add_varint_to_buffer(&to, field << kTypeBits | kLengthDelimited);
  protozero::add_varint_to_buffer(&to, payload);
}

// Whether they are the same bytes, not only equal ones: costs nothing for megabytes.
bool is_same(std::string_view a, std::string_view b) {
  return a.data() == b.data() && a.size() == b.size();
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

std::size_t TracesDataBuilder::group_of(std::string_view resource) {
  if (last_ != nullptr && is_same(resource, last_resource_)) return last_group_;
  const auto [found, is_new] = index_.try_emplace(resource, resources_.size());
  if (is_new) resources_.push_back({resource, {}, {}});
  return found->second;
}

TracesDataBuilder::Scope& TracesDataBuilder::scope_of(std::string_view resource,
                                                      std::string_view scope) {
  last_group_ = group_of(resource);
  Resource& group = resources_[last_group_];
  const auto [inner, is_new_scope] = group.index.try_emplace(scope, group.scopes.size());
  if (is_new_scope) group.scopes.push_back({scope, {}});
  return group.scopes[inner->second];
}

void TracesDataBuilder::add(std::string_view resource, std::string_view scope,
                            std::string_view span) {
  const bool as_before =
      last_ != nullptr && is_same(resource, last_resource_) && is_same(scope, last_->fields);
  if (!as_before) last_ = &scope_of(resource, scope);
  last_resource_ = resource;
  last_->spans.push_back(span);
}

std::string TracesDataBuilder::build() const {
  const auto scope_size = [](const Scope& scope) {
    std::size_t size = scope.fields.size();
    for (const std::string_view span : scope.spans) size += message_size(span.size());
    return size;
  };
  const auto resource_size = [&](const Resource& resource) {
    std::size_t size = resource.fields.size();
    for (const Scope& scope : resource.scopes) size += message_size(scope_size(scope));
    return size;
  };
  std::size_t total = 0;
  for (const Resource& resource : resources_) total += message_size(resource_size(resource));
  std::string out;
  out.reserve(total);
  for (const Resource& resource : resources_) {
    begin_message(out, kResourceSpans, resource_size(resource));
    out += resource.fields;
    for (const Scope& scope : resource.scopes) {
      begin_message(out, kNested, scope_size(scope));
      out += scope.fields;
      for (const std::string_view span : scope.spans) {
        begin_message(out, kNested, span.size());
        out += span;
      }
    }
  }
  return out;
}

}  // namespace tracelink
