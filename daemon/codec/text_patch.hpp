#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/codec/otlp_schema.hpp"

// Other texts in an OTLP message, at any depth; all else keeps its bytes.
//
// The message is measured first and written then, so that a byte is copied once, however deep it
// stands. Between the passes nothing is kept but a number for each message that changes: what
// changes may be millions of texts of one byte.
namespace tracelink::otlp {

enum class TextPass { measure, write };
// The text to put in place of one, the same in both passes; nothing: it stays.
using NewText = std::function<std::optional<std::string>(std::string_view, TextPass)>;

// Nothing if no text changes. Messages below kMaxMessageDepth are left alone, which bounds the
// stack, and so is what follows malformed bytes.
std::optional<std::string> patch_texts(std::string_view message, const MessageSpec& spec,
                                       const NewText& new_text);

}  // namespace tracelink::otlp
