#include "daemon/codec/otlp_check.hpp"

#include <algorithm>

#include "daemon/codec/text_repair.hpp"

namespace tracelink::otlp {

Flaw find_flaw(const WireField& field, const MessageSpec& parent, int depth_left) {
  const FieldSpec* const spec = parent.find(field);
  if (spec == nullptr) return Flaw::none;
  if (spec->kind == Kind::message) return find_flaw(field.bytes, spec->message, depth_left);
  if (spec->kind != Kind::string || is_valid_utf8(field.bytes)) return Flaw::none;
  return Flaw::invalid_utf8;
}

Flaw find_flaw(std::string_view message, MessageType type, int depth_left) {
  if (type == MessageType::any_value && depth_left-- == 0) return Flaw::too_deep;
  const MessageSpec& spec = spec_of(type);
  Flaw worst = Flaw::none;
  WireReader reader(message);
  for (WireField field; worst != Flaw::malformed && reader.next(field);) {
    worst = std::max(worst, find_flaw(field, spec, depth_left));
  }
  return reader.malformed() ? Flaw::malformed : worst;
}

}  // namespace tracelink::otlp
