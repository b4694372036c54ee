#include "ipc/server/stored_content.hpp"

#include <algorithm>
#include <ranges>
#include <utility>

#include "daemon/mlflow/rest/queued_trace.hpp"

namespace tracelink {

std::size_t bytes_of(const Contents& contents) {
  std::size_t bytes = 0;
  for (const auto& content : contents) {
    for (const TraceSlice& slice : content) {
      bytes += slice.info.size() + slice.change.size() + slice.otlp.size();
    }
  }
  return bytes;
}

std::optional<HttpReply> answer_from(const Contents& contents, const TraceRead& read,
                                     const ServerKnowledge& knowledge) {
  std::string found;
  for (const auto& content : contents) {
    const std::string root = knowledge.artifact_root(experiment_of(content));
    const auto trace = queued_trace(content, root, read.with_spans());
    if (!trace) return std::nullopt;
    if (trace->is_deleted) continue;
    found += found.empty() ? "" : ",";
    found +=
        read.assessment_id.empty() ? trace->json() : assessment_in(trace->info, read.assessment_id);
  }
  return answer_to(read, found);
}

std::string assessment_of(const std::vector<TraceSlice>& content, const std::string& id) {
  const auto trace = queued_trace(content, {}, false);
  return trace ? assessment_in(trace->info, id) : std::string();
}

std::optional<std::string> artifact_in(const std::vector<TraceSlice>& content,
                                       std::string_view path) {
  for (const TraceSlice& slice : content | std::views::reverse) {
    if (is_trace_deletion(slice.change)) break;
    if (!is_artifact(slice.change)) continue;
    const auto change = stored_trace_change(slice.trace_id, slice.change);
    if (!change) continue;
    ChangeRequest upload = request_of(*change);
    if (upload.path == path) return std::move(upload.body);
  }
  return std::nullopt;
}

std::optional<std::vector<TraceChange>> deletions_of(const Contents& contents,
                                                     const DeletionByTime& deletion) {
  std::vector<TraceChange> changes;
  for (const auto& slices : contents) {
    const auto trace = queued_trace(slices, {}, false);
    const bool has_spans = std::ranges::any_of(slices, &TraceSlice::span_count);
    if (!trace && has_spans) return std::nullopt;
    if (!trace || trace->is_deleted || !deletes(deletion, trace->info)) continue;
    changes.push_back(deletion_of(slices.front().trace_id, deletion.experiment_id));
  }
  return changes;
}

}  // namespace tracelink
