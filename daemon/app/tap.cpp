#include "daemon/app/tap.hpp"

#include <algorithm>
#include <utility>

namespace tracelink {
namespace {

constexpr std::chrono::seconds kWatched{10};
constexpr std::size_t kMostEntries = 1000;
constexpr std::size_t kMostBytes = 4u << 20;
constexpr std::size_t kLargestEntry = 256u << 10;
constexpr std::size_t kEntriesAtOnce = 100;
constexpr std::size_t kBytesAtOnce = 1u << 20;

}  // namespace

bool Tap::is_watched() const { return clock_.steady().time_since_epoch().count() < watched_until_; }

std::string Tap::kept_spans(const std::string& otlp) {
  return otlp.size() <= kLargestEntry ? otlp : std::string();
}

Tap::Batch Tap::batch_of(const std::vector<Record>& records) const {
  Batch batch{.count = records.size(), .entries = {}};
  if (!is_watched()) return batch;
  for (const Record& record : records) {
    batch.entries.push_back({.number = 0,
                             .at = record.accepted_at,
                             .link = record.link,
                             .trace_id = record.slice.trace_id,
                             .spans = record.slice.span_count,
                             .peer = record.peer,
                             .accepted_at = std::nullopt,
                             .otlp = kept_spans(record.slice.otlp)});
  }
  return batch;
}

void Tap::add(Batch batch) {
  if (batch.count == 0) return;
  const MutexLock lock(mutex_);
  if (batch.entries.empty()) {  // who watches again is told how many there were
    last_ += batch.count;
    entries_.clear();
    bytes_ = 0;
  }
  for (Entry& entry : batch.entries) {
    entry.number = ++last_;
    bytes_ += entry.otlp.size();
    entries_.push_back(std::make_shared<const Entry>(std::move(entry)));
  }
  while (entries_.size() > kMostEntries || bytes_ > kMostBytes) {
    bytes_ -= entries_.front()->otlp.size();
    entries_.pop_front();
  }
}

Tap::View Tap::after(std::optional<std::uint64_t> number) {
  watched_until_ = (clock_.steady() + kWatched).time_since_epoch().count();
  const MutexLock lock(mutex_);
  View view;
  view.next = last_;
  if (!number) return view;
  // A number beyond the last one is of a process before this.
  const std::uint64_t seen = *number > last_ ? 0 : *number;
  const std::uint64_t first = std::max(seen + 1, first_number());
  view.lost = first - seen - 1;
  view.next = first - 1;
  std::size_t bytes = 0;
  for (std::size_t i = first - first_number(); i < entries_.size(); ++i) {
    bytes += entries_[i]->otlp.size();
    const bool is_full = view.entries.size() == kEntriesAtOnce || bytes > kBytesAtOnce;
    if (is_full && !view.entries.empty()) break;
    view.entries.push_back(entries_[i]);
    view.next = entries_[i]->number;
  }
  return view;
}

}  // namespace tracelink
