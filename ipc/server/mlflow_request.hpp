#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "daemon/http/relay.hpp"
#include "daemon/mlflow/knowledge/server_knowledge.hpp"
#include "daemon/types/ids.hpp"
#include "ipc/wire/http_response.hpp"

namespace tracelink {

// What an MLflow SDK asks for, as far as the daemon answers it itself.
enum class MlflowCall { spans, start_trace, spans_file, version, experiment, search, other };

MlflowCall mlflow_call(std::string_view method, std::string_view target);
// Of MlflowCall::experiment; nothing without the parameter.
std::optional<ExperimentQuery> experiment_query(std::string_view target);

// The first trace that the text names, as tr- and 32 hex digits.
std::optional<TraceId> named_trace(std::string_view text);

// Whether the Host header names this host. A page in a browser that has the daemon's address under
// a name of its own would otherwise get past the server's own check of that header.
bool names_this_host(std::string_view host);

// Headers without those that concern one connection alone; the length of the body is one of them.
HttpHeaders end_to_end_headers(const HttpHeaders& headers);

// An answer as MLflow's servers word it, with the status that belongs to the code.
HttpReply mlflow_error(int status, std::string_view error_code, std::string_view message);

// The head of an answer that is passed on. `chunked`: its body has no length.
std::string format_relayed_head(const RelayAnswer& answer, bool chunked, bool keep_alive);
// One chunk of a body without length.
std::string format_chunk(std::string_view bytes);

}  // namespace tracelink
