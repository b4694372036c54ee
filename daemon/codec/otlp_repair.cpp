#include "daemon/codec/otlp_repair.hpp"

#include <optional>
#include <string_view>

#include "daemon/codec/text_patch.hpp"
#include "daemon/text/utf8.hpp"

namespace tracelink::otlp {

// The field alone is a message that has one field.
void append_repaired(std::string& out, const WireField& field, const MessageSpec& parent,
                     std::size_t max_bytes, std::size_t& replaced) {
  std::size_t measured = 0;
  const auto valid_text = [&](std::string_view text, TextPass pass) -> std::optional<std::string> {
    if (is_valid_utf8(text)) return std::nullopt;
    return with_valid_utf8(text, max_bytes, pass == TextPass::write ? replaced : measured);
  };
  const auto repaired = patch_texts(field.whole, parent, valid_text);
  out.append(repaired ? std::string_view(*repaired) : field.whole);
}

}  // namespace tracelink::otlp
