#include "daemon/codec/otlp_check.hpp"

#include <simdjson.h>

namespace tracelink::otlp {

Flaw find_flaw(const WireField& field, const MessageSpec& parent, int depth_left) {
  const FieldSpec* const spec = parent.find(field);
  if (spec == nullptr) return Flaw::none;
  if (spec->kind == Kind::message) return find_flaw(field.bytes, spec->message, depth_left);
  if (spec->kind != Kind::string || simdjson::validate_utf8(field.bytes)) return Flaw::none;
  return Flaw::invalid_utf8;
}

Flaw find_flaw(std::string_view message, MessageType type, int depth_left) {
  if (type == MessageType::any_value && depth_left-- == 0) return Flaw::too_deep;
  const MessageSpec& spec = spec_of(type);
  WireReader reader(message);
  for (WireField field; reader.next(field);) {
    const Flaw flaw = find_flaw(field, spec, depth_left);
    if (flaw != Flaw::none) return flaw;
  }
  return reader.malformed() ? Flaw::malformed : Flaw::none;
}

}  // namespace tracelink::otlp
