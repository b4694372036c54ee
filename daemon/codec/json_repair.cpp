#include "daemon/codec/json_repair.hpp"

#include <string_view>

#include "daemon/text/utf8.hpp"

namespace tracelink {

RepairedJson repair_json(std::string& json, std::size_t max_bytes) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  RepairedJson repaired;
  if (json.starts_with(kByteOrderMark)) json.erase(0, kByteOrderMark.size());
  if (!is_valid_utf8(json)) json = with_valid_utf8(json, max_bytes, repaired.utf8);
  repaired.surrogates = replace_lone_surrogates(json);
  return repaired;
}

}  // namespace tracelink
