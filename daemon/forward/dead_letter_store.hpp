#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/file_system.hpp"
#include "daemon/forward/withdrawal.hpp"
#include "daemon/mlflow/failure.hpp"
#include "daemon/types/ids.hpp"
#include "daemon/types/record.hpp"

namespace tracelink {

// Spans that the server refused for good, with what is needed to understand and to replay them.
struct DeadLetter {
  TraceId trace_id;
  std::uint64_t segment_id = 0, offset = 0;  // of the trace's first record: names the letter
  std::uint32_t spans = 0;
  std::string reason;
  Failure answer;
  std::string model;       // the name or id that the link asks for
  LinkHash link;           // names the definition in models/links/
  std::string experiment;  // asked for by the client, or empty
  WallTime accepted_at{};
  std::string service;
  Peer peer;
  std::string otlp;  // TracesData bytes

  // <yyyymmddThhmmss>-<trace id>-<segment>-<offset>: the same after a crash, so that writing it
  // again replaces it.
  std::string id() const;
};

// One JSON file a dead letter, for people and for replay: the facts on the first line, the spans as
// OTLP JSON under the key `otlp` on the second. While it is being taken out the file is called
// <id>.replaying-<total> or <id>.removing-<total>.
//
// Durability: what a call changed is on stable storage when it returns success.
// Threads: any. Bounded: `max_bytes` of files.
class DeadLetterStore {
 public:
  // Error: `io`.
  static Result<std::unique_ptr<DeadLetterStore>> open(FileSystem& fs,
                                                       std::filesystem::path directory,
                                                       std::uint64_t max_bytes);

  // `no_space` at the bound; `io`.
  Result<void> write(const DeadLetter& letter);

  // A JSON array of all letters without their spans, oldest first; a file that cannot be read is an
  // entry with its `id` and a `reason` that says so.
  Result<std::string> list_json() const;
  // The whole letter as JSON. `invalid` if there is none of this id.
  Result<std::string> read_json(const std::string& id) const;

  // The letter is not listed any more. `invalid` if there is none of this id, or if another
  // withdrawal is not settled. After an `io` error it is under way all the same.
  Result<void> begin(const Withdrawal& withdrawal);
  std::optional<Withdrawal> under_way() const;
  // These three: only while one is under way. After an error it still is.
  Result<std::string> read_under_way() const;
  Result<void> finish();   // the letter is gone
  Result<void> give_up();  // the letter is back

  // A letter of an earlier run whose record is not done in the journal: a crash came in between,
  // and what becomes of the record is decided anew. False: there is none.
  Result<bool> retract(std::uint64_t segment_id, std::uint64_t offset);

  std::uint64_t bytes() const;
  std::size_t count() const;

 private:
  DeadLetterStore(FileSystem& fs, std::filesystem::path directory, std::uint64_t max_bytes)
      : fs_(fs), directory_(std::move(directory)), max_bytes_(max_bytes) {}
  Result<void> load();
  void load_file(const std::string& name, std::uint64_t bytes);
  std::string facts(const std::string& id) const;
  std::filesystem::path path_under_way() const;
  std::filesystem::path path(const std::string& id) const { return directory_ / (id + ".json"); }

  FileSystem& fs_;
  const std::filesystem::path directory_;
  const std::uint64_t max_bytes_;
  mutable std::mutex mutex_;
  std::map<std::string, std::uint64_t> sizes_;               // by id
  std::map<std::string, std::string, std::less<>> earlier_;  // ids of earlier runs, by place
  std::optional<Withdrawal> under_way_;
  std::uint64_t bytes_under_way_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace tracelink
