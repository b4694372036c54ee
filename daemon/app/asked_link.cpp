#include "daemon/app/asked_link.hpp"

#include "daemon/codec/name_template.hpp"
#include "daemon/types/model_id.hpp"

namespace tracelink {

namespace {

Error invalid(std::string message) { return {ErrorCode::invalid, std::move(message)}; }

}  // namespace

Result<LinkDefinition> asked_link(const std::string& word, const LinkDefinition& configured,
                                  const std::optional<ResolvedModel>& resolved) {
  if (word.empty()) return invalid("no model is named");
  if (word == configured.id || word == configured.model_name()) return configured;
  LinkDefinition link;
  link.experiment = configured.experiment;
  if (is_model_id(word)) {
    link.id = word;
    return link;
  }
  if (looks_like_model_id(word)) {
    return invalid("'" + word +
                   "' is neither a model id (m- and 32 lower-case hex digits; this has " +
                   std::to_string(word.size() - 2) + ": was it cut?) nor taken as a name");
  }
  if (const auto name = NameTemplate::parse(word); !name) return name.error();
  link.name = word;
  link.name_policy = configured.name_policy;
  if (!link.experiment.empty() || configured.id.empty()) return link;
  if (!resolved) {
    return invalid("the experiment of the configured model " + configured.id +
                   " is not known yet, so the name '" + word +
                   "' has no place: give an id, or set experiment.name");
  }
  link.experiment.id = resolved->experiment_id;
  return link;
}

}  // namespace tracelink
