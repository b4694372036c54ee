#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/file_system.hpp"
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
  LinkHash link;           // as accepted: names the definition in models/links/
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
// OTLP JSON under the key `otlp` on the second.
//
// Durability: a letter is on stable storage when write() returns success.
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

  std::uint64_t bytes() const;
  std::size_t count() const;

 private:
  DeadLetterStore(FileSystem& fs, std::filesystem::path directory, std::uint64_t max_bytes)
      : fs_(fs), directory_(std::move(directory)), max_bytes_(max_bytes) {}
  Result<void> load();
  std::string facts(const std::string& id) const;
  std::filesystem::path path(const std::string& id) const { return directory_ / (id + ".json"); }

  FileSystem& fs_;
  const std::filesystem::path directory_;
  const std::uint64_t max_bytes_;
  mutable std::mutex mutex_;
  std::map<std::string, std::uint64_t> sizes_;  // by id
  std::uint64_t bytes_ = 0;
};

}  // namespace tracelink
