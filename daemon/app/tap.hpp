#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/mutex.hpp"
#include "daemon/types/record.hpp"

namespace tracelink {

// What was accepted lately, or delivered, for those who watch it (`tracelink tap`).
//
// One bounded list for all of them, which ask for what is new: whoever asks too late is told how
// much is gone, and nobody waits for anybody. While nobody has asked for ten seconds nothing is
// kept. Memory: 1,000 entries, 4 MiB of spans; an entry with more than 256 KiB is kept without.
// Threads: any.
class Tap {
 public:
  struct Entry {
    std::uint64_t number = 0;  // from 1
    WallTime at{};
    LinkHash link;
    TraceId trace_id;
    std::uint32_t spans = 0;
    std::optional<Peer> peer;             // who sent it, if that is still known
    std::optional<WallTime> accepted_at;  // of what is delivered
    std::string otlp;                     // empty: too large
  };
  struct View {
    std::vector<std::shared_ptr<const Entry>> entries;  // at most 100, or about 1 MiB
    std::uint64_t next = 0;                             // the last number of these, to ask from
    std::uint64_t lost = 0;                             // entries before them that are gone
  };

  explicit Tap(const Clock& clock) : clock_(clock) {}

  struct Batch {
    std::size_t count = 0;
    std::vector<Entry> entries;  // as many, or none while nobody watches
  };
  // These take no lock.
  bool is_watched() const;
  Batch batch_of(const std::vector<Record>& records) const;
  static std::string kept_spans(const std::string& otlp);

  void add(Batch batch);

  // What came after that number; nothing to begin with what comes from now on. Keeps the list
  // alive.
  View after(std::optional<std::uint64_t> number);

 private:
  std::uint64_t first_number() const REQUIRES(mutex_) { return last_ - entries_.size() + 1; }

  const Clock& clock_;
  std::atomic<SteadyTime::rep> watched_until_{0};
  Mutex mutex_;
  std::deque<std::shared_ptr<const Entry>> entries_ GUARDED_BY(mutex_);
  std::size_t bytes_ GUARDED_BY(mutex_) = 0;  // of their spans
  std::uint64_t last_ GUARDED_BY(mutex_) = 0;
};

}  // namespace tracelink
