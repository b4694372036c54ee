#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "daemon/base/file_system.hpp"
#include "daemon/queue/quarantine.hpp"
#include "daemon/types/ids.hpp"
#include "daemon/types/link_definition.hpp"

namespace tracelink {

// The link definitions, one file each in models/links/, named by their hash. The segments hold
// further copies; learn() brings one back from there.
//
// Memory: every definition (a few hundred bytes each; their number is bounded by who names them).
// Threads: any.
class LinkStore {
 public:
  LinkStore(FileSystem& fs, std::filesystem::path directory, Quarantine& quarantine);

  // Loads what is there; damaged files are set aside. Error: `io`.
  Result<void> open();

  // Durable when it returns success.
  Result<LinkHash> remember(const LinkDefinition& link);
  // The same for a stored form found in a segment, if it is one.
  Result<void> learn(std::string_view encoded);

  Result<LinkDefinition> find(const LinkHash& hash) const;  // `invalid` if unknown
  std::map<LinkHash, LinkDefinition> all() const;
  // The stored form; null if unknown.
  std::shared_ptr<const std::string> encoded(const LinkHash& hash) const;

 private:
  Result<void> load(const std::string& name);
  Result<void> store(const LinkHash& hash, std::string encoded);

  FileSystem& fs_;
  const std::filesystem::path directory_;
  Quarantine& quarantine_;
  mutable std::mutex mutex_;
  std::unordered_map<LinkHash, std::shared_ptr<const std::string>, IdHash> links_;
};

}  // namespace tracelink
