#include <utility>

#include "daemon/forward/dead_letter_store.hpp"

// How DeadLetterStore gives letters out again.
namespace tracelink {

Result<void> DeadLetterStore::begin(const Withdrawal& withdrawal) {
  const std::lock_guard lock(mutex_);
  if (under_way_) {
    return Error{ErrorCode::invalid, "the dead letter " + under_way_->id + " is being taken out"};
  }
  const auto known = sizes_.find(withdrawal.id);
  if (known == sizes_.end()) {
    return Error{ErrorCode::invalid, "no dead letter has the id " + withdrawal.id};
  }
  if (auto renamed = fs_.rename(path(withdrawal.id), directory_ / file_name(withdrawal));
      !renamed) {
    return renamed;
  }
  under_way_ = withdrawal;
  bytes_under_way_ = known->second;
  sizes_.erase(known);
  return fs_.sync_directory(directory_);
}

std::optional<Withdrawal> DeadLetterStore::under_way() const {
  const std::lock_guard lock(mutex_);
  return under_way_;
}

Result<std::string> DeadLetterStore::read_under_way() const {
  const std::lock_guard lock(mutex_);
  return read_file(fs_, path_under_way());
}

Result<void> DeadLetterStore::finish() {
  const std::lock_guard lock(mutex_);
  if (auto removed = fs_.remove(path_under_way()); !removed) return removed;
  if (auto synced = fs_.sync_directory(directory_); !synced) return synced;
  bytes_ -= bytes_under_way_;
  under_way_.reset();
  return {};
}

Result<void> DeadLetterStore::give_up() {
  const std::lock_guard lock(mutex_);
  const auto there = fs_.exists(path_under_way());
  if (!there) return there.error();
  if (*there) {  // else only the sync failed the last time
    const auto renamed = fs_.rename(path_under_way(), path(under_way_->id));
    if (!renamed) return renamed;
  }
  if (auto synced = fs_.sync_directory(directory_); !synced) return synced;
  sizes_[under_way_->id] = bytes_under_way_;
  under_way_.reset();
  return {};
}

std::filesystem::path DeadLetterStore::path_under_way() const {
  return directory_ / file_name(*under_way_);
}

}  // namespace tracelink
