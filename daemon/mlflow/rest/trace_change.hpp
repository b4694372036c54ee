#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "daemon/base/clock.hpp"
#include "daemon/base/result.hpp"
#include "daemon/types/ids.hpp"
#include "daemon/types/record.hpp"

namespace tracelink {

// What an MLflow SDK asks to be changed of a trace that it has told before. Each may be repeated,
// and one that is repeated leaves what the first one left.
struct TraceChange {
  enum class Kind {
    set_tag,
    delete_tag,
    create_assessment,
    update_assessment,
    delete_assessment,
    link_prompts,
    delete_trace,
    put_artifact,
    delete_until  // all traces of an experiment up to a time; `trace_id` only names the change
  };
  Kind kind = Kind::set_tag;
  TraceId trace_id;
  std::string assessment_id;  // of the three kinds about assessments
  std::string body;           // of the request, a JSON object; of an artifact {"path": …}
  std::string content = {};   // the bytes of an artifact, which may be many
};

// How MLflow's REST API is asked for it.
struct ChangeRequest {
  std::string method;
  std::string path;
  std::string body;
  std::string content_type = "application/json";
  bool operator==(const ChangeRequest&) const = default;
};

// `path`: without a query. Of a trace whose name is not tr- and 32 hex digits it is none.
bool is_trace_change(std::string_view method, std::string_view path);
// Precondition: is_trace_change(). A deletion may name several traces; one by time range gives
// none. An assessment without id gets one that follows from trace and assessment, so that a request
// sent again makes no second one. Error: `invalid`, what of it cannot be kept; `rejected`, a trace
// that it names has another name than tr- and 32 hex digits, which only a server knows.
Result<std::vector<TraceChange>> read_trace_changes(std::string_view method, std::string_view path,
                                                    std::string_view body);
ChangeRequest request_of(const TraceChange& change);

// The trace whose artifact an upload to the path is: one of its attachments, or the file of its
// spans. Nothing for any other path, and for one that could name another file than it seems to.
std::optional<TraceId> artifact_trace(std::string_view path);
// Whether it is the file of a trace's spans, of an SDK that does not send them by OTLP.
bool is_spans_file(std::string_view path);
// Precondition: artifact_trace(path).
TraceChange artifact_change(std::string_view path, std::string bytes);
// As a record has it (docs/queue-format.md#change-of-a-trace), and back. Error: `invalid`.
TraceSlice trace_change_slice(const TraceChange& change);
Result<TraceChange> stored_trace_change(TraceId trace_id, std::string_view json);
// What trace_change_slice() made `change` of: an artifact, which may be large and which an SDK
// reads by itself; the deletion of its trace.
bool is_artifact(std::string_view change);
bool is_trace_deletion(std::string_view change);

// The id of the experiment that a deletion or the path of an artifact names; empty: none.
std::string experiment_of_change(const TraceChange& change);

// A deletion of traces that names none, but a time.
struct DeletionByTime {
  std::string experiment_id;
  std::int64_t until_ms = 0;
  bool is_limited = false;  // to a number of traces, which only the server can count
};
// `body`: of the request. Nothing unless it says experiment and time.
std::optional<DeletionByTime> deletion_by_time(std::string_view body);
// Whether it is about the trace that the info tells.
bool deletes(const DeletionByTime& deletion, std::string_view info);
TraceChange deletion_of(TraceId trace_id, const std::string& experiment_id);
// It may be made at any time: traces that begin after `now` are not deleted by it.
TraceChange delete_until_change(const DeletionByTime& deletion, WallTime now);

// Does to a trace info what the server will do to it, as far as an info shows it.
void apply_change(const TraceChange& change, nlohmann::ordered_json& info);
// MLflow's answer to what read_trace_changes() gave. `assessment`: what is known of the one that is
// updated, as JSON; or empty.
std::string change_answer(const std::vector<TraceChange>& changes, std::string_view assessment);

}  // namespace tracelink
