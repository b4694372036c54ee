#include <algorithm>
#include <charconv>
#include <chrono>

#include "daemon/mlflow/rest/client_trace_info.hpp"
#include "daemon/mlflow/rest/rest_json.hpp"
#include "daemon/mlflow/rest/trace_change.hpp"
#include "daemon/mlflow/rest/trace_name.hpp"
#include "daemon/text/hex.hpp"
#include "daemon/text/utc_time.hpp"

// Deletions of traces by their time.
namespace tracelink {
namespace {

using Kind = TraceChange::Kind;

// int64 is a number or text in protobuf's JSON; 0 if it is neither.
std::int64_t whole_number(const Json& value) {
  if (value.is_number_integer()) return value.get<std::int64_t>();
  std::int64_t number = 0;
  if (!value.is_string()) return number;
  const auto text = value.get<std::string>();
  const auto* const end = text.data() + text.size();
  return std::from_chars(text.data(), end, number).ptr == end ? number : 0;
}

std::int64_t unix_ms(WallTime at) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
}

}  // namespace

std::optional<DeletionByTime> deletion_by_time(std::string_view body) {
  const Json json = parse_shallow(body);
  DeletionByTime deletion;
  deletion.experiment_id = text_at(json, "experiment_id");
  deletion.until_ms = whole_number(member(json, "max_timestamp_millis"));
  deletion.is_limited = !member(json, "max_traces").is_null();
  if (deletion.experiment_id.empty() || deletion.until_ms <= 0) return std::nullopt;
  return deletion;
}

bool deletes(const DeletionByTime& deletion, std::string_view info) {
  const Json json = parse_shallow(info);
  const auto began = parse_utc_iso(text_at(json, "request_time"));
  return began && experiment_of_client_info(info) == deletion.experiment_id &&
         unix_ms(*began) <= deletion.until_ms;
}

TraceChange deletion_of(TraceId trace_id, const std::string& experiment_id) {
  TraceChange change;
  change.kind = Kind::delete_trace;
  change.trace_id = trace_id;
  change.body = to_text(
      {{"experiment_id", experiment_id}, {"request_ids", Json::array({trace_name(trace_id)})}});
  return change;
}

TraceChange delete_until_change(const DeletionByTime& deletion, WallTime now) {
  TraceChange change;
  change.kind = Kind::delete_until;
  change.body = to_text({{"experiment_id", deletion.experiment_id},
                         {"max_timestamp_millis", std::min(deletion.until_ms, unix_ms(now))}});
  // The digits of an id that follows from the text, as those of an assessment's do.
  change.trace_id = *TraceId::from_bytes(*parse_hex(derived_assessment_id(change.body).substr(2)));
  return change;
}

}  // namespace tracelink
