#include "daemon/mlflow/knowledge/provisional_ids.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "daemon/codec/link_codec.hpp"
#include "daemon/mlflow/rest/rest_json.hpp"
#include "daemon/types/model_id.hpp"

namespace tracelink {
namespace {

constexpr std::int64_t kFormat = 1;
constexpr std::size_t kExperimentDigits = 18;  // the first one is a 9

Result<std::string> usable_id(const LinkDefinition& named) {
  if (is_usable_name(named.name) && is_usable_name(named.experiment.name)) {
    return provisional_id(named);
  }
  return Error{ErrorCode::invalid, "the name is too long, or has a NUL"};
}

std::string digits_of(const LinkHash& hash) {
  constexpr std::uint64_t kRange = 100'000'000'000'000'000;
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 8; ++i) number = number << 8 | hash.bytes[i];
  std::string digits = std::to_string(number % kRange);
  digits.insert(0, kExperimentDigits - 1 - digits.size(), '0');
  return "9" + digits;
}

}  // namespace

LinkDefinition named_model(std::string name, ExperimentRef experiment) {
  LinkDefinition named;
  named.name = std::move(name);
  named.experiment = std::move(experiment);
  named.named_by_trace = true;
  return named;
}

std::string provisional_id(const LinkDefinition& named) {
  const LinkHash hash = hash_link(encode_link(named));
  return named.empty() ? digits_of(hash) : "m-" + hash.hex();
}

bool may_be_provisional(std::string_view id) {
  if (is_model_id(id)) return true;
  return id.size() == kExperimentDigits && id.starts_with('9') &&
         id.find_first_not_of("0123456789") == std::string_view::npos;
}

ProvisionalIds::ProvisionalIds(FileSystem& fs, std::filesystem::path file, const Clock& clock)
    : fs_(fs), file_(std::move(file)), clock_(clock) {}

Result<void> ProvisionalIds::load() {
  const auto there = fs_.exists(file_);
  if (!there) return there.error();
  Entries entries;
  bool is_damaged = false;
  if (*there) {
    const auto text = read_file(fs_, file_);
    if (!text) return text.error();
    const Json json = parse_shallow(*text);
    is_damaged = number_at(json, "format") != kFormat || !member(json, "names").is_array();
    for (const Json& item : member(json, "names")) {
      LinkDefinition named = named_model(
          text_at(item, "model"),
          {.id = text_at(item, "experiment_id"), .name = text_at(item, "experiment_name")});
      std::string id = provisional_id(named);
      entries.emplace(std::move(id), Entry{std::move(named), clock_.steady()});
    }
  }
  const std::string aside = file_.string() + ".damaged";
  if (is_damaged) {
    // Kept for an operator to look at; if that fails, the next name replaces it.
    (void)fs_.rename(file_, aside).has_value();
    entries.clear();
  }
  {
    const MutexLock lock(mutex_);
    entries_ = std::move(entries);
    known_ = true;
  }
  if (is_damaged) return Error{ErrorCode::corrupt, file_.string() + " is damaged"};
  return {};
}

Result<void> ProvisionalIds::write(const Entries& entries) const {
  Json json = {{"format", kFormat}, {"names", Json::array()}};
  for (const auto& [id, entry] : entries) {
    const ExperimentRef& experiment = entry.named.experiment;
    Json item = Json::object();
    if (!entry.named.name.empty()) item["model"] = entry.named.name;
    if (!experiment.id.empty()) item["experiment_id"] = experiment.id;
    if (!experiment.name.empty()) item["experiment_name"] = experiment.name;
    json["names"].push_back(std::move(item));
  }
  return write_file_durably(fs_, file_, to_text(json) + "\n");
}

std::vector<Result<std::string>> ProvisionalIds::give_all(
    const std::vector<LinkDefinition>& names) {
  std::vector<Result<std::string>> ids;
  ids.reserve(names.size());
  for (const LinkDefinition& named : names) ids.push_back(usable_id(named));
  Change change;
  {
    const MutexLock lock(mutex_);
    note_use(ids);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (!ids[i]) continue;
      if (auto noted = note(*ids[i], names[i], change); !noted) ids[i] = std::move(noted).error();
    }
  }
  if (change.added.empty()) return ids;
  if (const auto stored = store(change); !stored) {
    for (auto& id : ids) {
      if (id && change.added.contains(*id)) id = stored.error();
    }
  }
  return ids;
}

Result<std::string> ProvisionalIds::give(const LinkDefinition& named) {
  return give_all({named}).front();
}

// So that none of them is forgotten for another.
void ProvisionalIds::note_use(const std::vector<Result<std::string>>& ids) {
  for (const auto& id : ids) {
    const auto known = id ? entries_.find(*id) : entries_.end();
    if (known != entries_.end()) known->second.used_at = clock_.steady();
  }
}

Result<void> ProvisionalIds::note(const std::string& id, const LinkDefinition& named,
                                  Change& change) const {
  if (!known_) return unreadable();
  if (entries_.contains(id) || change.added.contains(id)) return {};
  if (!make_room(change)) {
    return Error{ErrorCode::rejected,
                 "tracelink keeps " + std::to_string(kMaxNames) + " such names already"};
  }
  change.added.emplace(id, Entry{named, clock_.steady()});
  return {};
}

// The application of a name that was unused for so long may have ended.
bool ProvisionalIds::make_room(Change& change) const {
  if (change.is_full) return false;
  if (entries_.size() + change.added.size() - change.forgotten.size() < kMaxNames) return true;
  const Entries::value_type* oldest = nullptr;
  for (const auto& entry : entries_) {
    const bool is_older = oldest == nullptr || entry.second.used_at < oldest->second.used_at;
    if (is_older && !change.forgotten.contains(entry.first)) oldest = &entry;
  }
  change.is_full = oldest == nullptr || clock_.steady() - oldest->second.used_at < kUnused;
  if (!change.is_full) change.forgotten.insert(oldest->first);
  return !change.is_full;
}

void ProvisionalIds::Change::apply_to(Entries& entries) const {
  for (const std::string& id : forgotten) entries.erase(id);
  entries.insert(added.begin(), added.end());
}

// The table is copied only here, behind its bound.
Result<void> ProvisionalIds::store(const Change& change) {
  Entries entries;
  {
    const MutexLock lock(mutex_);
    entries = entries_;
  }
  change.apply_to(entries);
  if (auto written = write(entries); !written) return written;
  const MutexLock lock(mutex_);
  change.apply_to(entries_);
  return {};
}

Error ProvisionalIds::unreadable() const {
  return {ErrorCode::unavailable, file_.string() + " cannot be read"};
}

Result<std::optional<LinkDefinition>> ProvisionalIds::find(std::string_view id) const {
  std::optional<LinkDefinition> named;
  if (!may_be_provisional(id)) return named;
  const MutexLock lock(mutex_);
  if (!known_) return unreadable();
  const auto found = entries_.find(id);
  if (found == entries_.end()) return named;
  found->second.used_at = clock_.steady();
  named = found->second.named;
  return named;
}

bool ProvisionalIds::empty() const {
  const MutexLock lock(mutex_);
  return entries_.empty();
}

}  // namespace tracelink
