#pragma once

#include <optional>
#include <string_view>

#include "daemon/mlflow/rest/failure.hpp"

namespace tracelink {

struct Verdict {
  FailureClass failure_class = FailureClass::unknown;
  FailureScope scope = FailureScope::server;
  std::string_view remedy{};
};

// What a database driver's text in MLflow's answer means (docs/mlflow-servers.md#database-errors);
// nothing if it holds none that is known. `text`: what stands before "[SQL:".
std::optional<Verdict> judge_database_error(std::string_view text);

// Whether `text` holds the pieces of `pattern` between its '*', in order, from the start on.
bool matches(std::string_view text, std::string_view pattern);

}  // namespace tracelink
