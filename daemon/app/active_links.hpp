#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/app/active_overrides.hpp"
#include "daemon/base/file_system.hpp"
#include "daemon/base/held_files.hpp"
#include "daemon/base/mutex.hpp"
#include "daemon/base/result.hpp"
#include "daemon/types/ids.hpp"
#include "daemon/types/link_definition.hpp"

namespace tracelink {

// Which link a new record gets (docs/design.md#p3): that of its service if the operator set one,
// else the one that the operator set for all, else the configured one.
//
// Durability: set() and clear() are on stable storage when they return success, and every record
//             that asks for its link afterwards gets the new one. After an error nothing changed
//             for this process; a restart may find the old or the new state.
// Threads:    any.
class ActiveLinks {
 public:
  // Makes a definition durable and gives its hash (Queue::remember_link).
  using Remember = std::function<Result<LinkHash>(const LinkDefinition&)>;

  // What an earlier run stored in `file` holds only for the identity that it overrides (id, name,
  // version and experiment as configured then); otherwise it is dropped for good. A damaged file is
  // set aside. notices() tells of both. One that cannot be read is held: records get an undecided
  // link until it can be, and nothing replaces it. Without `held` that is an error, `io`.
  static Result<std::unique_ptr<ActiveLinks>> open(FileSystem& fs, std::filesystem::path file,
                                                   const LinkDefinition& configured,
                                                   Remember remember, HeldFiles* held = nullptr);

  // `service`: the record's `service.name`, or empty.
  LinkHash link_for(std::string_view service) const;
  // The link that a record had got if the file had been readable when it was accepted under
  // `undecided`. Nothing: it is still not known. What is set after the file was read does not count
  // until a restart.
  std::optional<LinkHash> decide(const LinkDefinition& undecided,
                                 std::string_view traces_data) const;

  // `service` empty: for all that have none of their own. `set_at`: for people.
  Result<LinkHash> set(const std::string& service, const LinkDefinition& link, std::string set_at);
  // False if there was nothing to clear. As set(), `io` while the file cannot be read: what it
  // holds would come back.
  Result<bool> clear(const std::string& service);
  // The configuration has changed. If it names another version than before, what was set at runtime
  // is dropped, and `dropped` tells it for people.
  Result<LinkHash> configure(const LinkDefinition& link, std::string& dropped);

  std::shared_ptr<const ActiveOverrides> overrides() const;
  LinkHash configured() const;  // zero: nothing is configured
  // What an operator should know of what the file held; logged when it was found.
  std::vector<std::string> notices() const;

 private:
  ActiveLinks(FileSystem& fs, std::filesystem::path file, Remember remember)
      : fs_(fs), file_(std::move(file)), remember_(std::move(remember)) {}
  Result<void> load(const LinkDefinition& configured, HeldFiles* held);
  Result<void> load_overrides() REQUIRES(change_mutex_);
  void note(std::string text);
  Result<LinkHash> remember_configured(const LinkDefinition& link) const;
  Result<LinkHash> remember_undecided(LinkDefinition configured) const;
  void take(ActiveOverrides read) REQUIRES(change_mutex_);
  bool is_unread() const;
  Result<void> known() const;  // `io` while the file is unread
  Result<void> write(const ActiveOverrides& overrides) const REQUIRES(change_mutex_);
  Result<void> replace(ActiveOverrides overrides) REQUIRES(change_mutex_);

  FileSystem& fs_;
  const std::filesystem::path file_;
  const Remember remember_;
  Mutex change_mutex_;  // one change at a time, with its file

  mutable Mutex mutex_;
  std::vector<std::string> notices_ GUARDED_BY(mutex_);
  LinkHash configured_link_ GUARDED_BY(mutex_);
  std::shared_ptr<const ActiveOverrides> overrides_ GUARDED_BY(mutex_);
  std::shared_ptr<const ActiveOverrides> read_ GUARDED_BY(mutex_);  // the file's; null: unread
  LinkHash undecided_link_ GUARDED_BY(mutex_);                      // while it is unread
};

}  // namespace tracelink
