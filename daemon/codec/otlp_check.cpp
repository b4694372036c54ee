#include "daemon/codec/otlp_check.hpp"

#include <algorithm>

#include "daemon/text/utf8.hpp"

namespace tracelink::otlp {

Flaw find_flaw(const WireField& field, const MessageSpec& parent, int depth_left,
               std::size_t& messages) {
  const FieldSpec* const spec = parent.find(field);
  if (spec == nullptr) return Flaw::none;
  if (spec->kind == Kind::message) {
    return find_flaw(field.bytes, spec->message, depth_left, messages);
  }
  if (spec->kind != Kind::string || is_valid_utf8(field.bytes)) return Flaw::none;
  return Flaw::invalid_utf8;
}

Flaw find_flaw(std::string_view message, MessageType type, int depth_left, std::size_t& messages) {
  ++messages;
  if (type == MessageType::any_value && depth_left-- == 0) return Flaw::too_deep;
  const MessageSpec& spec = spec_of(type);
  Flaw worst = Flaw::none;
  WireReader reader(message);
  for (WireField field; worst != Flaw::malformed && reader.next(field);) {
    worst = std::max(worst, find_flaw(field, spec, depth_left, messages));
  }
  return reader.malformed() ? Flaw::malformed : worst;
}

std::size_t count_messages(std::string_view message, MessageType type) {
  const MessageSpec& spec = spec_of(type);
  std::size_t messages = 0;
  WireReader reader(message);
  for (WireField field; reader.next(field);) {
    if (field.type != WireType::bytes) continue;
    const FieldSpec* const known = spec.find(field);
    if (known == nullptr || known->kind != Kind::message) continue;
    messages += 1 + count_messages(field.bytes, known->message);
  }
  return messages;
}

}  // namespace tracelink::otlp
