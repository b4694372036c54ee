#include "daemon/codec/otlp_repair.hpp"

#include <protozero/pbf_writer.hpp>

#include "daemon/text/utf8.hpp"

namespace tracelink::otlp {

void append_repaired(std::string& out, const WireField& field, const MessageSpec& parent,
                     std::size_t max_bytes, std::size_t& replaced) {
  const FieldSpec* const spec = parent.find(field);
  std::string content;
  if (spec != nullptr && spec->kind == Kind::string) {
    content = with_valid_utf8(field.bytes, max_bytes, replaced);
  } else if (spec != nullptr && spec->kind == Kind::message) {
    WireReader reader(field.bytes);
    for (WireField inner; reader.next(inner);) {
      append_repaired(content, inner, spec_of(spec->message), max_bytes, replaced);
    }
  } else {
    out.append(field.whole);
    return;
  }
  protozero::pbf_writer(out).add_bytes(field.number, content.data(), content.size());
}

}  // namespace tracelink::otlp
