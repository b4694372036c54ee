#include <utility>

#include "daemon/dead_letters/dead_letter_store.hpp"

// How DeadLetterStore gives letters out again.
namespace tracelink {

Result<void> DeadLetterStore::begin(const Withdrawal& withdrawal) {
  if (auto known = check_known(); !known) return known;
  if (under_way_) {
    return Error{ErrorCode::invalid, "the dead letter " + under_way_->id + " is being taken out"};
  }
  if (pending_.contains(withdrawal.id)) {
    return Error{ErrorCode::unavailable, "the dead letter " + withdrawal.id +
                                             " was written just now, or before a crash whose "
                                             "records are still being read; try again"};
  }
  if (renames_unsynced_) {  // else a crash could bring the pending letter back beside this one
    if (auto synced = fs_.sync_directory(directory_); !synced) return synced;
    renames_unsynced_ = false;
  }
  const auto letter = path(withdrawal.id);
  const auto there = fs_.exists(letter);
  if (!there) return there.error();
  if (!*there) {
    return Error{ErrorCode::invalid, "no dead letter has the id " + withdrawal.id};
  }
  const std::uint64_t bytes = bytes_of(letter.filename().string());
  if (auto renamed = fs_.rename(letter, directory_ / file_name(withdrawal)); !renamed) {
    return renamed;
  }
  under_way_ = withdrawal;
  bytes_under_way_ = bytes;
  --count_;
  return fs_.sync_directory(directory_);
}

Result<std::string> DeadLetterStore::read_under_way() const {
  return read_file(fs_, path_under_way());
}

Result<void> DeadLetterStore::finish() {
  if (auto removed = fs_.remove(path_under_way()); !removed) return removed;
  if (auto synced = fs_.sync_directory(directory_); !synced) return synced;
  bytes_ -= bytes_under_way_;
  under_way_.reset();
  return {};
}

Result<void> DeadLetterStore::give_up() {
  const auto there = fs_.exists(path_under_way());
  if (!there) return there.error();
  if (*there) {  // else only the sync failed the last time
    const auto renamed = fs_.rename(path_under_way(), path(under_way_->id));
    if (!renamed) return renamed;
  }
  if (auto synced = fs_.sync_directory(directory_); !synced) return synced;
  ++count_;
  under_way_.reset();
  return {};
}

std::filesystem::path DeadLetterStore::path_under_way() const {
  return directory_ / file_name(*under_way_);
}

}  // namespace tracelink
