#pragma once

#include <string>
#include <string_view>

#include "daemon/mlflow/rest/failure.hpp"

namespace tracelink::cli {

// What `tracelink doctor` found out about one thing.
struct Finding {
  enum class State { ok, warning, failed, skipped };

  std::string subject;  // "server"
  State state = State::ok;
  std::string message;
  std::string remedy = {};  // empty where nothing is to be done
};

constexpr std::string_view to_string(Finding::State state) {
  switch (state) {
    case Finding::State::ok:
      return "ok";
    case Finding::State::warning:
      return "warning";
    case Finding::State::failed:
      return "failed";
    case Finding::State::skipped:
      return "skipped";
  }
  return "failed";
}

// A failed one. What the server answers in passing has that as its remedy.
Finding of_failure(std::string subject, const Failure& failure);

}  // namespace tracelink::cli
