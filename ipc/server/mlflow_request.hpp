#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/http/relay.hpp"
#include "daemon/mlflow/knowledge/server_knowledge.hpp"
#include "daemon/types/ids.hpp"
#include "ipc/wire/http_response.hpp"

namespace tracelink {

// What an MLflow SDK asks for, as far as the daemon answers it itself.
enum class MlflowCall {
  spans,
  start_trace,
  version,
  experiment,
  change,    // mlflow/rest/trace_change.hpp
  artifact,  // the same: one that is uploaded
  read,
  search,
  find_models,
  model,  // one, by its id
  other
};

MlflowCall mlflow_call(std::string_view method, std::string_view target);
// Of MlflowCall::experiment; nothing without the parameter.
std::optional<ExperimentQuery> experiment_query(std::string_view target);

// Of MlflowCall::model, and of every other request about one; empty: it names none.
std::string_view model_in_path(std::string_view target);

// `text` with another id in place of each that `real` knows one for. An id is as long as letters,
// digits and dashes go.
std::string with_real_ids(
    std::string_view text,
    const std::function<std::optional<std::string>(std::string_view id)>& real);

// Traces, or one assessment of a trace, that an SDK wants to see.
struct TraceRead {
  enum class What { info, trace, traces, assessment } what = What::info;
  std::vector<TraceId> traces;
  std::string assessment_id;

  bool with_spans() const { return what == What::trace || what == What::traces; }
};
// Of MlflowCall::read; nothing if a trace has another name than tr- and 32 hex digits.
std::optional<TraceRead> trace_read(std::string_view target);

// The traces that the text names, as tr- and 32 hex digits, each once; the first kMaxNamedTraces.
inline constexpr std::size_t kMaxNamedTraces = 100;
std::vector<TraceId> named_traces(std::string_view text);
std::optional<TraceId> named_trace(std::string_view text);  // the first one

std::string_view path_of(std::string_view target);  // without the query

// Whether the Host header names this host. A page in a browser that has the daemon's address under
// a name of its own would otherwise get past the server's own check of that header.
bool names_this_host(std::string_view host);
// Whether the Origin header tells of a page that another host served. A browser sends a POST of
// such a page without asking first, if a form could send it.
bool is_of_another_host(std::string_view origin);

// Headers without those that concern one connection alone; the length of the body is one of them.
HttpHeaders end_to_end_headers(const HttpHeaders& headers);

// MLflow's answer to it. `found`: the JSON of what is there, of several with commas between.
HttpReply answer_to(const TraceRead& read, const std::string& found);

// An answer as MLflow's servers word it, with the status that belongs to the code.
HttpReply mlflow_error(int status, std::string_view error_code, std::string_view message);

// The head of an answer that is passed on. `chunked`: its body has no length.
std::string format_relayed_head(const RelayAnswer& answer, bool chunked, bool keep_alive);
// One chunk of a body without length.
std::string format_chunk(std::string_view bytes);

}  // namespace tracelink
