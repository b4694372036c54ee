#include "daemon/codec/run_attribute.hpp"

#include <cstdint>

#include <protozero/pbf_writer.hpp>

#include "daemon/codec/wire_reader.hpp"

namespace tracelink {

namespace {

constexpr std::uint32_t kFirst = 1;  // TracesData.resource_spans, ResourceSpans.resource,
                                     // Resource.attributes, KeyValue.key, AnyValue.string_value

std::string attribute(std::string_view run_id) {
  std::string value, pair;
  protozero::pbf_writer(value).add_string(1, run_id.data(), run_id.size());
  protozero::pbf_writer writer(pair);
  writer.add_string(1, kRunAttribute.data(), kRunAttribute.size());
  writer.add_message(2, value);
  return pair;
}

// The first occurrence of a resource gets it; without one, it is a resource of its own.
std::string with_attribute(std::string_view resource_spans, const std::string& pair) {
  std::string out;
  bool added = false;
  WireReader reader(resource_spans);
  for (WireField field; reader.next(field);) {
    if (added || !field.is(kFirst, WireType::bytes)) {
      out.append(field.whole);
      continue;
    }
    std::string resource(field.bytes);
    protozero::pbf_writer(resource).add_message(kFirst, pair);
    protozero::pbf_writer(out).add_message(kFirst, resource);
    added = true;
  }
  if (added) return out;
  std::string resource;
  protozero::pbf_writer(resource).add_message(kFirst, pair);
  protozero::pbf_writer(out).add_message(kFirst, resource);
  return out;
}

bool is_run(std::string_view key_value, std::string& run_id) {
  WireReader reader(key_value);
  std::string_view key, value;
  for (WireField field; reader.next(field);) {
    if (field.is(1, WireType::bytes)) key = field.bytes;
    if (field.is(2, WireType::bytes)) value = field.bytes;
  }
  if (key != kRunAttribute) return false;
  WireReader text(value);
  for (WireField field; text.next(field);) {
    if (field.is(1, WireType::bytes)) run_id = field.bytes;
  }
  return true;
}

std::string resource_without_run(std::string_view resource, std::string& run_id) {
  std::string out;
  WireReader reader(resource);
  for (WireField field; reader.next(field);) {
    if (field.is(kFirst, WireType::bytes) && is_run(field.bytes, run_id)) continue;
    out.append(field.whole);
  }
  return out;
}

}  // namespace

std::string with_run(std::string_view traces_data, std::string_view run_id) {
  const std::string pair = attribute(run_id);
  constexpr std::size_t kFraming = 32;  // tags and lengths of what is around it
  std::string out;
  out.reserve(traces_data.size() + pair.size() + kFraming);
  WireReader reader(traces_data);
  for (WireField field; reader.next(field);) {
    if (!field.is(kFirst, WireType::bytes)) {
      out.append(field.whole);
      continue;
    }
    protozero::pbf_writer(out).add_message(kFirst, with_attribute(field.bytes, pair));
    const char* const rest = field.whole.data() + field.whole.size();
    out.append(rest, traces_data.data() + traces_data.size());
    return out;
  }
  return out;
}

std::string without_run(std::string_view resource_fields, std::string& run_id) {
  if (resource_fields.find(kRunAttribute) == std::string_view::npos)
    return std::string(resource_fields);
  std::string out;
  WireReader reader(resource_fields);
  for (WireField field; reader.next(field);) {
    if (!field.is(kFirst, WireType::bytes)) {
      out.append(field.whole);
    } else if (const auto rest = resource_without_run(field.bytes, run_id); !rest.empty()) {
      protozero::pbf_writer(out).add_message(kFirst, rest);
    }
  }
  return out;
}

}  // namespace tracelink
