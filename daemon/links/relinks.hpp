#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/file_system.hpp"
#include "daemon/base/result.hpp"
#include "daemon/types/ids.hpp"

namespace tracelink {

// An operator's decision: traces kept under `from` and accepted before it belong to `to`.
struct Relink {
  LinkHash from;
  LinkHash to;
  WallTime at{};
  std::uint64_t before_sequence = 0;  // of the queue; 0: not known, `at` has to do
  bool operator==(const Relink&) const = default;
};

// Every such decision, in order, on record in state_dir/models/relinks.json: records keep the link
// that they were accepted with, and get another one here when they are read.
//
// Durability: a relink is on stable storage when add() returns success; after an error it does not
// hold for this process, and a restart may find it or not. Threads: one.
class Relinks {
 public:
  // It knows of no decision, and add() fails, until load() succeeds. What was accepted before must
  // not be delivered so long.
  Relinks(FileSystem& fs, std::filesystem::path file) : fs_(fs), file_(std::move(file)) {}
  // A damaged file is set aside, and take_notices() says so. Error: `io`, call it again later.
  Result<void> load();

  Result<void> add(const Relink& relink);
  // What the link of an accepted record stands for now. Each decision made after that counts once,
  // in their order: chains end where the last one leads, and a later one may undo an earlier one.
  // What was made before what is told by sequences, whatever the wall clock was set to.
  struct Acceptance {
    std::uint64_t sequence = 0;  // 0: not known, `at` has to do
    WallTime at{};
  };
  LinkHash resolve(LinkHash link, const Acceptance& accepted) const;

  const std::vector<Relink>& all() const { return relinks_; }
  // What an operator should know of the file, once.
  std::vector<std::string> take_notices() { return std::exchange(notices_, {}); }

 private:
  FileSystem& fs_;
  const std::filesystem::path file_;
  bool known_ = false;
  std::vector<Relink> relinks_;
  std::vector<std::string> notices_;
};

}  // namespace tracelink
