#include <algorithm>
#include <utility>

#include "daemon/dead_letters/dead_letter_json.hpp"
#include "daemon/dead_letters/dead_letter_store.hpp"

// What DeadLetterStore does with letters that the disk damaged.
namespace tracelink {

namespace {

constexpr std::string_view kDamaged = ".damaged";

}  // namespace

bool DeadLetterStore::is_damaged(std::string_view id) { return id.ends_with(kDamaged); }

std::string DeadLetterStore::damaged_facts(const std::string& id) {
  // <time>-<trace id>-<segment>-<offset>
  const std::size_t begin = id.find('-') + 1;
  return damaged_letter_facts(id, id.substr(begin, id.find('-', begin) - begin));
}

// Not synced: after a crash it is found as it was, and set aside again.
Result<void> DeadLetterStore::set_aside(const std::string& id) {
  std::string name = id + std::string(kDamaged);
  for (auto taken = fs_.exists(path(name));; taken = fs_.exists(path(name))) {
    if (!taken) return std::move(taken).error();
    if (!*taken) break;
    name += kDamaged;
  }
  if (auto renamed = fs_.rename(pending_path(id), path(name)); !renamed) return renamed;
  notices_.push_back(damaged_letter("the dead letter " + name));
  pending_.erase(id);
  return {};
}

Result<LetterCounts> DeadLetterStore::counts_beside(const std::string& id) const {
  const auto names = fs_.list(directory_);
  if (!names) return names.error();
  LetterCounts all;
  for (const std::string& name : *names) {
    if (!name.ends_with(kLetterSuffix)) continue;
    const std::string other = name.substr(0, name.size() - kLetterSuffix.size());
    if (other == id || is_damaged(other)) continue;
    const auto file = fs_.open_read_only(directory_ / name);
    if (!file) return file.error();
    const auto text = (*file)->read_at(0, kLongestFactsBytes);
    if (!text) return text.error();
    const auto counted = dead_letter_counts(*text);
    if (!counted) continue;
    all.spans += counted->spans;
    all.changes += counted->changes;
  }
  return all;
}

}  // namespace tracelink
