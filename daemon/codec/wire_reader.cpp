#include "daemon/codec/wire_reader.hpp"

#include <limits>

namespace tracelink {

bool WireReader::next(WireField& field) {
  if (rest_.empty() || malformed_) return false;
  const char* const start = rest_.data();
  malformed_ = !read_field(field);
  if (malformed_) return false;
  field.whole = {start, static_cast<std::size_t>(rest_.data() - start)};
  return true;
}

bool WireReader::read_field(WireField& field) {
  std::uint32_t tag = 0;
  if (!read_short_varint(tag)) return false;
  field.number = tag >> 3;
  if (field.number == 0) return false;
  field.type = static_cast<WireType>(tag & 7);
  switch (field.type) {
    case WireType::varint:
      return read_varint(field.value);
    case WireType::fixed64:
      return read_fixed(8, field.value);
    case WireType::bytes:
      return read_bytes(field.bytes);
    case WireType::fixed32:
      return read_fixed(4, field.value);
  }
  return false;  // groups and the two unassigned types
}

bool WireReader::read_varint(std::uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
    const auto byte = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    if (shift == 63 && byte > 1) return false;
    value |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

bool WireReader::read_short_varint(std::uint32_t& value) {
  constexpr std::size_t kMaxEncodedBytes = 5;
  const std::size_t before = rest_.size();
  std::uint64_t wide = 0;
  if (!read_varint(wide) || before - rest_.size() > kMaxEncodedBytes) return false;
  value = static_cast<std::uint32_t>(wide);
  return wide <= std::numeric_limits<std::uint32_t>::max();
}

bool WireReader::read_fixed(std::size_t size, std::uint64_t& value) {
  if (rest_.size() < size) return false;
  value = 0;
  for (std::size_t i = size; i-- > 0;) {
    value = value << 8 | static_cast<std::uint8_t>(rest_[i]);
  }
  rest_.remove_prefix(size);
  return true;
}

bool WireReader::read_bytes(std::string_view& bytes) {
  std::uint32_t size = 0;
  if (!read_short_varint(size) || size > rest_.size()) return false;
  bytes = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return true;
}

}  // namespace tracelink
