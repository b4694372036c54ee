#include "daemon/compare/notes.hpp"

#include <spdlog/fmt/fmt.h>

namespace tracelink::compare {
namespace {

void add_notes(std::vector<std::string>& notes, const Version& version) {
  const std::string& name = version.model.name;
  if (version.samples.is_cut) {
    notes.push_back(fmt::format("{}: only the newest {} traces were read", name, kMostTraces));
  }
  if (version.samples.assessments_left_out > 0) {
    notes.push_back(fmt::format("{}: {} assessments beyond {} names are left out", name,
                                version.samples.assessments_left_out, kMostAssessments));
  }
  if (version.errors.unknown > 0) {
    notes.push_back(
        fmt::format("{}: the spans of {} errors say no reason", name, version.errors.unknown));
  }
  for (const auto& [key, values] : version.samples.assessments) {
    if (values.other_texts == 0 || !key.source.empty()) continue;
    notes.push_back(fmt::format("{}: {} values of {} beyond {} texts are not listed", name,
                                values.other_texts, key.name, kMostTexts));
  }
}

}  // namespace

std::vector<std::string> notes_of(const Comparison& comparison) {
  std::vector<std::string> notes;
  for (const Version& version : comparison.versions) add_notes(notes, version);
  return notes;
}

}  // namespace tracelink::compare
