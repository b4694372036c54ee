#include "daemon/mlflow/rest/client_trace_info.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include <openssl/evp.h>

#include "daemon/mlflow/rest/rest_json.hpp"
#include "daemon/mlflow/rest/stored_trace.hpp"
#include "daemon/mlflow/rest/trace_name.hpp"
#include "daemon/mlflow/trace/text_limits.hpp"
#include "daemon/mlflow/trace/trace_metadata.hpp"
#include "daemon/text/utf8.hpp"

namespace tracelink {
namespace {

constexpr char kExplanation[] = "tracelink.model";
// Each gets an id, which is longer than one may be.
constexpr std::size_t kMaxAssessments = 1'000;

Error invalid(std::string message) { return {ErrorCode::invalid, std::move(message)}; }

std::string experiment_of(const Json& info) {
  return text_at(member(member(info, "trace_location"), "mlflow_experiment"), "experiment_id");
}

std::uint64_t announced_spans(const Json& info) {
  const std::string stats = text_at(member(info, "trace_metadata"), "mlflow.trace.sizeStats");
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>(number_at(parse_shallow(stats), "num_spans"), 0));
}

void name_assessments(Json& info) {
  const std::string trace = text_at(info, "trace_id");
  const auto assessments = info.find("assessments");
  if (assessments == info.end() || !assessments->is_array()) return;
  for (std::size_t i = 0; i < assessments->size(); ++i) {
    Json& assessment = (*assessments)[i];
    if (!assessment.is_object() || !text_at(assessment, "assessment_id").empty()) continue;
    assessment["assessment_id"] =
        derived_assessment_id(trace + "/" + std::to_string(i) + "/" + to_text(assessment));
  }
}

std::size_t longest_value(std::string_view key) {
  if (key == kSessionKey) return kMaxSession;
  return key == kTraceNameTag ? kMaxTraceName : kMaxTagValue;
}

std::map<std::string, std::string> texts_of(const Json& object) {
  std::map<std::string, std::string> texts;
  for (const auto& [name, value] : object.items()) {
    std::string key = fit_column(name, kMaxTagKey);
    if (!value.is_string() || is_tag_of_server(key)) continue;
    std::string text = fit_column(value.get<std::string>(), longest_value(key));
    texts[std::move(key)] = std::move(text);
  }
  return texts;
}

std::optional<TokenUsage> usage_of(const Json& json) {
  if (!json.is_object()) return std::nullopt;
  const auto optional_at = [&](const char* key) -> std::optional<std::int64_t> {
    if (!json.contains(key)) return std::nullopt;
    return number_at(json, key);
  };
  return TokenUsage{.input_tokens = number_at(json, "input_tokens"),
                    .output_tokens = number_at(json, "output_tokens"),
                    .total_tokens = number_at(json, "total_tokens"),
                    .cache_read_input_tokens = optional_at("cache_read_input_tokens"),
                    .cache_creation_input_tokens = optional_at("cache_creation_input_tokens"),
                    .cache_creation_input_tokens_above_1hr =
                        optional_at("cache_creation_input_tokens_above_1hr")};
}

void tell_times(const Json& json, TraceInfo& info) {
  constexpr std::uint64_t kNanosecondsPerMillisecond = 1'000'000;
  const std::uint64_t start_ms = read_time_ms(text_at(json, "request_time"));
  if (start_ms == 0) return;
  const std::uint64_t end_ms = start_ms + read_duration_ms(text_at(json, "execution_duration"));
  info.start_ns = start_ms * kNanosecondsPerMillisecond;
  info.end_ns = end_ms * kNanosecondsPerMillisecond;
}

std::optional<std::string> optional_text(const Json& json, const char* key) {
  if (!member(json, key).is_string()) return std::nullopt;
  return without_nul(text_at(json, key));
}

Result<ClientTraceInfo> read_info(Json info) {
  const auto trace_id = trace_of_name(text_at(info, "trace_id"));
  if (!trace_id) {
    return Error{ErrorCode::rejected, "trace.trace_info.trace_id is not tr- and 32 hex digits"};
  }
  if (experiment_of(info).empty()) {
    return invalid("trace.trace_info.trace_location names no MLflow experiment");
  }
  if (member(info, "assessments").size() > kMaxAssessments) {
    return invalid("trace.trace_info has more than " + std::to_string(kMaxAssessments) +
                   " assessments");
  }
  name_assessments(info);
  return ClientTraceInfo{.trace_id = *trace_id,
                         .experiment_id = experiment_of(info),
                         .announced_spans = announced_spans(info),
                         .model_id = text_at(member(info, "trace_metadata"), kModelIdKey),
                         .json = to_text(info)};
}

}  // namespace

