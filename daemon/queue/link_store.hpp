#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/base/file_system.hpp"
#include "daemon/base/held_files.hpp"
#include "daemon/base/mutex.hpp"
#include "daemon/queue/disk_reserve.hpp"
#include "daemon/queue/quarantine.hpp"
#include "daemon/types/ids.hpp"
#include "daemon/types/link_definition.hpp"

namespace tracelink {

// The link definitions, one file each in models/links/, named by their hash. The segments hold
// further copies; learn() brings one back from there.
//
// Memory: every definition (a few hundred bytes each; whoever names them bounds their number).
// Threads: any. Looking a definition up never waits for the disk: the thread that serves all
// clients
//          does it for each request.
class LinkStore {
 public:
  LinkStore(FileSystem& fs, std::filesystem::path directory, Quarantine& quarantine,
            HeldFiles& held, DiskReserve& reserve);

  // Loads what is there. Damaged files are set aside, those that cannot be read are held; files of
  // other names are not ours. Error: `io`, the directory cannot be listed.
  Result<void> open();

  // Durable when it returns success; the reserve's room may be used. A definition that traces
  // named leaves that room alone: while it cannot be written it is used without its file, which is
  // tried again. The traces name it after a restart as well; of those that are sent by then, the
  // notes have it.
  Result<LinkHash> remember(const LinkDefinition& link);
  // The same for a definition that its owner knows after a restart as well: what cannot be stored
  // now is used all the same, and tried again. Every segment that refers to it holds a copy.
  LinkHash adopt(const LinkDefinition& link);
  // For a stored form found in a segment, if it is one. Known from now on; a file that cannot be
  // written now is tried again.
  void learn(std::string_view encoded);

  // `invalid` if unknown, `io` if it could be in a file that cannot be read.
  Result<LinkDefinition> find(const LinkHash& hash) const;
  std::map<LinkHash, LinkDefinition> all() const;
  // Those with `named_by_trace`; they, and no others, can be forgotten.
  std::vector<LinkHash> named_by_traces() const;
  Result<void> forget(const LinkHash& hash);
  // The stored form; null if unknown.
  std::shared_ptr<const std::string> encoded(const LinkHash& hash) const;
  // The same; null as well if its file has it.
  std::shared_ptr<const std::string> without_file(const LinkHash& hash) const;

 private:
  Result<void> load(const std::string& name);
  // `spare`: only that which bookkeeping does not need, else `no_space`.
  enum class Room { any, spare };
  Result<void> store(const LinkHash& hash, const std::string& encoded, Room room);
  Result<void> write(const LinkHash& hash, const std::string& encoded, Room room);
  // Known from now on; its file is tried again until it is there.
  void use_without_file(const LinkHash& hash, const std::string& encoded, const Error& error,
                        Room room);
  bool may_be_held(const LinkHash& hash) const;

  FileSystem& fs_;
  const std::filesystem::path directory_;
  Quarantine& quarantine_;
  HeldFiles& held_;
  DiskReserve& reserve_;
  Mutex writing_;  // one change of the files at a time; taken before mutex_
  mutable Mutex mutex_;
  std::unordered_map<LinkHash, std::shared_ptr<const std::string>, IdHash> links_
      GUARDED_BY(mutex_);
};

}  // namespace tracelink
