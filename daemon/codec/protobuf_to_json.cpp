#include <algorithm>
#include <bit>
#include <span>
#include <utility>
#include <vector>

#include <simdjson.h>

#include "daemon/codec/otlp_json.hpp"
#include "daemon/codec/otlp_schema.hpp"
#include "daemon/text/base64.hpp"
#include "daemon/text/hex.hpp"
#include "daemon/text/json_text.hpp"

namespace tracelink {
namespace {

using otlp::FieldSpec;
using otlp::Kind;
using otlp::MessageSpec;
using Fields = std::vector<WireField>;

// The known fields of a message, those of one number together and in their order; of a oneof, only
// the member that was set last. False for damage.
bool read_fields(std::string_view message, const MessageSpec& spec, Fields& fields) {
  WireReader reader(message);
  for (WireField field; reader.next(field);) {
    if (spec.find(field) == nullptr) continue;
    if (spec.is_oneof && !fields.empty() && fields.back().number != field.number) fields.clear();
    fields.push_back(field);
  }
  std::ranges::sort(fields, {}, [](const WireField& field) {
    return std::pair(field.number, field.whole.data());
  });
  return !reader.malformed();
}

// Writes one message; every function is false for a message that is not valid.
class JsonWriter {
 public:
  bool write_message(std::string_view message, const MessageSpec& spec) {
    Fields fields;
    if (depth_ == otlp::kMaxMessageDepth || !read_fields(message, spec, fields)) return false;
    ++depth_;
    out_.push_back('{');
    for (std::span<const WireField> rest = fields; !rest.empty();) {
      const auto end = std::ranges::find_if(
          rest, [&](const WireField& field) { return field.number != rest.front().number; });
      const auto same = rest.first(static_cast<std::size_t>(end - rest.begin()));
      if (!write_field(same, *spec.find(same.front()))) return false;
      rest = rest.subspan(same.size());
      if (!rest.empty()) out_.push_back(',');
    }
    out_.push_back('}');
    --depth_;
    return true;
  }

  std::string take() && { return std::move(out_); }

 private:
  // `same`: all that the message has of this field, at least one.
  bool write_field(std::span<const WireField> same, const FieldSpec& spec) {
    append_json_string(out_, spec.json_name);
    out_.push_back(':');
    if (spec.repeated) return write_array(same, spec);
    if (spec.kind == Kind::message) return write_merged(same, spec);
    return write_value(same.back(), spec);
  }

  bool write_array(std::span<const WireField> elements, const FieldSpec& spec) {
    char separator = '[';
    for (const WireField& element : elements) {
      out_.push_back(separator);
      if (!write_value(element, spec)) return false;
      separator = ',';
    }
    out_.push_back(']');
    return true;
  }

  // A message given in parts is the message that the parts make when put together.
  bool write_merged(std::span<const WireField> parts, const FieldSpec& spec) {
    if (parts.size() == 1) return write_value(parts.front(), spec);
    std::string whole;
    for (const WireField& part : parts) whole.append(part.bytes);
    return write_message(whole, spec_of(spec.message));
  }

  bool write_value(const WireField& field, const FieldSpec& spec) {
    switch (spec.kind) {
      case Kind::message:
        return write_message(field.bytes, spec_of(spec.message));
      case Kind::string:
        if (!simdjson::validate_utf8(field.bytes)) return false;
        append_json_string(out_, field.bytes);
        return true;
      case Kind::id:
        write_quoted(append_hex, field.bytes);
        return true;
      case Kind::bytes:
        write_quoted(append_base64, field.bytes);
        return true;
      default:
        write_scalar(field.value, spec.kind);
        return true;
    }
  }

  void write_quoted(void (*append)(std::string&, std::string_view), std::string_view bytes) {
    out_.push_back('"');
    append(out_, bytes);
    out_.push_back('"');
  }

  void write_scalar(std::uint64_t bits, Kind kind) {
    if (kind == Kind::boolean) {
      out_.append(bits != 0 ? "true" : "false");
    } else if (kind == Kind::float64) {
      append_json_double(out_, std::bit_cast<double>(bits));
    } else if (kind == Kind::int64) {
      out_.append('"' + std::to_string(static_cast<std::int64_t>(bits)) + '"');
    } else if (kind == Kind::fixed64) {
      out_.append('"' + std::to_string(bits) + '"');
    } else if (kind == Kind::enumeration) {
      out_.append(std::to_string(static_cast<std::int32_t>(bits)));
    } else {
      out_.append(std::to_string(static_cast<std::uint32_t>(bits)));
    }
  }

  std::string out_;
  int depth_ = 0;
};

}  // namespace

Result<std::string> otlp_protobuf_to_json(std::string_view protobuf) {
  JsonWriter writer;
  if (!writer.write_message(protobuf, spec_of(otlp::MessageType::traces_data))) {
    return Error{ErrorCode::invalid, "not a TracesData message"};
  }
  return std::move(writer).take();
}

}  // namespace tracelink
