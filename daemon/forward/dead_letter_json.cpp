#include "daemon/forward/dead_letter_json.hpp"

#include <nlohmann/json.hpp>

#include "daemon/codec/otlp_json.hpp"
#include "daemon/forward/utc_text.hpp"
#include "daemon/mlflow/text_limits.hpp"

namespace tracelink {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kLongestText = 1'000;  // in code points: each is six bytes of JSON at most

// Texts may come from a server: never an exception for bytes that are not UTF-8.
std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string cut(std::string_view text) { return cut_with_dots(text, kLongestText); }

Json facts(const DeadLetter& letter) {
  return {{"id", letter.id()},
          {"trace_id", letter.trace_id.hex()},
          {"spans", letter.spans},
          {"reason", cut(letter.reason)},
          {"answer",
           {{"http_status", letter.answer.http_status},
            {"error_code", cut(letter.answer.error_code)},
            {"message", cut(letter.answer.message)}}},
          {"model", cut(letter.model)},
          {"link", letter.link.is_zero() ? std::string() : letter.link.hex()},
          {"experiment", letter.experiment},
          {"accepted_at", utc_iso(letter.accepted_at)},
          {"service", cut(letter.service)},
          {"peer", {{"pid", letter.peer.pid}, {"uid", letter.peer.uid}, {"gid", letter.peer.gid}}}};
}

}  // namespace

std::string write_dead_letter(const DeadLetter& letter) {
  std::string text = dump(facts(letter));
  text.pop_back();  // the closing brace
  if (const auto otlp = otlp_protobuf_to_json(letter.otlp)) {
    text += ",\n\"otlp\":" + *otlp;
  } else {
    text += ",\n\"otlp_hex\":\"" + hex(letter.otlp) + "\"";
  }
  return text + "}\n";
}

Result<std::string> dead_letter_facts(std::string_view text) {
  const auto end = text.find(",\n");
  if (end == std::string_view::npos) return Error{ErrorCode::corrupt, "no first line"};
  const auto parsed = Json::parse(std::string(text.substr(0, end)) + "}", nullptr, false);
  if (!parsed.is_object()) return Error{ErrorCode::corrupt, "the first line is not JSON"};
  return dump(parsed);
}

std::string unreadable_facts(const std::string& id, const std::string& reason) {
  return dump({{"id", id}, {"reason", "this file cannot be read: " + reason}});
}

}  // namespace tracelink
