#include "daemon/codec/text_patch.hpp"

#include <cstdint>
#include <vector>

#include <protozero/buffer_string.hpp>
#include <protozero/varint.hpp>

namespace tracelink::otlp {
namespace {

std::uint32_t tag_of(const WireField& field) {
  return field.number << 3 | static_cast<std::uint32_t>(WireType::bytes);
}

std::size_t field_bytes(const WireField& field, std::size_t content) {
  const auto varint_bytes = [](std::uint64_t value) {
    return static_cast<std::size_t>(protozero::length_of_varint(value));
  };
  return varint_bytes(tag_of(field)) + varint_bytes(content) + content;
}

// Writes a message anew, of which it copies all between the fields that are begun.
class Splice {
 public:
  Splice(std::string& out, std::string_view message) : out_(out), rest_(message) {}

  // The content of `bytes` bytes is written next.
  void begin(const WireField& field, std::size_t bytes) {
    const auto before = static_cast<std::size_t>(field.whole.data() - rest_.data());
    out_.append(rest_.substr(0, before));
    rest_.remove_prefix(before + field.whole.size());
    protozero::add_varint_to_buffer(&out_, tag_of(field));
    protozero::add_varint_to_buffer(&out_, bytes);
  }
  void end() { out_.append(rest_); }

 private:
  std::string& out_;
  std::string_view rest_;
};

class Patcher {
 public:
  explicit Patcher(const NewText& new_text) : new_text_(new_text) {}

  // The bytes that it will have; nothing if it does not change.
  std::optional<std::size_t> measure(std::string_view message, const MessageSpec& spec, int depth) {
    if (depth > kMaxMessageDepth) return std::nullopt;
    std::size_t bytes = message.size();
    bool changes = false;
    WireReader reader(message);
    for (WireField field; reader.next(field);) {
      const auto content = measure_content(field, spec, depth);
      if (!content) continue;
      bytes += field_bytes(field, *content) - field.whole.size();
      changes = true;
    }
    if (!changes) return std::nullopt;
    return bytes;
  }

  // Precondition: it was measured, and changes.
  void write(std::string& out, std::string_view message, const MessageSpec& spec) {
    Splice splice(out, message);
    WireReader reader(message);
    for (WireField field; reader.next(field);) {
      const FieldSpec* const known = spec.find(field);
      if (known == nullptr) continue;
      if (known->kind == Kind::string) write_text(out, field, splice);
      if (known->kind == Kind::message) write_message(out, field, spec_of(known->message), splice);
    }
    splice.end();
  }

 private:
  static constexpr std::size_t kSame = 0;  // what changes is not empty

  std::optional<std::size_t> measure_content(const WireField& field, const MessageSpec& parent,
                                             int depth) {
    const FieldSpec* const known = parent.find(field);
    if (known == nullptr) return std::nullopt;
    if (known->kind == Kind::message) return measure_message(field, *known, depth);
    if (known->kind != Kind::string) return std::nullopt;
    const auto text = new_text_(field.bytes, TextPass::measure);
    return text ? std::optional(text->size()) : std::nullopt;
  }

  std::optional<std::size_t> measure_message(const WireField& field, const FieldSpec& known,
                                             int depth) {
    const std::size_t at = sizes_.size();
    sizes_.push_back(kSame);
    const auto bytes = measure(field.bytes, spec_of(known.message), depth + 1);
    if (bytes) {
      sizes_[at] = *bytes;
    } else {
      sizes_.resize(at + 1);  // nor does what is in it
    }
    return bytes;
  }

  void write_text(std::string& out, const WireField& field, Splice& splice) {
    const auto text = new_text_(field.bytes, TextPass::write);
    if (!text) return;
    splice.begin(field, text->size());
    out += *text;
  }

  void write_message(std::string& out, const WireField& field, const MessageSpec& spec,
                     Splice& splice) {
    const std::size_t bytes = sizes_[next_++];
    if (bytes == kSame) return;
    splice.begin(field, bytes);
    write(out, field.bytes, spec);
  }

  const NewText& new_text_;
  std::vector<std::size_t> sizes_;  // of messages, in the order in which they begin
  std::size_t next_ = 0;            // of them, to be written
};

}  // namespace

std::optional<std::string> patch_texts(std::string_view message, const MessageSpec& spec,
                                       const NewText& new_text) {
  Patcher patcher(new_text);
  const auto bytes = patcher.measure(message, spec, 0);
  if (!bytes) return std::nullopt;
  std::string out;
  out.reserve(*bytes);
  patcher.write(out, message, spec);
  return out;
}

}  // namespace tracelink::otlp
