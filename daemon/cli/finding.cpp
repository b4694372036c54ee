#include "daemon/cli/finding.hpp"

#include <utility>

namespace tracelink::cli {

Finding of_failure(std::string subject, const Failure& failure) {
  constexpr const char* kPasses =
      "this passes by itself, and the daemon tries again: run tracelink doctor once more";
  const bool passes = failure.remedy.empty() && !failure.is_permanent();
  return {std::move(subject), Finding::State::failed, failure.message,
          passes ? kPasses : failure.remedy};
}

}  // namespace tracelink::cli
