#include "config/source_facts.hpp"

#include "config/text.hpp"
#include "daemon/git/ci_variables.hpp"
#include "daemon/git/work_tree.hpp"
#include "daemon/text/utf8.hpp"

namespace tracelink {
namespace {

void drop_what_is_no_text(std::string& fact) {
  if (!is_valid_utf8(fact) || has_control_characters(fact)) fact.clear();
}

Result<SourceFacts> read(const std::string& git,
                         const std::map<std::string, std::string>& environment) {
  if (git == "off") return SourceFacts{};
  if (git == "auto") {
    CiFacts ci = ci_facts(environment);
    return SourceFacts{std::move(ci.facts), std::move(ci.variable)};
  }
  auto facts = read_work_tree(git);
  if (!facts) return std::move(facts).error();
  return SourceFacts{*std::move(facts), git};
}

}  // namespace

Result<SourceFacts> source_facts(const std::string& git,
                                 const std::map<std::string, std::string>& environment) {
  auto source = read(git, environment);
  if (!source) return source;
  drop_what_is_no_text(source->facts.branch);
  drop_what_is_no_text(source->facts.repository_url);
  return source;
}

Origin origin_of(const std::map<std::string, std::string>& environment, const std::string& cgroup) {
  Origin origin = origin_in(environment, cgroup);
  drop_what_is_no_text(origin.user);
  drop_what_is_no_text(origin.place);
  return origin;
}

}  // namespace tracelink
