#include "daemon/dead_letters/dead_letter_json.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "daemon/base/crc32c.hpp"
#include "daemon/codec/otlp_json.hpp"
#include "daemon/mlflow/trace/text_limits.hpp"
#include "daemon/text/hex.hpp"
#include "daemon/text/utc_time.hpp"

namespace tracelink {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kFactsEnd = ",\n";
constexpr std::string_view kOtlpKey = "\"otlp\":";
constexpr std::string_view kRecordsKey = ",\n\"records\":";
constexpr std::string_view kInfoKey = ",\n\"trace_info\":";
constexpr std::string_view kChangeKey = ",\n\"trace_change\":";
constexpr std::string_view kChecksumKey = ",\n\"crc32c\":";

constexpr std::size_t kLongestText = 1'000;  // in code points: each is six bytes of JSON at most

// Texts may come from a server: never an exception for bytes that are not UTF-8.
std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string cut(std::string_view text) { return cut_with_dots(text, kLongestText); }

Error invalid(std::string message) { return {ErrorCode::invalid, std::move(message)}; }

std::string text_at(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

template <class Id>
std::optional<Id> id_at(const Json& json, const char* key) {
  const auto bytes = parse_hex(text_at(json, key));
  return bytes ? Id::from_bytes(*bytes) : std::nullopt;
}

std::uint32_t number_at(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number_unsigned()) return 0;
  const auto number = found->get<std::uint64_t>();
  return std::in_range<std::uint32_t>(number) ? static_cast<std::uint32_t>(number) : 0;
}

Peer peer_of(const Json& json) {
  return {
      .pid = number_at(json, "pid"), .uid = number_at(json, "uid"), .gid = number_at(json, "gid")};
}

Result<std::string> otlp_of(const Json& json) {
  const auto otlp = json.find("otlp");
  if (otlp != json.end()) {
    return otlp_json_to_protobuf(dump(*otlp), std::numeric_limits<std::size_t>::max());
  }
  auto bytes = parse_hex(text_at(json, "otlp_hex"));
  if (!bytes || bytes->empty()) return invalid("there are no spans: otlp is missing");
  return *std::move(bytes);
}

Json facts(const DeadLetter& letter) {
  return {{"id", letter.id()},
          {"trace_id", letter.trace_id.hex()},
          {"spans", letter.spans},
          {"changes", letter.changes},
          {"reason", cut(letter.reason)},
          {"answer",
           {{"http_status", letter.answer.http_status},
            {"error_code", cut(letter.answer.error_code)},
            {"message", cut(letter.answer.message)}}},
          {"model", cut(letter.model)},
          {"link", letter.link.is_zero() ? std::string() : letter.link.hex()},
          {"experiment", letter.experiment},
          {"accepted_at", utc_iso(letter.accepted_at)},
          {"accepted_sequence", letter.accepted_sequence},
          {"service", cut(letter.service)},
          {"peer", {{"pid", letter.peer.pid}, {"uid", letter.peer.uid}, {"gid", letter.peer.gid}}}};
}

Json records_json(const std::vector<RecordEnd>& records) {
  Json all = Json::array();
  for (const RecordEnd& end : records) {
    all.push_back({{"sequence", end.sequence},
                   {"delivered", end.delivered},
                   {"dead_lettered", end.dead_lettered},
                   {"duplicate", end.duplicate}});
  }
  return all;
}

// Of a file that begins with `text`: its checksum.
std::string last_line(std::string_view text) {
  return std::string(kChecksumKey) + std::to_string(crc32c(0, text)) + "}\n";
}

bool is_as_written(std::string_view text) {
  const auto last = text.rfind(kChecksumKey);
  return last != std::string_view::npos && text.substr(last) == last_line(text.substr(0, last));
}

// A letter as write_dead_letter() made it: its spans as text, all else as JSON. Nothing if somebody
// has written it otherwise. The spans are never parsed into a tree: they may be a large trace.
struct WrittenLetter {
  std::string without_spans;
  std::string_view otlp;
};
std::optional<WrittenLetter> as_written(std::string_view text) {
  const auto end = text.find(kFactsEnd);
  const auto records = text.rfind(kRecordsKey);
  if (end == std::string_view::npos || records == std::string_view::npos) return std::nullopt;
  const std::string_view spans = text.substr(end + kFactsEnd.size());
  if (!spans.starts_with(kOtlpKey) || records <= end + kFactsEnd.size()) return std::nullopt;
  const std::size_t begin = end + kFactsEnd.size() + kOtlpKey.size();
  std::string rest(text.substr(0, end));
  rest += text.substr(records);
  return WrittenLetter{std::move(rest), text.substr(begin, records - begin)};
}

// Their line is read alone, since the rest of the letter may be damaged, unless a person has
// formatted it otherwise. No array: they cannot be read.
Json records_in(const std::string& text) {
  const auto key = text.rfind(kRecordsKey);
  if (key != std::string::npos) {
    const std::size_t begin = key + kRecordsKey.size();
    const std::size_t end = text.find(kFactsEnd, begin);
    Json line = Json::parse(text.substr(begin, end - begin), nullptr, false);
    if (line.is_array()) return line;
  }
  const Json letter = Json::parse(text, nullptr, false);
  return letter.is_object() ? letter.value("records", Json()) : Json();
}

std::vector<RecordEnd> ends_of(const Json& records) {
  std::vector<RecordEnd> ends;
  for (const Json& entry : records) {
    if (!entry.is_object() || !entry.value("sequence", Json()).is_number_unsigned()) continue;
    ends.push_back({.sequence = entry["sequence"].get<std::uint64_t>(),
                    .delivered = number_at(entry, "delivered"),
                    .dead_lettered = number_at(entry, "dead_lettered"),
                    .duplicate = number_at(entry, "duplicate")});
  }
  return ends;
}

std::uint64_t dead_lettered_of(const std::vector<RecordEnd>& ends) {
  std::uint64_t sum = 0;
  for (const RecordEnd& end : ends) sum += end.dead_lettered;
  return sum;
}

}  // namespace

