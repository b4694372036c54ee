#pragma once

#include <concepts>
#include <cstring>
#include <string>
#include <string_view>

namespace tracelink {

// Integers in stored formats are little-endian whatever the machine is.
template <std::unsigned_integral T>
void put_le(char* at, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    at[i] = static_cast<char>(static_cast<unsigned char>(value >> (8 * i)));
  }
}

template <std::unsigned_integral T>
void append_le(std::string& out, T value) {
  char bytes[sizeof(T)];
  put_le(bytes, value);
  out.append(bytes, sizeof bytes);
}

// Precondition: sizeof(T) bytes at `at`.
template <std::unsigned_integral T>
T get_le(const char* at) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(
        value | static_cast<T>(static_cast<T>(static_cast<unsigned char>(at[i])) << (8 * i)));
  }
  return value;
}

// Takes integers and byte strings off the front; `ok()` turns false, and stays so, at the end.
class LittleEndianReader {
 public:
  explicit LittleEndianReader(std::string_view bytes) : bytes_(bytes) {}

  template <std::unsigned_integral T>
  T take() {
    const auto raw = take_bytes(sizeof(T));
    return raw.size() == sizeof(T) ? get_le<T>(raw.data()) : T{0};
  }
  std::string_view take_bytes(std::size_t size) {
    if (size > bytes_.size()) {
      ok_ = false;
      return {};
    }
    const auto taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }
  std::string_view rest() const { return bytes_; }
  bool ok() const { return ok_; }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

}  // namespace tracelink
