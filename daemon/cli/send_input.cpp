#include "daemon/cli/send_input.hpp"

#include <array>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include "daemon/codec/json_repair.hpp"
#include "daemon/codec/otlp_json.hpp"
#include "daemon/codec/wire_reader.hpp"

namespace tracelink::cli {

namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kGzip = "\x1f\x8b";
constexpr std::string_view kBlanks = " \t\r\n";

// All that follows. Room for `expected_bytes` is made at once, so that a long text is not copied
// while it grows.
std::string rest_of(std::istream& stream, std::size_t expected_bytes) {
  std::string text;
  text.reserve(expected_bytes);
  std::array<char, 64 * 1024> block{};
  do {
    stream.read(block.data(), block.size());
    text.append(block.data(), static_cast<std::size_t>(stream.gcount()));
  } while (stream);
  return text;
}

// 0 for what has no size, such as a pipe.
std::size_t size_of(const std::string& file) {
  std::error_code none;
  const auto bytes = std::filesystem::file_size(file, none);
  return none ? 0 : bytes;
}

Result<std::string> content_of(const std::string& file) {
  if (file == "-") return rest_of(std::cin, 0);
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored)) {
    return Error{ErrorCode::io, file + ": is a directory; name one file"};
  }
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return Error{ErrorCode::io, file + ": cannot be read"};
  return rest_of(stream, size_of(file));
}

// A line of a document that goes on: of JSON lines each is whole.
bool goes_on(std::string_view line) {
  const auto last = line.find_last_not_of(kBlanks);
  return last != std::string_view::npos && std::string_view("{[,").find(line[last]) != line.npos;
}

std::string_view bytes_field(std::string_view message, std::uint32_t number) {
  WireReader reader(message);
  for (WireField field; reader.next(field);) {
    if (field.is(number, WireType::bytes)) return field.bytes;
  }
  return {};
}

constexpr std::uint32_t kPartialSuccess = 1;  // of an ExportTraceServiceResponse

constexpr int kRequest = 3;  // levels above the spans: request, ResourceSpans, ScopeSpans

// Spans are field 2 of field 2 of field 1 of a request.
std::optional<std::uint64_t> count_spans(std::string_view message, int levels) {
  const std::uint32_t number = levels == kRequest ? 1 : 2;
  std::uint64_t count = 0;
  WireReader reader(message);
  for (WireField field; reader.next(field);) {
    if (!field.is(number, WireType::bytes)) continue;
    const auto inside =
        levels == 1 ? std::optional<std::uint64_t>(1) : count_spans(field.bytes, levels - 1);
    if (!inside) return std::nullopt;
    count += *inside;
  }
  if (reader.malformed()) return std::nullopt;
  return count;
}

}  // namespace

Result<std::string> read_send_input(const std::string& file) {
  auto input = content_of(file);
  if (!input) return input;
  if (input->starts_with(kGzip)) {
    return Error{ErrorCode::invalid, file + ": is compressed by gzip; decompress it: gzip -dc " +
                                         (file == "-" ? "FILE" : file) + " | tracelink send -"};
  }
  if (input->starts_with(kByteOrderMark)) input->erase(0, kByteOrderMark.size());
  if (input->find_first_not_of(kBlanks) == std::string::npos) {
    return Error{ErrorCode::invalid, "the input is empty"};
  }
  return input;
}

InputForm form_of(std::string_view input) {
  const auto first = input.find_first_not_of(kBlanks);
  if (first == std::string_view::npos || input[first] != '{') return InputForm::protobuf;
  // A request begins with the byte 0x0a, and a length that is 0x7b looks like a brace behind it.
  if (first > 0 && spans_in_protobuf(input).value_or(0) > 0) return InputForm::protobuf;
  input.remove_prefix(first);
  const bool is_document =
      goes_on(input.substr(0, input.find('\n'))) || nlohmann::json::accept(input);
  return is_document ? InputForm::json_document : InputForm::json_lines;
}

std::optional<std::uint64_t> spans_in_json(std::string_view request) {
  constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();
  std::string json(request);
  repair_json(json, kNoLimit);
  RefusedSpans refused;
  const auto protobuf = otlp_json_to_protobuf(std::move(json), kNoLimit, &refused);
  if (!protobuf) return std::nullopt;
  const auto taken = spans_in_protobuf(*protobuf);
  if (!taken) return std::nullopt;
  return *taken + refused.count;
}

std::optional<std::uint64_t> spans_in_protobuf(std::string_view request) {
  return count_spans(request, kRequest);
}

std::string protobuf_reason(int http_status, std::string_view body) {
  constexpr std::uint32_t kMessage = 2;  // of the status, and of the partial success
  if (http_status == 200) body = bytes_field(body, kPartialSuccess);
  return std::string(bytes_field(body, kMessage));
}

std::uint64_t rejected_in_protobuf(std::string_view body) {
  constexpr std::uint32_t kRejectedSpans = 1;
  WireReader reader(bytes_field(body, kPartialSuccess));
  for (WireField field; reader.next(field);) {
    if (field.is(kRejectedSpans, WireType::varint)) return field.value;
  }
  return 0;
}

}  // namespace tracelink::cli
