#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/file_system.hpp"
#include "daemon/base/result.hpp"
#include "daemon/types/ids.hpp"

namespace tracelink {

// One fact about a trace whose spans are sent to an append-only table.
struct SentEntry {
  enum class Kind : std::uint8_t {
    sending = 1,       // a request with so many of its spans goes out now
    acknowledged = 2,  // these spans are stored
    refused = 3,       // the spans of the request before are not stored
    forgotten = 4,     // the trace is done
  };
  Kind kind = Kind::sending;
  TraceId trace;
  std::uint32_t spans = 0;       // sending
  std::vector<SpanId> ids = {};  // acknowledged
  bool operator==(const SentEntry&) const = default;
};

// What SentSpans knows, in a file (docs/queue-format.md#sent-spans), so that a daemon that is
// killed does not send again what was acknowledged.
//
// A file that is not there means that nothing is known. So one that cannot be written any more is
// removed, and delivery goes on: a full disk must not keep the queue from becoming empty.
// Threads: one. Lifetime: `fs` and `clock` outlive this object.
class SentJournal {
 public:
  SentJournal(FileSystem& fs, std::filesystem::path path, const Clock& clock);

  // Every entry that is whole, the oldest first. Before the other calls, until it succeeds; `io`:
  // what the file has is not known yet.
  Result<std::vector<SentEntry>> open();
  // Of what was accepted later, everything is known.
  WallTime complete_since() const { return complete_since_; }

  // Durable when it returns success. After an error rewrite() is the only way on.
  Result<void> append(std::span<const SentEntry> entries);
  // As append(), but survives the process alone, not the machine.
  Result<void> append_lazily(std::span<const SentEntry> entries);
  // The file holds these and nothing else, durably. After an error there is none.
  Result<void> rewrite(std::span<const SentEntry> entries);
  // 0: there is no file.
  std::uint64_t bytes() const { return file_ ? bytes_ : 0; }

 private:
  void give_up();

  FileSystem& fs_;
  const std::filesystem::path path_;
  const Clock& clock_;
  WallTime complete_since_;
  std::unique_ptr<File> file_;  // null: to be written anew
  std::uint64_t bytes_ = 0;
};

}  // namespace tracelink
