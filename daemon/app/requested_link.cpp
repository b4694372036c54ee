#include "daemon/app/requested_link.hpp"

#include <utility>

#include "config/text.hpp"
#include "daemon/codec/name_template.hpp"
#include "daemon/text/blanks.hpp"
#include "daemon/types/model_id.hpp"

namespace tracelink {

namespace {

constexpr const char* kNoModel = "none";

Error invalid(std::string message) { return {ErrorCode::invalid, std::move(message)}; }

bool is_meant(const std::string& word, const KnownLink& known) {
  const LinkDefinition& link = known.definition;
  if (word == kNoModel && link.empty()) return true;  // an experiment alone
  if (word == known.link.hex() || word == link.id) return true;
  if (!link.name.empty() && word == link.model_name()) return true;
  return known.model && (word == known.model->model_id || word == known.model->name);
}

std::string pairs(const std::map<std::string, std::string>& map) {
  std::string text;
  for (const auto& [key, value] : map) text.append(" ").append(key).append("=").append(value);
  return text;
}

std::string describe(const KnownLink& known) {
  const LinkDefinition& link = known.definition;
  const ExperimentRef& experiment = link.experiment;
  std::string text = known.link.hex() + "  " + link.display_name();
  if (!experiment.of_model.empty()) {
    text += "  experiment of " + experiment.of_model;
  } else if (!experiment.empty()) {
    text += "  experiment " + (experiment.id.empty() ? experiment.name : experiment.id);
  }
  return text + pairs(link.params) + pairs(link.tags) + pairs(link.source_tags);
}

Result<void> check_text(const std::string& text) {
  if (!has_control_characters(text)) return {};
  return invalid(tracelink::quoted(text) + " holds a line break or another control character");
}

Result<LinkDefinition> link_of_word(const std::string& word, const LinkDefinition& configured,
                                    const std::optional<ResolvedModel>& resolved,
                                    const ExperimentRef& experiment) {
  const bool is_elsewhere = !experiment.empty() && experiment != configured.experiment;
  const bool is_configured = word == configured.id || word == configured.model_name();
  if (is_configured && !is_elsewhere) return configured;
  LinkDefinition link;
  link.experiment = is_elsewhere ? experiment : configured.experiment;
  if (is_model_id(word)) {
    link.id = word;
    return link;
  }
  if (looks_like_model_id(word)) {
    return invalid("'" + word + "' is neither a model id (m- and 32 lower-case hex digits; " +
                   fault_of_model_id(word) + ") nor taken as a name");
  }
  if (const auto name = NameTemplate::parse(word); !name) return name.error();
  link.name = word;
  link.name_policy = configured.name_policy;
  if (!link.experiment.empty() || configured.id.empty()) return link;
  if (resolved) {
    link.experiment.id = resolved->experiment_id;
  } else {
    link.experiment.of_model = configured.id;
  }
  return link;
}

}  // namespace

Result<LinkDefinition> requested_link(const std::string& word, const LinkDefinition& configured,
                                      const std::optional<ResolvedModel>& resolved,
                                      const ExperimentRef& experiment) {
  const std::string asked(without_blank_ends(word));
  ExperimentRef place = experiment;
  place.id = without_blank_ends(experiment.id);
  place.name = without_blank_ends(experiment.name);
  if (asked.empty()) return invalid("no model is named");
  for (const std::string& text : {asked, place.id, place.name}) {
    if (auto fine = check_text(text); !fine) return std::move(fine).error();
  }
  return link_of_word(asked, configured, resolved, place);
}

Result<LinkHash> meant_link(const std::string& word, const std::vector<KnownLink>& links) {
  if (word.empty()) return invalid("no link is named");
  std::vector<const KnownLink*> meant;
  for (const KnownLink& known : links) {
    if (is_meant(word, known)) meant.push_back(&known);
  }
  if (meant.size() == 1) return meant.front()->link;
  if (meant.empty() && word == kNoModel) return LinkHash();
  if (meant.empty()) {
    return invalid("no trace was ever accepted under '" + word +
                   "'; 'tracelink status' shows what is held");
  }
  std::string message = "'" + word + "' may be one of these, name it by its hash:";
  for (const KnownLink* known : meant) message += "\n  " + describe(*known);
  return invalid(std::move(message));
}

}  // namespace tracelink
