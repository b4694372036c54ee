#include "daemon/cli/tap_text.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <ranges>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include <spdlog/fmt/fmt.h>

#include "daemon/cli/json_member.hpp"
#include "daemon/cli/output.hpp"

namespace tracelink::cli {
namespace {

using nlohmann::json;

constexpr int kErrorCode = 2;  // STATUS_CODE_ERROR
constexpr std::size_t kDeepestIndentation = 20;

struct Span {
  std::string id, parent, name, error;
  bool failed = false;
  std::uint64_t start_ns = 0, end_ns = 0;
};

const json& list(const json& object, const char* key) {
  static const json none = json::array();
  const auto found = object.find(key);
  return found == object.end() || !found->is_array() ? none : *found;
}

std::uint64_t nanoseconds(const json& span, const char* key) {
  const std::string digits = text(span, key);
  std::uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

Span span_of(const json& span) {
  const json status = span.value("status", json::object());
  return {.id = text(span, "spanId"),
          .parent = text(span, "parentSpanId"),
          .name = text(span, "name"),
          .error = text(status, "message"),
          .failed = status.value("code", 0) == kErrorCode,
          .start_ns = nanoseconds(span, "startTimeUnixNano"),
          .end_ns = nanoseconds(span, "endTimeUnixNano")};
}

// By their start.
std::vector<Span> spans_of(const json& entry) {
  std::vector<Span> spans;
  const json otlp = entry.value("otlp", json());
  if (!otlp.is_object()) return spans;
  for (const json& resource : list(otlp, "resourceSpans")) {
    for (const json& scope : list(resource, "scopeSpans")) {
      for (const json& span : list(scope, "spans")) spans.push_back(span_of(span));
    }
  }
  std::ranges::stable_sort(spans, {}, &Span::start_ns);
  return spans;
}

std::string service_of(const json& entry) {
  const json otlp = entry.value("otlp", json());
  if (!otlp.is_object()) return "";
  for (const json& resource : list(otlp, "resourceSpans")) {
    const json described = resource.value("resource", json::object());
    for (const json& attribute : list(described, "attributes")) {
      if (text(attribute, "key") != "service.name") continue;
      return text(attribute.value("value", json::object()), "stringValue");
    }
  }
  return "";
}

std::string time_of_day(const std::string& iso) {
  return printable_text(iso.size() > 12 ? iso.substr(11) : iso);
}

std::string duration_text(std::uint64_t nanoseconds) {
  const double ms = static_cast<double>(nanoseconds) / 1e6;
  return ms < 1000 ? fmt::format("{:.0f} ms", ms) : fmt::format("{:.1f} s", ms / 1000);
}

std::string span_line(const Span& span, std::size_t depth, bool colour) {
  const std::size_t indentation = 2 * (1 + std::min(depth, kDeepestIndentation));
  const std::uint64_t took = span.end_ns > span.start_ns ? span.end_ns - span.start_ns : 0;
  std::string line =
      std::string(indentation, ' ') + printable_text(span.name) + "  " + duration_text(took);
  if (!span.failed) return line + "\n";
  line += colour ? "  \x1b[31mERROR\x1b[0m" : "  ERROR";
  return line + (span.error.empty() ? "" : " " + printable_text(span.error)) + "\n";
}

// Each span once, children behind their parents. A part of a trace may lack parents, and a broken
// one have spans that are their own; these stand as roots.
std::string tree_text(const std::vector<Span>& spans, bool colour) {
  std::set<std::string> known;
  std::map<std::string, std::vector<const Span*>> children;
  for (const Span& span : spans) known.insert(span.id);
  for (const Span& span : spans) children[span.parent].push_back(&span);
  std::string text;
  std::set<const Span*> shown;
  const auto show_from = [&](const Span& root) {
    std::vector<std::pair<const Span*, std::size_t>> next{{&root, 0}};
    while (!next.empty()) {
      const auto [span, depth] = next.back();
      next.pop_back();
      if (!shown.insert(span).second) continue;
      text += span_line(*span, depth, colour);
      for (const Span* child : std::views::reverse(children[span->id])) {
        next.emplace_back(child, depth + 1);
      }
    }
  };
  for (const Span& span : spans) {
    if (span.parent.empty() || !known.contains(span.parent)) show_from(span);
  }
  for (const Span& span : spans) show_from(span);
  return text;
}

}  // namespace

bool is_shown(const json& entry, const TapFilter& filter) {
  const bool is_version =
      text(entry, "model") == filter.version || text(entry, "model_id") == filter.version;
  if (!filter.version.empty() && !is_version) return false;
  if (!filter.service.empty() && service_of(entry) != filter.service) return false;
  if (!filter.errors) return true;
  return std::ranges::any_of(spans_of(entry), [](const Span& span) { return span.failed; });
}

std::string tap_text(const json& entry, bool colour) {
  const auto spans = entry.value("spans", std::uint64_t{0});
  std::string head = time_of_day(text(entry, "at"));
  for (const std::string& part : {service_of(entry), text(entry, "model")}) {
    if (!part.empty()) head += "  " + printable_text(part);
  }
  head += fmt::format("  {} span{}  trace {}", spans, spans == 1 ? "" : "s",
                      printable_text(text(entry, "trace_id")));
  if (const std::string accepted = text(entry, "accepted_at"); !accepted.empty()) {
    head += "  accepted " + time_of_day(accepted);
  }
  head += "\n";
  if (entry.value("otlp", json()).is_null()) {
    return head +
           (spans == 0 ? "  what MLflow's SDK tells of the trace\n" : "  too large to be shown\n");
  }
  return head + tree_text(spans_of(entry), colour);
}

}  // namespace tracelink::cli
