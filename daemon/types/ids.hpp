#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/text/hex.hpp"

namespace tracelink {

// A fixed-size binary id, compared and ordered by its bytes.
template <class Tag, std::size_t N>
struct Id {
  std::array<std::uint8_t, N> bytes{};

  auto operator<=>(const Id&) const = default;
  std::string_view view() const { return {reinterpret_cast<const char*>(bytes.data()), N}; }
  bool is_zero() const { return bytes == std::array<std::uint8_t, N>{}; }
  std::string hex() const { return to_hex(view()); }

  // Nothing unless `raw` has exactly N bytes.
  static std::optional<Id> from_bytes(std::string_view raw) {
    if (raw.size() != N) return std::nullopt;
    Id id;
    for (std::size_t i = 0; i < N; ++i) id.bytes[i] = static_cast<std::uint8_t>(raw[i]);
    return id;
  }
};

using TraceId = Id<struct TraceIdTag, 16>;  // OpenTelemetry trace id
using SpanId = Id<struct SpanIdTag, 8>;     // OpenTelemetry span id
using LinkHash = Id<struct LinkTag, 16>;    // names a LinkDefinition (codec/link_codec.hpp)

struct IdHash {  // of what no peer chooses; see peer_id_hash.hpp
  template <class Tag, std::size_t N>
  std::size_t operator()(const Id<Tag, N>& id) const {
    return std::hash<std::string_view>{}(id.view());
  }
};

}  // namespace tracelink
