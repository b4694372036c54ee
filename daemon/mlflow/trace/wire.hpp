#pragma once

#include <cstdint>
#include <string_view>

#include <protozero/pbf_reader.hpp>

namespace tracelink {

// Field number and wire type together, for `switch (reader.tag_and_type())`: a field of another
// wire type is an unknown field, as for every protobuf reader.
constexpr std::uint32_t bytes_field(std::uint32_t number) {
  return protozero::tag_and_type(number, protozero::pbf_wire_type::length_delimited);
}
constexpr std::uint32_t varint_field(std::uint32_t number) {
  return protozero::tag_and_type(number, protozero::pbf_wire_type::varint);
}
constexpr std::uint32_t fixed64_field(std::uint32_t number) {
  return protozero::tag_and_type(number, protozero::pbf_wire_type::fixed64);
}

constexpr std::uint32_t fixed32_field(std::uint32_t number) {
  return protozero::tag_and_type(number, protozero::pbf_wire_type::fixed32);
}

inline protozero::pbf_reader reader_of(std::string_view encoded) {
  return {encoded.data(), encoded.size()};
}

inline std::string_view take_bytes(protozero::pbf_reader& reader) {
  const protozero::data_view view = reader.get_view();
  return {view.data(), view.size()};
}

}  // namespace tracelink
