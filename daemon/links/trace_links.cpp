#include "daemon/links/trace_links.hpp"

#include <string>
#include <utility>
#include <vector>

#include "daemon/codec/link_codec.hpp"
#include "daemon/mlflow/rest/client_trace_info.hpp"
#include "daemon/types/model_id.hpp"

namespace tracelink {

namespace {

constexpr auto kForget = std::chrono::hours(1);
constexpr const char* kSubject = "links named by traces";

LinkRank rank_of(NamedAt at) {
  switch (at) {
    case NamedAt::nowhere:
      return LinkRank::accepted;
    case NamedAt::resource:
      return LinkRank::resource;
    case NamedAt::root_resource:
      return LinkRank::root_resource;
    case NamedAt::root_span:
      return LinkRank::root_span;
    case NamedAt::trace_info:
      return LinkRank::trace_info;
  }
  return LinkRank::accepted;
}

}  // namespace

TraceLinks::TraceLinks(Options options, RecordSource& source, Reporter& reporter,
                       const Clock& clock)
    : options_(std::move(options)),
      source_(source),
      reporter_(reporter),
      clock_(clock),
      configured_(read_base(options_.configured)) {
  for (const LinkHash& link : source_.links_named_by_traces()) {
    last_use_.emplace(link, clock_.steady());
  }
}

// The application's own choice of its model is the strongest thing that a trace can say.
ModelNaming TraceLinks::naming_of(std::string_view traces_data, std::string_view info) const {
  ModelNaming chosen = info.empty() ? ModelNaming{} : chosen_by_client(info);
  if (chosen.at != NamedAt::nowhere) return chosen;
  return read_model_naming(traces_data, options_.from_traces);
}

ModelNaming TraceLinks::chosen_by_client(std::string_view info) const {
  if (options_.from_traces == FromTraces::off) return {};
  ClientModel model = model_of_client_info(info);
  if (model.name.empty()) {
    if (model.id.empty()) return {};
    return {.at = NamedAt::trace_info, .id = std::move(model.id), .name = {}};
  }
  if (options_.from_traces != FromTraces::names) return {};
  return {.at = NamedAt::trace_info,
          .id = {},
          .name = std::move(model.name),
          .experiment = std::move(model.experiment)};
}

std::optional<LinkHash> TraceLinks::decide(const LinkHash& accepted, std::string_view traces_data) {
  const Base* base = base_of(accepted);
  if (base == nullptr || !base->definition.undecided) return accepted;
  return options_.decide(base->definition, traces_data);
}

bool TraceLinks::is_unread(const LinkHash& base) {
  if (base_of(base) != nullptr) return false;
  const auto definition = source_.link(base);
  return !definition && definition.error().code == ErrorCode::io;
}

LinkChoice TraceLinks::choose(std::string_view traces_data, std::string_view info,
                              const LinkHash& base_hash) {
  const Base* base = base_of(base_hash);
  if (base == nullptr) return {.link = base_hash};  // the definition is lost; find_target() says so
  ModelNaming naming = naming_of(traces_data, info);
  if (naming.at != NamedAt::nowhere) return named(std::move(naming), *base);
  if (base->names) return expanded(traces_data, *base);
  touch(base_hash);
  const bool lacks_model = options_.model_required && base->definition.empty();
  return {.link = base_hash, .obstacle = lacks_model ? LinkObstacle::no_model : LinkObstacle::none};
}

std::optional<TraceLinks::Base> TraceLinks::read_base(const LinkHash& hash) const {
  Base base;
  base.hash = hash;
  if (!hash.is_zero()) {
    auto definition = source_.link(hash);
    if (!definition) return std::nullopt;
    base.definition = *std::move(definition);
  }
  if (is_template(base.definition)) {
    auto name = NameTemplate::parse(base.definition.name);
    auto version = NameTemplate::parse(base.definition.version);
    if (name && version) base.names = Names{*std::move(name), *std::move(version)};
  }
  return base;
}

const TraceLinks::Base* TraceLinks::base_of(const LinkHash& hash) {
  if (!base_ || base_->hash != hash) base_ = read_base(hash);
  return base_ ? &*base_ : nullptr;
}

LinkChoice TraceLinks::named(ModelNaming naming, const Base& base) {
  const LinkRank rank = rank_of(naming.at);
  // Where a name is asked for; a model of that name would stand beside the one that is meant.
  if (naming.id.empty() && is_model_id(naming.name)) naming.id = std::exchange(naming.name, {});
  const bool usable = naming.id.empty() ? is_usable_name(naming.name) : is_model_id(naming.id);
  if (!usable) {
    // `tracelink models relink none …` moves these traces.
    const LinkHash none = base.definition.empty() ? base.hash : LinkHash();
    return {.link = none, .rank = rank, .obstacle = LinkObstacle::unusable_name};
  }
  if (const Base* chosen = chosen_by_operator(naming, base)) {
    touch(chosen->hash);
    return {.link = chosen->hash, .rank = rank};
  }
  LinkDefinition definition;
  definition.id = std::move(naming.id);
  definition.name = std::move(naming.name);
  if (definition.id.empty()) definition.name_policy = base.definition.name_policy;
  if (!naming.experiment.empty()) {
    definition.experiment = std::move(naming.experiment);
  } else {
    definition.experiment =
        definition.id.empty() ? experiment_of_names(base.definition) : base.definition.experiment;
  }
  definition.named_by_trace = true;
  return admit(definition, rank);
}

// Its definition has the type and facts that a model which is created gets.
const TraceLinks::Base* TraceLinks::chosen_by_operator(const ModelNaming& naming,
                                                       const Base& base) const {
  if (is_named(naming, base)) return &base;
  return configured_ && is_named(naming, *configured_) ? &*configured_ : nullptr;
}

ExperimentRef TraceLinks::experiment_of_names(const LinkDefinition& base) const {
  if (!base.experiment.empty() || !configured_) return base.experiment;
  return {.id = {}, .name = {}, .of_model = configured_->definition.id};
}

void TraceLinks::touch(const LinkHash& link) {
  if (const auto used = last_use_.find(link); used != last_use_.end()) {
    used->second = clock_.steady();
  }
}

bool TraceLinks::is_named(const ModelNaming& naming, const Base& base) {
  const LinkDefinition& link = base.definition;
  if (!naming.id.empty() || !link.id.empty()) return naming.id == link.id;
  const bool is_there = naming.experiment.empty() || naming.experiment == link.experiment;
  return !base.names && naming.name == link.model_name() && is_there;
}

LinkChoice TraceLinks::expanded(std::string_view traces_data, const Base& base) {
  std::vector<std::string> keys = base.names->name.attributes();
  const auto& more = base.names->version.attributes();
  keys.insert(keys.end(), more.begin(), more.end());
  const ResourceAttributes resource = read_resource_attributes(traces_data, keys);
  const auto name = base.names->name.expand(resource.values);
  // Not of the root's rank, so that a resource which has the attribute wins.
  if (!name) return {.link = base.hash, .obstacle = LinkObstacle::missing_attribute};
  LinkDefinition definition = base.definition;
  definition.name = *name;
  definition.version = base.names->version.expand(resource.values).value_or("");
  definition.named_by_trace = true;
  if (!is_usable_name(definition.model_name())) {
    return {.link = base.hash, .obstacle = LinkObstacle::unusable_name};
  }
  return admit(definition, resource.of_root ? LinkRank::accepted_root : LinkRank::accepted);
}

LinkChoice TraceLinks::admit(const LinkDefinition& definition, LinkRank rank) {
  LinkChoice choice{.link = hash_link(encode_link(definition)), .rank = rank};
  if (const auto used = last_use_.find(choice.link); used != last_use_.end()) {
    used->second = clock_.steady();
  } else if (!has_room()) {
    choice.obstacle = LinkObstacle::too_many_models;
  } else if (const auto stored = source_.remember_link(definition); !stored) {
    reporter_.failure(kSubject, stored.error().message, "");
    choice.obstacle = LinkObstacle::not_stored;
  } else {
    reporter_.recovered(kSubject);
    last_use_.emplace(choice.link, clock_.steady());
  }
  return choice;
}

void TraceLinks::forget_unused(const LinkSet& in_use) {
  for (auto at = last_use_.begin(); at != last_use_.end();) {
    const auto entry = at++;
    if (in_use.contains(entry->first)) entry->second = clock_.steady();
    if (clock_.steady() - entry->second < kForget) continue;
    if (const auto forgotten = source_.forget_link(entry->first); !forgotten) {
      reporter_.failure(kSubject, forgotten.error().message, "");
      continue;
    }
    last_use_.erase(entry);
  }
}

}  // namespace tracelink
