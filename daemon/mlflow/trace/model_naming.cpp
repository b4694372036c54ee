#include "daemon/mlflow/trace/model_naming.hpp"

#include <functional>
#include <optional>

#include "daemon/mlflow/trace/any_value.hpp"
#include "daemon/mlflow/trace/mlflow_attributes.hpp"
#include "daemon/mlflow/trace/wire.hpp"
#include "daemon/text/blanks.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kCommonPrefix = "mlflow.model";  // of both keys
constexpr protozero::pbf_tag_type kSpanParent = 4;
constexpr protozero::pbf_tag_type kSpanAttribute = 9;
constexpr protozero::pbf_tag_type kResourceAttribute = 1;

// Reads no further than it must: nearly all spans are not the root.
bool is_root(std::string_view span) {
  protozero::pbf_reader reader = reader_of(span);
  std::string_view parent;
  while (reader.next(kSpanParent, protozero::pbf_wire_type::length_delimited)) {
    parent = take_bytes(reader);
    if (parent.find_first_not_of('\0') != std::string_view::npos) return false;
  }
  return true;
}

struct ResourceSpans {
  std::string_view resource;
  std::optional<std::string_view> root;  // the first of its spans without a parent
};

ResourceSpans read_resource_spans(std::string_view encoded) {
  ResourceSpans found;
  protozero::pbf_reader reader = reader_of(encoded);
  while (reader.next()) {
    if (reader.tag_and_type() == bytes_field(1)) {
      found.resource = take_bytes(reader);
    } else if (reader.tag_and_type() == bytes_field(2)) {
      protozero::pbf_reader scope = reader_of(take_bytes(reader));
      while (!found.root && scope.next(2, protozero::pbf_wire_type::length_delimited)) {
        const std::string_view span = take_bytes(scope);
        if (is_root(span)) found.root = span;
      }
    } else {
      reader.skip();
    }
  }
  return found;
}

// Calls visit(ResourceSpans) for each, in their order, until it returns false.
void visit_resource_spans(std::string_view traces_data,
                          const std::function<bool(const ResourceSpans&)>& visit) {
  protozero::pbf_reader reader = reader_of(traces_data);
  while (reader.next(1, protozero::pbf_wire_type::length_delimited)) {
    if (!visit(read_resource_spans(take_bytes(reader)))) return;
  }
}

// As the value of a variable: an application that reads its version from a file means no other
// model by the line break at the end.
std::string name_in(const AnyValue& value) {
  return std::string(without_blank_ends(plain_text(value)));
}

// The first attribute of that key, if it is a scalar; else empty.
std::string scalar_attribute(std::string_view message, protozero::pbf_tag_type attributes,
                             std::string_view key, bool text_only) {
  protozero::pbf_reader reader = reader_of(message);
  while (reader.next(attributes, protozero::pbf_wire_type::length_delimited)) {
    const KeyValue pair = read_key_value(take_bytes(reader));
    if (pair.key != key) continue;
    const AnyValue value = read_any_value(pair.value);
    switch (value.kind) {
      case ValueKind::string:
        return name_in(value);
      case ValueKind::boolean:
      case ValueKind::integer:
      case ValueKind::real:
        return text_only ? std::string() : plain_text(value);
      default:
        return {};
    }
  }
  return {};
}

std::optional<ModelNaming> naming_of(std::string_view message, protozero::pbf_tag_type attributes,
                                     NamedAt at, FromTraces allowed) {
  ModelNaming naming;
  naming.at = at;
  naming.id = scalar_attribute(message, attributes, kModelIdAttribute, true);
  if (!naming.id.empty()) return naming;
  if (allowed != FromTraces::names) return std::nullopt;
  naming.name = scalar_attribute(message, attributes, kModelNameAttribute, true);
  if (naming.name.empty()) return std::nullopt;
  return naming;
}

ModelNaming strongest_naming(std::string_view traces_data, FromTraces allowed) {
  ModelNaming strongest;
  const auto consider = [&](std::string_view message, protozero::pbf_tag_type attributes,
                            NamedAt at) {
    if (at <= strongest.at) return;
    if (auto naming = naming_of(message, attributes, at, allowed)) strongest = *std::move(naming);
  };
  visit_resource_spans(traces_data, [&](const ResourceSpans& spans) {
    if (spans.root) consider(*spans.root, kSpanAttribute, NamedAt::root_span);
    consider(spans.resource, kResourceAttribute,
             spans.root ? NamedAt::root_resource : NamedAt::resource);
    return strongest.at != NamedAt::root_span;
  });
  return strongest;
}

ResourceAttributes attributes_of_root(std::string_view traces_data,
                                      const std::vector<std::string>& keys) {
  ResourceAttributes attributes;
  std::optional<std::string_view> resource;
  visit_resource_spans(traces_data, [&](const ResourceSpans& spans) {
    attributes.of_root = spans.root.has_value();
    if (!resource || spans.root) resource = spans.resource;
    return !spans.root;
  });
  if (!resource) return attributes;
  for (const std::string& key : keys) {
    std::string value = scalar_attribute(*resource, kResourceAttribute, key, false);
    if (!value.empty()) attributes.values.emplace(key, std::move(value));
  }
  return attributes;
}

}  // namespace

ModelNaming read_model_naming(std::string_view traces_data, FromTraces allowed) {
  if (allowed == FromTraces::off) return {};
  // Of the records of most deployments none names a model: this is as fast as memory.
  if (traces_data.find(kCommonPrefix) == std::string_view::npos) return {};
  try {
    return strongest_naming(traces_data, allowed);
  } catch (const protozero::exception&) {
    return {};  // whoever merges the spans reports it
  }
}

ResourceAttributes read_resource_attributes(std::string_view traces_data,
                                            const std::vector<std::string>& keys) {
  try {
    return attributes_of_root(traces_data, keys);
  } catch (const protozero::exception&) {
    return {};
  }
}

}  // namespace tracelink
