#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tracelink {

enum class WireType : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

// One field of a protobuf message, as it stands in the buffer.
struct WireField {
  std::uint32_t number = 0;
  WireType type = WireType::varint;
  std::uint64_t value = 0;  // of the numeric types
  std::string_view bytes;   // the payload of WireType::bytes
  std::string_view whole;   // tag, length and payload: what a splice copies

  bool is(std::uint32_t wanted, WireType wanted_type) const {
    return number == wanted && type == wanted_type;
  }
};

// Iterates over the fields of one message without copying and without exceptions.
//
// Stricter than protozero's reader, because whatever passes here must pass every server's parser:
// tags and lengths of at most five bytes and 32 bits, varints of at most 64 bits, no groups.
// Lifetime: the buffer outlives the reader and its fields. Source: protobuf encoding specification.
class WireReader {
 public:
  explicit WireReader(std::string_view message) : rest_(message) {}

  // False at the end of the message, and at damage, which malformed() then tells.
  bool next(WireField& field);
  bool malformed() const { return malformed_; }

 private:
  bool read_field(WireField& field);
  bool read_varint(std::uint64_t& value);
  bool read_short_varint(std::uint32_t& value);
  bool read_fixed(std::size_t size, std::uint64_t& value);
  bool read_bytes(std::string_view& bytes);

  std::string_view rest_;
  bool malformed_ = false;
};

}  // namespace tracelink
