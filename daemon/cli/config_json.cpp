#include "daemon/cli/config_json.hpp"

#include <chrono>
#include <string>
#include <type_traits>
#include <variant>

#include "config/show.hpp"
#include "config/value.hpp"

namespace tracelink::cli {

namespace {

using nlohmann::ordered_json;

ordered_json value_of(const Key& key, const LoadedConfig& loaded) {
  if (is_masked(key, loaded)) return kMasked;
  Config copy = loaded.config;  // the fields give mutable references
  return std::visit(
      [&](const auto field) -> ordered_json {
        using Value = std::remove_cvref_t<decltype(field(copy))>;
        if constexpr (std::is_same_v<Value, std::chrono::milliseconds> ||
                      std::is_same_v<Value, Word>) {
          return display(key, copy);
        } else {
          return key.syntax == Syntax::size ? ordered_json(display(key, copy))
                                            : ordered_json(field(copy));
        }
      },
      key.field);
}

ordered_json or_null(int number) { return number > 0 ? ordered_json(number) : ordered_json(); }

}  // namespace

ordered_json json_or_null(const std::string& text) {
  return text.empty() ? ordered_json() : ordered_json(text);
}

ordered_json problem_json(const ConfigProblem& problem) {
  return {{"source", problem.source},
          {"line", or_null(problem.line)},
          {"column", or_null(problem.column)},
          {"key", json_or_null(problem.key)},
          {"message", problem.message}};
}

ordered_json config_json(const LoadedConfig& loaded) {
  ordered_json all = ordered_json::object();
  for (const Key& key : key_table()) {
    all[std::string(key.path)] = {{"value", value_of(key, loaded)},
                                  {"origin", shown_origin(key, loaded)}};
  }
  return all;
}

}  // namespace tracelink::cli
