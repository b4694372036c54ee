#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "daemon/base/result.hpp"
#include "daemon/queue/queue.hpp"

namespace tracelink {

// Where the forwarder takes records from and says what became of them: the reading half of Queue,
// whose contracts the functions of the same names have. A fake of it makes the delivery loop
// testable without a disk. Threads: the forwarder's.
class RecordSource {
 public:
  virtual ~RecordSource() = default;

  virtual Result<std::optional<StoredRecord>> next() = 0;
  virtual Result<StoredRecord> read(Position position) const = 0;
  virtual void set_aside(Position position) = 0;
  virtual void look_back(Position from) = 0;
  virtual void look_ahead() = 0;
  virtual std::uint64_t next_sequence() const = 0;
  virtual void complete(const Completion& completion) = 0;
  virtual Result<void> note(const std::vector<TraceNote>& notes) = 0;
  virtual std::vector<TraceNote> recent_notes() const = 0;
  virtual Result<LinkDefinition> link(const LinkHash& hash) const = 0;
  virtual Result<LinkHash> remember_link(const LinkDefinition& link) = 0;
  virtual std::vector<LinkHash> links_named_by_traces() const = 0;
  virtual Result<void> forget_link(const LinkHash& hash) = 0;
  virtual Result<void> sync_journal() = 0;
  virtual void set_external_bytes(std::uint64_t bytes) = 0;
  // Files cannot be read now, so that next() may still give what was stored before.
  virtual bool holds_files() const { return false; }
};

}  // namespace tracelink
