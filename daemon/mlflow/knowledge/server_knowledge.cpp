#include "daemon/mlflow/knowledge/server_knowledge.hpp"

#include <algorithm>
#include <utility>

#include "daemon/mlflow/rest/rest_json.hpp"

namespace tracelink {
namespace {

constexpr std::int64_t kFormat = 1;
constexpr char kOldestVersion[] = "3.6.0";

std::string default_artifact_root(const std::string& experiment_id) {
  return "mlflow-artifacts:/" + experiment_id;
}

}  // namespace

std::string experiment_answer(const std::string& id, const std::string& name) {
  Json answer;
  answer["experiment"] = {{"experiment_id", id},
                          {"name", name},
                          {"artifact_location", default_artifact_root(id)},
                          {"lifecycle_stage", "active"}};
  return to_text(answer);
}

ServerKnowledge::ServerKnowledge(FileSystem& fs, std::filesystem::path file, std::string uri,
                                 std::function<void()> on_change)
    : fs_(fs), file_(std::move(file)), uri_(std::move(uri)), on_change_(std::move(on_change)) {}

Result<void> ServerKnowledge::load() {
  const auto there = fs_.exists(file_);
  if (!there) return there.error();
  const auto text = *there ? read_file(fs_, file_) : Result<std::string>(std::string());
  if (!text) return text.error();
  const Json json = parse_shallow(*text);
  const MutexLock lock(mutex_);
  loaded_ = true;
  if (!*there) return {};
  if (!json.is_object() || number_at(json, "format") != kFormat) {
    return Error{ErrorCode::corrupt, file_.string() + " is damaged"};
  }
  if (text_at(json, "uri") != uri_) return {};
  if (version_.empty()) version_ = text_at(json, "server_version");
  const auto newer = experiments();
  by_id_.clear();
  id_of_name_.clear();
  bytes_ = 0;
  for (const Json& experiment : member(json, "experiments")) learn(to_text(experiment));
  for (const std::string& experiment : newer) learn(experiment);
  return {};
}

std::vector<std::string> ServerKnowledge::experiments() const {
  std::map<std::uint64_t, const Entry*> by_age;
  for (const auto& [id, entry] : by_id_) by_age.emplace(entry.age, &entry);
  std::vector<std::string> all;
  all.reserve(by_age.size());
  for (const auto& [age, entry] : by_age) all.push_back(entry->json);
  return all;
}

Result<void> ServerKnowledge::save() {
  Json json = {{"format", kFormat}, {"uri", uri_}};
  std::vector<std::string> known;
  {
    const MutexLock lock(mutex_);
    if (!loaded_) return not_replaced_unread(file_);
    json["server_version"] = version_;
    known = experiments();
  }
  // The threads that answer take the lock, and this may be megabytes.
  json["experiments"] = Json::array();
  for (const std::string& experiment : known) {
    json["experiments"].push_back(Json::parse(experiment));
  }
  return write_file_durably(fs_, file_, to_text(json));
}

std::string ServerKnowledge::version() const {
  const MutexLock lock(mutex_);
  return version_.empty() ? kOldestVersion : version_;
}

void ServerKnowledge::learn_version(const std::string& version) {
  {
    const MutexLock lock(mutex_);
    if (version.empty() || version == version_) return;
    version_ = version;
  }
  on_change_();
}

const ServerKnowledge::Entry* ServerKnowledge::find(const ExperimentQuery& query) const {
  const auto named = query.by_name ? id_of_name_.find(query.value) : id_of_name_.end();
  if (query.by_name && named == id_of_name_.end()) return nullptr;
  const auto found = by_id_.find(query.by_name ? named->second : query.value);
  return found == by_id_.end() ? nullptr : &found->second;
}

std::optional<std::string> ServerKnowledge::experiment(const ExperimentQuery& query) const {
  const MutexLock lock(mutex_);
  const Entry* entry = find(query);
  if (entry == nullptr) return std::nullopt;
  return "{\"experiment\":" + entry->json + "}";
}

std::string ServerKnowledge::artifact_root(const std::string& experiment_id) const {
  const MutexLock lock(mutex_);
  const Entry* entry = find({.by_name = false, .value = experiment_id});
  const bool known = entry != nullptr && !entry->artifact_location.empty();
  return known ? entry->artifact_location : default_artifact_root(experiment_id);
}

void ServerKnowledge::learn_experiment(std::string_view answer) {
  if (answer.size() > kMaxAnswerBytes) return;
  const Json json = parse_shallow(answer);
  bool changed = false;
  {
    const MutexLock lock(mutex_);
    changed = learn(to_text(member(json, "experiment")));
  }
  if (changed) on_change_();
}

// True if something is new. A name that was given to another experiment is that one's.
bool ServerKnowledge::learn(std::string_view experiment) {
  const Json json = parse_shallow(experiment);
  const std::string id = text_at(json, "experiment_id");
  if (id.empty()) return false;
  Entry& entry = by_id_[id];
  if (entry.json == experiment) return false;
  if (const auto old = id_of_name_.find(entry.name);
      old != id_of_name_.end() && old->second == id) {
    id_of_name_.erase(old);
  }
  bytes_ += experiment.size() - entry.json.size();
  entry = {.name = text_at(json, "name"),
           .artifact_location = text_at(json, "artifact_location"),
           .json = std::string(experiment),
           .age = next_age_++,
           .asked_at = entry.asked_at};
  if (!entry.name.empty()) id_of_name_[entry.name] = id;
  while (by_id_.size() > kMaxExperiments || bytes_ > kMaxBytes) forget_oldest();
  return true;
}

bool ServerKnowledge::is_refresh_due(const ExperimentQuery& query, SteadyTime now) {
  const MutexLock lock(mutex_);
  const Entry* known = find(query);
  if (known == nullptr) return false;
  const auto named = query.by_name ? id_of_name_.at(query.value) : query.value;
  Entry& entry = by_id_.at(named);
  if (entry.asked_at != SteadyTime{} && now - entry.asked_at < kRefreshEach) return false;
  entry.asked_at = now;
  return true;
}

void ServerKnowledge::forget_oldest() {
  const auto oldest =
      std::ranges::min_element(by_id_, {}, [](const auto& known) { return known.second.age; });
  erase(oldest);
}

void ServerKnowledge::erase(Entries::iterator entry) {
  std::erase_if(id_of_name_, [&](const auto& named) { return named.second == entry->first; });
  bytes_ -= entry->second.json.size();
  by_id_.erase(entry);
}

void ServerKnowledge::forget_experiment(const ExperimentQuery& query) {
  {
    const MutexLock lock(mutex_);
    const auto named = query.by_name ? id_of_name_.find(query.value) : id_of_name_.end();
    if (query.by_name && named == id_of_name_.end()) return;
    const std::string id = query.by_name ? named->second : query.value;
    const auto entry = by_id_.find(id);
    if (entry == by_id_.end()) return;
    erase(entry);
  }
  on_change_();
}

}  // namespace tracelink
