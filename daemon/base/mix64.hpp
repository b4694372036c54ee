#pragma once

#include <cstdint>

namespace tracelink {

// Spreads each bit of `value` over all of them, one to one: the finaliser of splitmix64.
constexpr std::uint64_t mix64(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

}  // namespace tracelink
