#include "daemon/forward/dead_letter_store.hpp"

#include <string_view>
#include <utility>

#include "daemon/forward/dead_letter_json.hpp"
#include "daemon/forward/utc_text.hpp"

namespace tracelink {

namespace {

constexpr std::string_view kSuffix = ".json";

std::string place_of(std::uint64_t segment_id, std::uint64_t offset) {
  return std::to_string(segment_id) + "-" + std::to_string(offset);
}

// The end of an id.
std::string place_of(std::string_view id) {
  const auto last = id.rfind('-');
  if (last == std::string_view::npos || last == 0) return {};
  const auto before = id.rfind('-', last - 1);
  return std::string(id.substr(before == std::string_view::npos ? 0 : before + 1));
}

}  // namespace

std::string DeadLetter::id() const {
  return utc_compact(accepted_at) + "-" + trace_id.hex() + "-" + place_of(segment_id, offset);
}

Result<std::unique_ptr<DeadLetterStore>> DeadLetterStore::open(FileSystem& fs,
                                                               std::filesystem::path directory,
                                                               std::uint64_t max_bytes) {
  std::unique_ptr<DeadLetterStore> store(new DeadLetterStore(fs, std::move(directory), max_bytes));
  if (auto loaded = store->load(); !loaded) return std::move(loaded).error().within("dead letters");
  return store;
}

Result<void> DeadLetterStore::load() {
  if (auto made = fs_.create_directories(directory_); !made) return made;
  const auto names = fs_.list(directory_);
  if (!names) return names.error();
  for (const std::string& name : *names) {
    const auto file = fs_.open_read_only(directory_ / name);
    if (!file) return file.error();
    const auto size = (*file)->size();
    if (!size) return size.error();
    load_file(name, *size);
  }
  return {};
}

void DeadLetterStore::load_file(const std::string& name, std::uint64_t bytes) {
  if (auto withdrawal = parse_withdrawal(name)) {
    under_way_ = std::move(withdrawal);
    bytes_under_way_ = bytes;
    bytes_ += bytes;
  } else if (name.ends_with(kSuffix)) {
    const std::string id = name.substr(0, name.size() - kSuffix.size());
    sizes_[id] = bytes;
    earlier_.emplace(place_of(id), id);
    bytes_ += bytes;
  }
}

Result<void> DeadLetterStore::write(const DeadLetter& letter) {
  const std::string id = letter.id();
  const std::string text = write_dead_letter(letter);
  const std::lock_guard lock(mutex_);
  const auto known = sizes_.find(id);
  const std::uint64_t replaced = known == sizes_.end() ? 0 : known->second;
  if (bytes_ - replaced + text.size() > max_bytes_) {
    return Error{ErrorCode::no_space, "the dead letters have reached their bound of " +
                                          std::to_string(max_bytes_) + " bytes"};
  }
  if (auto written = write_file_durably(fs_, path(id), text); !written) return written;
  bytes_ += text.size() - replaced;
  sizes_[id] = text.size();
  return {};
}

std::string DeadLetterStore::facts(const std::string& id) const {
  const auto file = fs_.open_read_only(path(id));
  if (!file) return unreadable_facts(id, file.error().message);
  const auto text = (*file)->read_at(0, kLongestFactsBytes);
  if (!text) return unreadable_facts(id, text.error().message);
  auto facts = dead_letter_facts(*text);
  return facts ? *std::move(facts) : unreadable_facts(id, facts.error().message);
}

Result<std::string> DeadLetterStore::list_json() const {
  std::vector<std::string> ids;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, size] : sizes_) ids.push_back(id);
  }
  std::string all = "[";
  for (const std::string& id : ids) {
    if (all.size() > 1) all += ",\n";
    all += facts(id);
  }
  return all + "]";
}

Result<std::string> DeadLetterStore::read_json(const std::string& id) const {
  {
    const std::lock_guard lock(mutex_);
    if (!sizes_.contains(id)) return Error{ErrorCode::invalid, "no dead letter has the id " + id};
  }
  return read_file(fs_, path(id));
}

Result<bool> DeadLetterStore::retract(std::uint64_t segment_id, std::uint64_t offset) {
  const std::lock_guard lock(mutex_);
  if (earlier_.empty()) return false;
  const auto earlier = earlier_.find(place_of(segment_id, offset));
  if (earlier == earlier_.end()) return false;
  const auto known = sizes_.find(earlier->second);
  if (known != sizes_.end()) {
    if (auto removed = fs_.remove(path(known->first)); !removed) return removed.error();
    if (auto synced = fs_.sync_directory(directory_); !synced) return synced.error();
    bytes_ -= known->second;
    sizes_.erase(known);
  }
  earlier_.erase(earlier);
  return true;
}

std::uint64_t DeadLetterStore::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::size_t DeadLetterStore::count() const {
  const std::lock_guard lock(mutex_);
  return sizes_.size();
}

}  // namespace tracelink