std::string write_dead_letter(const DeadLetter& letter) {
  std::string text = dump(facts(letter));
  text.pop_back();  // the closing brace
  text += kFactsEnd;
  if (const auto otlp = otlp_protobuf_to_json(letter.otlp)) {
    text += kOtlpKey;
    text += *otlp;
  } else {
    text += "\"otlp_hex\":\"";
    append_hex(text, letter.otlp);
    text += "\"";
  }
  text += kRecordsKey;
  text += dump(records_json(letter.records));
  if (!letter.info.empty()) {
    text += kInfoKey;
    text += letter.info;
  }
  if (!letter.change.empty()) {
    text += kChangeKey;
    text += letter.change;
  }
  text += last_line(text);
  return text;
}

Result<LetterRecords> dead_letter_records(const std::string& text) {
  if (!is_as_written(text)) return Error{ErrorCode::corrupt, "its checksum is wrong"};
  const auto written = as_written(text);
  const Json json = Json::parse(written ? written->without_spans : text, nullptr, false);
  const auto trace_id = id_at<TraceId>(json, "trace_id");
  if (!trace_id) return Error{ErrorCode::corrupt, "it has no trace_id"};
  return LetterRecords{.trace_id = *trace_id,
                       .ends = ends_of(json.value("records", Json::array()))};
}

Result<std::string> dead_letter_facts(std::string_view text) {
  const auto end = text.find(kFactsEnd);
  if (end == std::string_view::npos) return Error{ErrorCode::corrupt, "no first line"};
  const auto parsed = Json::parse(std::string(text.substr(0, end)) + "}", nullptr, false);
  if (!parsed.is_object()) return Error{ErrorCode::corrupt, "the first line is not JSON"};
  return dump(parsed);
}

Result<LetterCounts> dead_letter_counts(const std::string& text) {
  const auto first_line = dead_letter_facts(text);
  for (const std::string& json : {first_line ? *first_line : std::string(), text}) {
    const Json letter = Json::parse(json, nullptr, false);
    if (letter.is_object() && letter.value("spans", Json()).is_number_unsigned()) {
      return LetterCounts{number_at(letter, "spans"), number_at(letter, "changes")};
    }
  }
  return invalid("the number of its spans cannot be read");
}

Result<LetterCounts> proved_letter_counts(const std::string& text) {
  auto counts = dead_letter_counts(text);
  if (!counts || is_as_written(text)) return counts;
  const Json records = records_in(text);
  const bool is_borne_out =
      records.is_array() && counts->spans + counts->changes == dead_lettered_of(ends_of(records));
  if (!is_borne_out) return invalid("its number of spans is not that of its records");
  return counts;
}

Result<DeadLetter> read_dead_letter(const std::string& text) {
  const auto written = as_written(text);
  const Json json = Json::parse(written ? written->without_spans : text, nullptr, false);
  if (!json.is_object()) return invalid("it is not JSON");
  DeadLetter letter;
  const auto trace_id = id_at<TraceId>(json, "trace_id");
  const auto accepted_at = parse_utc_iso(text_at(json, "accepted_at"));
  letter.spans = number_at(json, "spans");
  letter.changes = number_at(json, "changes");
  if (json.contains("trace_info")) letter.info = dump(json["trace_info"]);
  if (json.contains("trace_change")) letter.change = dump(json["trace_change"]);
  const bool is_empty = letter.spans == 0 && letter.info.empty() && letter.change.empty();
  if (!trace_id || !accepted_at || is_empty) {
    return invalid("trace_id, accepted_at, and spans, trace_info or trace_change are needed");
  }
  letter.trace_id = *trace_id;
  letter.accepted_at = *accepted_at;
  const Json sequence = json.value("accepted_sequence", Json());
  if (sequence.is_number_unsigned()) letter.accepted_sequence = sequence.get<std::uint64_t>();
  if (!text_at(json, "link").empty()) {
    const auto link = id_at<LinkHash>(json, "link");
    if (!link) return invalid("link is not 32 hex digits");
    letter.link = *link;
  }
  letter.model = text_at(json, "model");
  letter.experiment = text_at(json, "experiment");
  letter.service = text_at(json, "service");
  letter.peer = peer_of(json.value("peer", Json()));
  auto otlp = written ? otlp_json_to_protobuf(std::string(written->otlp),
                                              std::numeric_limits<std::size_t>::max())
                      : otlp_of(json);
  if (!otlp) return std::move(otlp).error();
  letter.otlp = *std::move(otlp);
  return letter;
}

std::string damaged_letter(const std::string& letter) {
  return letter +
         " was damaged before it was finished: what was still queued of its trace is delivered or "
         "dead-lettered anew; keep what you need of the rest ('tracelink dead-letters show'), then "
         "remove it with 'tracelink dead-letters rm'";
}

std::string damaged_letter_facts(const std::string& id, const std::string& trace_id) {
  return dump({{"id", id}, {"trace_id", trace_id}, {"reason", damaged_letter("this file")}});
}

std::string unreadable_facts(const std::string& id, const std::string& reason) {
  return dump({{"id", id}, {"reason", "this file cannot be read: " + reason}});
}

}  // namespace tracelink
