#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tracelink {

// The longest that any server takes: Databricks. Others take kMaxPreview.
inline constexpr std::size_t kLongestPreview = 10'000;

// What MLflow shows of a trace's inputs (role "user") or outputs ("assistant"): the last chat
// message of that role if `json` is a conversation in one of the known shapes, else `json` itself;
// without NUL, cut to the longest that any server takes (docs/mlflow-servers.md#previews). JSON of
// more than 100,000 values is no conversation: parsing it would cost a multiple of its bytes.
std::string preview(std::string_view json, std::string_view role);

}  // namespace tracelink
