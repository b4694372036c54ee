#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/mlflow/knowledge/server_knowledge.hpp"
#include "daemon/mlflow/rest/trace_change.hpp"
#include "daemon/types/record.hpp"
#include "ipc/server/mlflow_request.hpp"

namespace tracelink {

// What is stored of some traces, and what it says. Reading it takes time by its size.
using Contents = std::vector<std::vector<TraceSlice>>;  // of each trace

std::size_t bytes_of(const Contents& contents);

// The answer to `read`, whose traces these are. Nothing: not all of it is here.
std::optional<HttpReply> answer_from(const Contents& contents, const TraceRead& read,
                                     const ServerKnowledge& knowledge);

// An assessment of the trace, as JSON; empty: it is not here.
std::string assessment_of(const std::vector<TraceSlice>& content, const std::string& id);

// The bytes that were uploaded to the path; nothing if they are not here.
std::optional<std::string> artifact_in(const std::vector<TraceSlice>& content,
                                       std::string_view path);

// A deletion for each of the traces that is so old; nothing if of one that cannot be said.
std::optional<std::vector<TraceChange>> deletions_of(const Contents& contents,
                                                     const DeletionByTime& deletion);

}  // namespace tracelink
