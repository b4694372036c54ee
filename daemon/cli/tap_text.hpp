#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace tracelink::cli {

// Which entries of `GET /tap` and `/tap/delivered` (docs/control-api.md) are shown; what is empty
// filters nothing.
struct TapFilter {
  std::string service;
  std::string version;  // the model's name or id
  bool errors = false;  // only with a span whose status is an error
};
bool is_shown(const nlohmann::json& entry, const TapFilter& filter);

// An entry for people: a line about the request's part of the trace, and below it the spans as a
// tree, each with its duration and the error that it has. `colour` marks errors.
std::string tap_text(const nlohmann::json& entry, bool colour);

}  // namespace tracelink::cli