Result<ClientTraceInfo> read_start_trace(std::string_view body) {
  const auto json = parse_client_body(body);
  if (!json) return json.error();
  Json info = member(member(*json, "trace"), "trace_info");
  if (!info.is_object()) return invalid("the body has no trace.trace_info");
  leave_out_explanation(info);
  return read_info(std::move(info));
}

Result<ClientTraceInfo> read_kept_info(std::string_view json) {
  Json info = parse_shallow(json);
  if (!info.is_object()) return invalid("the trace_info is no JSON object");
  return read_info(std::move(info));
}

std::string derived_assessment_id(std::string_view text) {
  std::array<unsigned char, 32> digest{};
  if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1) {
    std::abort();  // out of memory
  }
  return "a-" + to_hex({reinterpret_cast<const char*>(digest.data()), 16});
}

TraceSlice client_info_slice(ClientTraceInfo info) {
  TraceSlice slice;
  slice.trace_id = info.trace_id;
  slice.root_seen = true;
  slice.info = std::move(info.json);
  return slice;
}

std::string start_trace_answer(const ClientTraceInfo& info, const std::string& artifact_root,
                               bool has_spans) {
  Json told = parse_shallow(info.json);
  tell_location(told, artifact_root, has_spans);
  Json answer;
  answer["trace"]["trace_info"] = std::move(told);
  return to_text(answer);
}

void tell_location(Json& info, const std::string& artifact_root, bool has_spans) {
  Json& tags = info["tags"];
  if (!tags.is_object()) tags = Json::object();
  tags["mlflow.artifactLocation"] =
      artifact_root + "/traces/" + text_at(info, "trace_id") + "/artifacts";
  if (has_spans) tags["mlflow.trace.spansLocation"] = "TRACKING_STORE";
}

std::string experiment_of_client_info(std::string_view json) {
  return experiment_of(parse_shallow(json));
}

ClientModel model_of_client_info(std::string_view json) {
  const Json info = parse_shallow(json);
  const Json& named = member(info, kExplanation);
  return {.id = text_at(member(info, "trace_metadata"), kModelIdKey),
          .name = text_at(named, "name"),
          .experiment = {.id = text_at(named, "experiment_id"),
                         .name = text_at(named, "experiment_name")}};
}

void explain_model(ClientTraceInfo& info, const LinkDefinition& named) {
  Json json = parse_shallow(info.json);
  json[kExplanation] = {{"name", named.name},
                        {"experiment_id", named.experiment.id},
                        {"experiment_name", named.experiment.name}};
  info.json = to_text(json);
}

void leave_out_explanation(Json& info) { info.erase(kExplanation); }

void tell_as_client(std::string_view json, TraceInfo& info) {
  const Json told = parse_shallow(json);
  info.is_of_client = info.has_root = true;
  info.state = read_state(text_at(told, "state"));
  tell_times(told, info);
  info.metadata = texts_of(member(told, "trace_metadata"));
  info.tags = texts_of(member(told, "tags"));
  if (const auto usage = info.metadata.extract(kTokenUsageKey); usage && !info.token_usage) {
    info.token_usage = usage_of(parse_shallow(usage.mapped()));
  }
  info.request_preview = optional_text(told, "request_preview");
  info.response_preview = optional_text(told, "response_preview");
  info.client_request_id = optional_text(told, "client_request_id");
  const Json& assessments = member(told, "assessments");
  if (!assessments.is_array() || assessments.empty()) return;
  info.assessments = to_text(assessments);
  replace_nul_escapes(info.assessments);
}

}  // namespace tracelink
