#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace tracelink {

struct TokenUsage {
  std::int64_t input_tokens = 0, output_tokens = 0, total_tokens = 0;
  std::optional<std::int64_t> cache_read_input_tokens, cache_creation_input_tokens,
      cache_creation_input_tokens_above_1hr;
  std::string to_json() const;  // spaced as by Python's json.dumps: docs/mlflow-servers.md#tokens
};

}  // namespace tracelink
