#include "daemon/dead_letters/dead_letter_store.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "daemon/dead_letters/dead_letter_json.hpp"
#include "daemon/text/utc_time.hpp"

namespace tracelink {

namespace {

constexpr std::size_t kMostLetters = 100'000;
constexpr std::size_t kPageLetters = 1'000;
constexpr std::size_t kPageBytes = 1u << 20;

// What a file takes of the disk: whole blocks, an inode and a place in the folder.
std::uint64_t disk_bytes(std::uint64_t size) {
  constexpr std::uint64_t kBlock = 4096;
  constexpr std::uint64_t kNameAndInode = 512;
  return (size + kBlock - 1) / kBlock * kBlock + kNameAndInode;
}

// "" for a name that is no listed letter's.
std::string_view id_of(std::string_view name) {
  for (const std::string_view suffix : {kPendingSuffix, kLetterSuffix}) {
    if (name.ends_with(suffix)) return name.substr(0, name.size() - suffix.size());
  }
  return {};
}

}  // namespace

std::string DeadLetter::id() const {
  return utc_compact(accepted_at) + "-" + trace_id.hex() + "-" + std::to_string(segment_id) + "-" +
         std::to_string(offset);
}

Result<void> DeadLetterStore::load() {
  if (known_) return {};  // by a call whose caller did not wait for its end
  if (auto made = fs_.create_directories(directory_); !made) return made;
  const auto names = fs_.list(directory_);
  if (!names) return names.error();
  for (const std::string& name : *names) load_file(name);
  known_ = true;
  return {};
}

Result<void> DeadLetterStore::check_known() const {
  if (known_) return {};
  return Error{ErrorCode::unavailable,
               directory_.string() + " could not be read yet: see tracelink status"};
}

void DeadLetterStore::load_file(const std::string& name) {
  if (auto withdrawal = parse_withdrawal(name)) {
    under_way_ = std::move(withdrawal);
    bytes_under_way_ = bytes_of(name);
    bytes_ += bytes_under_way_;
  } else if (name.ends_with(kPendingSuffix)) {
    const std::uint64_t bytes = bytes_of(name);
    const std::string id(id_of(name));
    pending_[id] = {.bytes = bytes, .is_earlier = true};
    if (auto loaded = load_claims(id); !loaded) pending_[id].unread = std::move(loaded).error();
    add(bytes);
  } else if (name.ends_with(kLetterSuffix)) {
    add(bytes_of(name));
  }
}

// One that is damaged claims nothing: what is queued of its records is whole.
Result<void> DeadLetterStore::load_claims(const std::string& id) {
  const auto text = read_file(fs_, pending_path(id));
  if (!text) return text.error();
  const auto records = dead_letter_records(*text);
  if (!records) return set_aside(id);
  for (const RecordEnd& end : records->ends) claims_[end.sequence] = {records->trace_id, end};
  return {};
}

std::vector<DeadLetterStore::UnreadLetter> DeadLetterStore::unread_letters() const {
  std::vector<UnreadLetter> letters;
  for (const auto& [id, pending] : pending_) {
    if (pending.unread) letters.push_back({id, pending_path(id).string(), *pending.unread});
  }
  return letters;
}

Result<void> DeadLetterStore::load_letter(const std::string& id) {
  const auto known = pending_.find(id);
  if (known == pending_.end()) return {};
  const auto there = fs_.exists(pending_path(id));
  if (there && !*there) {
    subtract(known->second.bytes);
    pending_.erase(known);
    return {};
  }
  if (auto loaded = load_claims(id); !loaded) return loaded;
  const auto found = pending_.find(id);
  if (found == pending_.end()) return {};  // it is damaged
  found->second.unread.reset();
  std::erase_if(found->second.waiting,
                [this](std::uint64_t sequence) { return !claims_.contains(sequence); });
  return {};
}

bool DeadLetterStore::waits_for_letter(std::uint64_t sequence, const TraceId& trace_id) {
  for (auto& [id, pending] : pending_) {
    // The name of the file says of which trace it is.
    if (!pending.unread || id.find("-" + trace_id.hex() + "-") == std::string::npos) continue;
    pending.waiting.insert(sequence);
    return true;
  }
  return false;
}

// Without opening it: nobody can connect before all letters are counted. One that cannot be looked
// at takes at least its place.
std::uint64_t DeadLetterStore::bytes_of(const std::string& name) const {
  const auto size = fs_.size_of(directory_ / name);
  return disk_bytes(size ? size->value_or(1) : 1);
}

void DeadLetterStore::add(std::uint64_t bytes) {
  bytes_ += bytes;
  ++count_;
}

void DeadLetterStore::subtract(std::uint64_t bytes) {
  bytes_ -= bytes;
  --count_;
}

Result<void> DeadLetterStore::write(const DeadLetter& letter) {
  const std::string id = letter.id();
  const std::string text = write_dead_letter(letter);
  if (!known_) return Error{ErrorCode::io, directory_.string() + " cannot be read"};
  const std::uint64_t bytes = disk_bytes(text.size());
  const auto known = pending_.find(id);
  const std::uint64_t replaced = known == pending_.end() ? 0 : known->second.bytes;
  if (bytes_ - replaced + bytes > max_bytes_) {
    return Error{ErrorCode::too_large, "the dead letters have reached their bound of " +
                                           std::to_string(max_bytes_) + " bytes on the disk"};
  }
  if (replaced == 0 && count_ >= kMostLetters) {
    return Error{ErrorCode::too_large, "the dead letters have reached their bound of " +
                                           std::to_string(kMostLetters) + " files"};
  }
  if (auto written = write_file_durably(fs_, pending_path(id), text); !written) {
    // Else the next run could take the records for dead-lettered, which may be delivered before.
    (void)fs_.remove(pending_path(id)).has_value();
    return written;
  }
  if (replaced > 0) subtract(replaced);
  add(bytes);
  pending_[id] = {.bytes = bytes, .is_earlier = false};
  return {};
}

Result<void> DeadLetterStore::finish_pending(bool all_read) {
  Result<void> finished;
  std::erase_if(pending_, [&](const auto& entry) {
    const Pending& pending = entry.second;
    const bool is_claimed = !pending.unread && pending.waiting.empty();
    if (pending.is_earlier && !(all_read && is_claimed)) return false;
    renames_unsynced_ = true;
    auto renamed = fs_.rename(pending_path(entry.first), path(entry.first));
    const auto there = fs_.exists(pending_path(entry.first));
    if (renamed || (there && !*there)) return true;  // or it was removed by hand
    finished = std::move(renamed);
    return false;
  });
  return finished;
}

std::optional<RecordEnd> DeadLetterStore::claim(std::uint64_t sequence, const TraceId& trace_id) {
  const auto found = claims_.find(sequence);
  if (found == claims_.end() || found->second.trace_id != trace_id) return std::nullopt;
  const RecordEnd end = found->second.end;
  claims_.erase(found);
  for (auto& [id, pending] : pending_) pending.waiting.erase(sequence);
  return end;
}

Result<std::unique_ptr<File>> DeadLetterStore::open_letter(const std::string& id) const {
  auto file = fs_.open_read_only(path(id));
  if (file) return file;
  auto pending = fs_.open_read_only(pending_path(id));
  return pending ? std::move(pending) : std::move(file);
}

std::string DeadLetterStore::facts(const std::string& id) const {
  if (is_damaged(id)) return damaged_facts(id);
  const auto file = open_letter(id);
  if (!file) return unreadable_facts(id, file.error().message);
  const auto text = (*file)->read_at(0, kLongestFactsBytes);
  if (!text) return unreadable_facts(id, text.error().message);
  auto facts = dead_letter_facts(*text);
  return facts ? *std::move(facts) : unreadable_facts(id, facts.error().message);
}

// Of a page, and one more if there is one.
Result<std::vector<std::string>> DeadLetterStore::ids_after(std::string_view after) const {
  auto names = fs_.list(directory_);
  if (!names) return std::move(names).error();
  std::vector<std::string> ids = *std::move(names);
  for (std::string& name : ids) name = std::string(id_of(name));
  std::erase_if(ids, [&](const std::string& id) { return id.empty() || id <= after; });
  const auto end =
      ids.begin() + static_cast<std::ptrdiff_t>(std::min(ids.size(), kPageLetters + 1));
  std::ranges::partial_sort(ids, end);
  ids.erase(end, ids.end());
  const auto repeated = std::ranges::unique(ids);  // renamed while they were listed
  ids.erase(repeated.begin(), repeated.end());
  return ids;
}

Result<DeadLetterStore::Page> DeadLetterStore::list_json(std::string_view after) const {
  const auto ids = ids_after(after);
  if (!ids) return ids.error();
  Page page{.json = "[", .last = {}, .more = false};
  std::size_t letters = 0;
  for (const std::string& id : *ids) {
    page.more = letters == kPageLetters || page.json.size() >= kPageBytes;
    if (page.more) break;
    if (letters++ > 0) page.json += ",\n";
    page.json += facts(id);
    page.last = id;
  }
  page.json += "]";
  return page;
}

Result<std::string> DeadLetterStore::read_json(const std::string& id) const {
  const bool is_name = id.find('/') == std::string::npos;
  for (const auto& file : {path(id), pending_path(id)}) {
    const auto there = is_name ? fs_.exists(file) : Result<bool>(false);
    if (!there) return there.error();
    if (*there) return read_file(fs_, file);
  }
  return Error{ErrorCode::invalid, "no dead letter has the id " + id};
}

}  // namespace tracelink
