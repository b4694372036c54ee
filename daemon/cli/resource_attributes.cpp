#include "daemon/cli/resource_attributes.hpp"

#include <algorithm>

#include "daemon/mlflow/trace/model_naming.hpp"
#include "daemon/text/blanks.hpp"
#include "daemon/text/percent.hpp"
#include "daemon/types/model_id.hpp"

namespace tracelink::cli {

namespace {

// Not one that names a model. An entry without a value is nothing to an SDK, except that MLflow's
// then ignores all entries.
bool is_kept(std::string_view entry) {
  const auto equals = entry.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view key = trimmed(entry.substr(0, equals));
  return key != kModelIdAttribute && key != kModelNameAttribute;
}

}  // namespace

Result<std::string> name_model(std::string_view current, std::string_view model) {
  if (trimmed(model).empty()) {
    return Error{ErrorCode::invalid, "--model needs a name or an id"};
  }
  const bool by_id = is_model_id(model);
  if (!by_id && looks_like_model_id(model)) {
    return Error{ErrorCode::invalid, "'" + std::string(model) +
                                         "' is neither a model id (m- and 32 lower-case hex "
                                         "digits; " +
                                         fault_of_model_id(model) + ") nor taken as a name"};
  }
  std::string attributes;
  while (!current.empty()) {
    const std::string_view entry = current.substr(0, current.find(','));
    current.remove_prefix(std::min(entry.size() + 1, current.size()));
    if (is_kept(entry)) attributes += std::string(entry) + ",";
  }
  attributes += by_id ? kModelIdAttribute : kModelNameAttribute;
  return attributes + "=" + percent_encode(model);
}

}  // namespace tracelink::cli
