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

// The application of a name that was unused for so long may have ended.
std::optional<std::string> ProvisionalIds::unused_for_long() const {
  const MutexLock lock(mutex_);
  const auto oldest = std::ranges::min_element(
      entries_, {}, [](const auto& entry) { return entry.second.used_at; });
  if (clock_.steady() - oldest->second.used_at < kUnused) return std::nullopt;
  return oldest->first;
}

Result<std::string> ProvisionalIds::give(const LinkDefinition& named) {
  if (!is_usable_name(named.name) || !is_usable_name(named.experiment.name)) {
    return Error{ErrorCode::invalid, "the name is too long, or has a NUL"};
  }
  std::string id = provisional_id(named);
  const auto known = find(id);
  if (!known) return known.error();
  if (*known) return id;
  Entries entries;
  {
    const MutexLock lock(mutex_);
    entries = entries_;
  }
  std::optional<std::string> forgotten;
  if (entries.size() >= kMaxNames) {
    forgotten = unused_for_long();
    if (!forgotten) {
      return Error{ErrorCode::rejected,
                   "tracelink keeps " + std::to_string(kMaxNames) + " such names already"};
    }
    entries.erase(*forgotten);
  }
  const Entry entry{named, clock_.steady()};
  entries.emplace(id, entry);
  if (auto written = write(entries); !written) return std::move(written).error();
  const MutexLock lock(mutex_);
  if (forgotten) entries_.erase(*forgotten);
  entries_.emplace(id, entry);
  return id;
}

Result<std::optional<LinkDefinition>> ProvisionalIds::find(std::string_view id) const {
  std::optional<LinkDefinition> named;
  if (!may_be_provisional(id)) return named;
  const MutexLock lock(mutex_);
  if (!known_) return Error{ErrorCode::unavailable, file_.string() + " cannot be read"};
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
