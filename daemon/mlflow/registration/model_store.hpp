#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/base/file_system.hpp"
#include "daemon/base/held_files.hpp"
#include "daemon/types/ids.hpp"

namespace tracelink {

// What is remembered of one link's registration between runs.
struct StoredRegistration {
  std::string instance;  // our tag on models that we create; empty before the first create
  std::string model_id;  // empty until resolved
  std::string name, experiment_id, experiment_name;

  bool operator==(const StoredRegistration&) const = default;
};

// The files models/<link hash>.json, each replaced as a whole (README.md has the format).
// Threads: one. Errors: io, no_space.
class ModelStore {
 public:
  ModelStore(FileSystem& fs, std::filesystem::path directory);

  struct Loaded {
    std::map<LinkHash, StoredRegistration> registrations;
    std::vector<std::string> damaged;  // names; renamed to "<name>.damaged" and not used
  };
  // Creates the directory if it is missing. A file that cannot be read is held, and not replaced as
  // long as that is so: save() then succeeds without it, since the server has what it would say.
  Result<Loaded> load(HeldFiles* held = nullptr);
  // Durable when it returns.
  Result<void> save(const LinkHash& link, const StoredRegistration& registration);
  Result<void> remove(const LinkHash& link);

 private:
  std::filesystem::path path(const LinkHash& link) const;
  bool is_unreadable(const std::filesystem::path& path) const;

  FileSystem& fs_;
  std::filesystem::path directory_;
  std::set<LinkHash> unread_;
  bool unlisted_ = false;
};

std::string encode_registration(const StoredRegistration& registration);
std::optional<StoredRegistration> decode_registration(const std::string& text);

}  // namespace tracelink
