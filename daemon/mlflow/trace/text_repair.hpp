#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/codec/otlp_schema.hpp"

namespace tracelink {

// Values that were changed because some server or database refuses them, or cannot read the trace
// again, by reason.
struct Repairs {
  std::uint64_t nul = 0;        // a NUL, or its JSON escape, became U+FFFD
  std::uint64_t surrogate = 0;  // the JSON escape of half a surrogate pair became U+FFFD
  std::uint64_t length = 0;     // cut to its column
  std::uint64_t range = 0;      // a time or an integer beyond 64 bits
  std::uint64_t form = 0;       // JSON text that servers fail to parse, a value of an odd type

  std::uint64_t total() const { return nul + surrogate + length + range + form; }
  Repairs& operator+=(const Repairs& other);
  bool operator==(const Repairs&) const = default;
};

enum class Nul { keep, replace };

// An OTLP message whose texts a server can take over into any column, or nothing if it is one
// already. Python writes no half surrogate pair and PostgreSQL stores no NUL, which other databases
// keep; servers derive names, previews, models, providers, tags and more from whatever attribute or
// event has them, and newer ones from more: so every text is repaired, not those of known keys. In
// text that is JSON, the escapes of both are repaired too, since servers parse it. All else keeps
// its bytes. Pure; throws nothing, and malformed bytes are left as they are.
std::optional<std::string> repair_texts(std::string_view message, otlp::MessageType type,
                                        Nul of_nul, Repairs& repairs);

}  // namespace tracelink
