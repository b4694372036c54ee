#pragma once

#include <string>
#include <string_view>

#include "daemon/base/result.hpp"
#include "daemon/types/ids.hpp"
#include "daemon/types/link_definition.hpp"

namespace tracelink {

// The stored form of a LinkDefinition: deterministic protobuf (docs/queue-format.md, "Link
// definition"), so that equal definitions have equal bytes and equal hashes.
std::string encode_link(const LinkDefinition& link);
Result<LinkDefinition> decode_link(std::string_view bytes);  // `corrupt`
LinkHash hash_link(std::string_view encoded);                // first 16 bytes of SHA-256

}  // namespace tracelink
