#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "daemon/base/result.hpp"
#include "daemon/mlflow/trace/trace_info.hpp"
#include "daemon/types/ids.hpp"
#include "daemon/types/link_definition.hpp"
#include "daemon/types/record.hpp"

namespace tracelink {

// The trace info that an MLflow SDK gives by StartTraceV3: it knows what no span tells (session,
// user, metadata, tags, request id, assessments).
struct ClientTraceInfo {
  TraceId trace_id;
  std::string experiment_id;
  std::uint64_t announced_spans = 0;  // of sizeStats; 0: it says nothing
  std::string model_id;               // that the application chose; empty: none
  // The object `trace_info`, each assessment with an id. An id that was missing follows from the
  // trace and the assessment, so that a repeated request makes no second one.
  std::string json;
};

// `body`: of StartTraceV3. Error: `invalid`, what of it cannot be kept; `rejected`, the trace has
// another name than tr- and 32 hex digits, which only a server can take.
Result<ClientTraceInfo> read_start_trace(std::string_view body);

// `json`: ClientTraceInfo::json, which explain_model() may have explained; that stays in it.
Result<ClientTraceInfo> read_kept_info(std::string_view json);

// The id of an assessment that has none: the same for the same text.
std::string derived_assessment_id(std::string_view text);

TraceSlice client_info_slice(ClientTraceInfo info);

// MLflow's answer to it. `artifact_root`: the experiment's artifact_location. Without `has_spans`
// the SDK uploads the spans once more, as traces.json.
std::string start_trace_answer(const ClientTraceInfo& info, const std::string& artifact_root,
                               bool has_spans);

// What the server adds to the tags of an info: where its artifacts are, and its spans.
void tell_location(nlohmann::ordered_json& info, const std::string& artifact_root, bool has_spans);

// `json`: ClientTraceInfo::json.
std::string experiment_of_client_info(std::string_view json);

// The model that the application chose by set_active_model() or its variable.
struct ClientModel {
  std::string id;            // empty: none
  std::string name;          // the id stands for the model of that name; empty: for itself
  ExperimentRef experiment;  // where that is; empty: where the daemon's own model is
};
// `json`: ClientTraceInfo::json.
ClientModel model_of_client_info(std::string_view json);

// Notes in `info` what the id of its model stands for, so that the record alone tells it.
void explain_model(ClientTraceInfo& info, const LinkDefinition& named);
// Takes that out of an info that is told to others.
void leave_out_explanation(nlohmann::ordered_json& info);

// Makes `info`, computed from the spans that are here, what the client told. The sum of tokens
// stays that of the spans if they have one: older SDKs count less.
void tell_as_client(std::string_view json, TraceInfo& info);

}  // namespace tracelink
