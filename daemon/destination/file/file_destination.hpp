#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/file_system.hpp"
#include "daemon/destination/destination.hpp"
#include "daemon/destination/file/day_file.hpp"
#include "daemon/destination/finished_batches.hpp"
#include "daemon/types/link_definition.hpp"

namespace tracelink {

// Traces as OTLP JSON lines, one file a UTC day (traces-<day>.jsonl). Each line is a TracesData
// object with one key more, `tracelink`: {"link": {"name"|"id", "version", "model"},
// "accepted_at"}; "model" is the name or id that the traces would be found by.
//
// Delivered means synced. A crash before the journal knows repeats lines. At the bound of the
// directory everything is held until an operator makes room: nothing is deleted.
// Threads: the forwarder's, except wakeup(). Lifetime: `fs` and `clock` outlive this object.
class FileDestination final : public Destination {
 public:
  struct Options {
    std::filesystem::path directory;
    std::uint64_t max_bytes = 1u << 30;
  };
  // Waits at most so long, or until it is woken: what poll() does when nothing is due.
  class Waiter;

  FileDestination(Options options, FileSystem& fs, LinkLookup lookup, const Clock& clock);
  ~FileDestination() override;

  std::optional<Failure> refusal(const LinkHash& link, const std::string& experiment) override;
  std::vector<LinkHash> take_changed_links() override { return {}; }
  void deliver(std::vector<TraceDelivery> batch, Done done) override;
  void poll(std::chrono::milliseconds timeout) override;
  void wakeup() override;
  void cancel() override;
  ServerStatus server() const override { return {}; }

 private:
  Outcome add_line(const TraceDelivery& delivery, std::string& lines) const;
  Failure failed(const Error& error);
  Result<void> write(const std::string& lines);
  Result<std::uint64_t> directory_bytes() const;

  const Options options_;
  FileSystem& fs_;
  const LinkLookup lookup_;
  const Clock& clock_;
  std::unique_ptr<Waiter> waiter_;
  std::string day_;
  std::unique_ptr<DayFile> file_;  // of day_; null: to be opened
  std::uint64_t bytes_ = 0;        // of all files; known while file_ is
  std::optional<Failure> full_;
  SteadyTime look_again_ = SteadyTime::min();  // for room
  FinishedBatches finished_;
};

}  // namespace tracelink
