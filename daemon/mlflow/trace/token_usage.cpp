#include "daemon/mlflow/trace/token_usage.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <string>
#include <unordered_map>
#include <utility>

#include "daemon/mlflow/trace/json_to_any_value.hpp"
#include "daemon/text/ascii_case.hpp"
#include "daemon/types/peer_id_hash.hpp"

namespace tracelink {
namespace {

using Count = std::optional<std::int64_t>;
constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();

// A convention's keys; empty: it has none.
struct Convention {
  std::string_view input, output, total, cache_read, cache_creation, older_cache_creation;
};

// In the order in which MLflow tries them: the first that has a count is taken whole.
constexpr std::array<Convention, 3> kConventions = {{
    {"llm.token_count.prompt", "llm.token_count.completion", "llm.token_count.total",
     "llm.token_count.prompt_details.cache_read", "llm.token_count.prompt_details.cache_write", ""},
    {"gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "",
     "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_write.input_tokens",
     "gen_ai.usage.cache_creation.input_tokens"},
    {"gen_ai.usage.prompt_tokens", "gen_ai.usage.completion_tokens", "llm.usage.total_tokens", "",
     "", ""},
}};

// Left to the server to sum.
constexpr std::array<std::string_view, 4> kOfClaudeCode = {
    "input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens"};

std::int64_t saturated(double value) {
  if (!(value > 0)) return 0;
  return value >= 0x1p63 ? kLargest : static_cast<std::int64_t>(value);
}

Count count_in(const AnyValue& value) {
  switch (value.kind) {
    case ValueKind::integer:
      return std::max<std::int64_t>(value.integer, 0);
    case ValueKind::real:
      return saturated(value.real);
    case ValueKind::string: {
      const auto json = json_to_any_value(value.data, BigInteger::saturated);
      if (!json) return std::nullopt;
      const AnyValue parsed = read_any_value(*json);
      return parsed.kind == ValueKind::integer ? count_in(parsed) : std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

Count count_of(const SpanView& span, std::string_view key) {
  if (key.empty()) return std::nullopt;
  const auto value = span.attribute(key);
  return value ? count_in(*value) : std::nullopt;
}

TokenUsage usage_in(const AnyValue& object) {
  TokenUsage usage;
  for (const KeyValue& pair : read_key_values(object.data)) {
    const Count count = count_in(read_any_value(pair.value));
    if (pair.key == "input_tokens") usage.input_tokens = count.value_or(0);
    if (pair.key == "output_tokens") usage.output_tokens = count.value_or(0);
    if (pair.key == "total_tokens") usage.total_tokens = count.value_or(0);
    if (pair.key == "cache_read_input_tokens") usage.cache_read_input_tokens = count;
    if (pair.key == "cache_creation_input_tokens") usage.cache_creation_input_tokens = count;
    if (pair.key == "cache_creation_input_tokens_above_1hr")
      usage.cache_creation_input_tokens_above_1hr = count;
  }
  return usage;
}

std::optional<TokenUsage> mlflow_usage(const AnyValue& value) {
  if (value.kind == ValueKind::key_values) return usage_in(value);
  if (value.kind != ValueKind::string) return std::nullopt;
  const auto json = json_to_any_value(value.data, BigInteger::saturated);
  if (!json) return std::nullopt;
  const AnyValue parsed = read_any_value(*json);
  if (parsed.kind != ValueKind::key_values) return std::nullopt;
  return usage_in(parsed);
}

void add(std::int64_t& sum, std::int64_t count) {
  sum = count > kLargest - sum ? kLargest : sum + count;
}

void add(Count& sum, Count count) {
  if (!count) return;
  if (!sum) sum = 0;
  add(*sum, *count);
}

void add(TokenUsage& sum, const TokenUsage& usage) {
  add(sum.input_tokens, usage.input_tokens);
  add(sum.output_tokens, usage.output_tokens);
  add(sum.total_tokens, usage.total_tokens);
  add(sum.cache_read_input_tokens, usage.cache_read_input_tokens);
  add(sum.cache_creation_input_tokens, usage.cache_creation_input_tokens);
  add(sum.cache_creation_input_tokens_above_1hr, usage.cache_creation_input_tokens_above_1hr);
}

std::optional<TokenUsage> usage_by(const Convention& keys, const SpanView& span) {
  const Count input = count_of(span, keys.input), output = count_of(span, keys.output);
  Count total = count_of(span, keys.total);
  if (!input && !output && !total) return std::nullopt;
  TokenUsage usage;
  usage.input_tokens = input.value_or(0);
  usage.output_tokens = output.value_or(0);
  if (!total && input && output) {
    total = input;
    add(total, output);
  }
  usage.total_tokens = total.value_or(0);
  usage.cache_read_input_tokens = count_of(span, keys.cache_read);
  usage.cache_creation_input_tokens = count_of(span, keys.cache_creation);
  if (!usage.cache_creation_input_tokens)
    usage.cache_creation_input_tokens = count_of(span, keys.older_cache_creation);
  return usage;
}

using Children = std::unordered_map<SpanId, std::vector<std::size_t>, PeerIdHash>;

}  // namespace

std::optional<SpanUsage> usage_of(const SpanView& span) {
  if (const auto value = span.attribute(kMlflowTokenUsage)) {
    const auto usage = mlflow_usage(*value);
    return usage ? std::optional(SpanUsage{*usage, true}) : std::nullopt;
  }
  for (const Convention& convention : kConventions)
    if (const auto usage = usage_by(convention, span)) return SpanUsage{*usage, false};
  return std::nullopt;
}

bool is_token_key(std::string_view key) {
  if (key.empty()) return false;
  if (key == kMlflowTokenUsage || std::ranges::count(kOfClaudeCode, key) != 0) return true;
  return std::ranges::any_of(kConventions, [&](const Convention& c) {
    return key == c.input || key == c.output || key == c.total || key == c.cache_read ||
           key == c.cache_creation || key == c.older_cache_creation;
  });
}

bool may_report_tokens(const SpanView& span) {
  const auto speaks_of_tokens = [](const KeyValue& attribute) {
    return contains_ignoring_case(attribute.key, "token") ||
           contains_ignoring_case(attribute.key, "usage");
  };
  return std::ranges::any_of(span.attributes, speaks_of_tokens);
}

std::optional<SpanUsage> roll_up_usage(const std::vector<SpanView>& spans) {
  std::vector<UsageNode> nodes;
  nodes.reserve(spans.size());
  for (const SpanView& span : spans) nodes.push_back({span.id, span.parent, usage_of(span)});
  return roll_up_usage(nodes);
}

std::optional<SpanUsage> roll_up_usage(const std::vector<UsageNode>& spans) {
  Children children;
  for (const UsageNode& span : spans) children[span.id];
  std::vector<std::size_t> open;  // spans to look at: no ancestor of theirs reports tokens
  for (std::size_t i = 0; i < spans.size(); ++i) {
    const auto parent = spans[i].parent ? children.find(*spans[i].parent) : children.end();
    parent == children.end() ? open.push_back(i) : parent->second.push_back(i);
  }
  std::optional<SpanUsage> sum;
  while (!open.empty()) {
    const UsageNode& span = spans[open.back()];
    open.pop_back();
    if (span.usage) {
      if (!sum) sum.emplace();
      add(sum->tokens, span.usage->tokens);
      sum->from_mlflow |= span.usage->from_mlflow;
    } else {
      const auto& below = children[span.id];
      open.insert(open.end(), below.begin(), below.end());
    }
  }
  return sum;
}

std::string TokenUsage::to_json() const {
  std::string json = "{\"input_tokens\": " + std::to_string(input_tokens) +
                     ", \"output_tokens\": " + std::to_string(output_tokens) +
                     ", \"total_tokens\": " + std::to_string(total_tokens);
  const auto add_optional = [&](std::string_view key, Count count) {
    if (count) json.append(", \"").append(key).append("\": ").append(std::to_string(*count));
  };
  add_optional("cache_read_input_tokens", cache_read_input_tokens);
  add_optional("cache_creation_input_tokens", cache_creation_input_tokens);
  add_optional("cache_creation_input_tokens_above_1hr", cache_creation_input_tokens_above_1hr);
  return json + "}";
}

}  // namespace tracelink
