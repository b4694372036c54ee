#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "daemon/codec/link_codec.hpp"
#include "daemon/queue/record_source.hpp"

namespace tracelink {

// A queue in memory. Fails the test when a record is completed twice, before it was read, or with
// terms that do not add up. Threads: one.
class FakeSource final : public RecordSource {
 public:
  struct Totals {
    std::uint64_t accepted = 0, delivered = 0, dead_lettered = 0, duplicate = 0, queued = 0;
    std::uint64_t damaged = 0;
    bool operator==(const Totals&) const = default;
  };

  Position append(Record record) {
    const Position position{1, records_.size()};
    const std::uint32_t changes = record.slice.change.empty() ? 0 : 1;
    records_.push_back({{.position = position,
                         .sequence = records_.size() + 1,
                         .record = std::move(record),
                         .changes = changes},
                        {}});
    return position;
  }

  // Back from the dead letters.
  Position append_replayed(Record record) {
    const Position position = append(std::move(record));
    records_.back().stored.replayed = true;
    return position;
  }

  // A new process on the same disk: reading starts with what is not completed. After a crash, what
  // was completed since the last sync_journal() is not.
  void restart(bool crash = false) {
    next_ = read_up_to_ = 0;
    left_.clear();
    for (Entry& entry : records_) {
      entry.read = entry.spilled = false;
      if (crash && !entry.durable) entry.completion.reset();
      entry.durable = entry.completion.has_value();
    }
  }

  // What lies here now is of an earlier process.
  void begin() {
    for (Entry& entry : records_) entry.stored.earlier = true;
  }

  // The next calls of next() give these errors; `corrupt` ones take no record with them.
  void fail_next(Error error) { next_failures_.push_back(std::move(error)); }
  void fail_reads(bool fail) { reads_fail_ = fail; }
  void fail_reads_of(Position position, bool fail = true) {
    records_.at(position.offset).unreadable = fail;
  }
  // The record is found damaged, and counted, when it is read again.
  void lose(Position position) { records_.at(position.offset).lost = true; }
  // While it is hidden, its file cannot be read: next() passes over it.
  void hide(Position position, bool hidden) { records_.at(position.offset).hidden = hidden; }
  void fail_notes(bool fail) { notes_fail_ = fail; }
  void fail_journal(bool fail) { journal_fails_ = fail; }

  Totals totals() const { return totals_of(false); }
  Totals change_totals() const { return totals_of(true); }
  Totals totals_of(bool changes) const {
    Totals totals;
    for (const Entry& entry : records_) {
      if ((entry.stored.changes > 0) != changes) continue;
      const std::uint32_t count = entry.stored.record.slice.span_count + entry.stored.changes;
      totals.accepted += count;
      if (entry.lost) totals.damaged += count;
      if (!entry.completion && !entry.lost) totals.queued += count;
      if (!entry.completion) continue;
      totals.delivered += entry.completion->delivered;
      totals.dead_lettered += entry.completion->dead_lettered;
      totals.duplicate += entry.completion->duplicate;
    }
    return totals;
  }
  std::optional<Completion> completion(Position position) const {
    return records_.at(position.offset).completion;
  }
  const std::vector<TraceNote>& notes() const { return notes_; }
  std::size_t unsynced() const {
    std::size_t count = 0;
    for (const Entry& entry : records_) count += entry.completion && !entry.durable ? 1 : 0;
    return count;
  }
  std::uint64_t external_bytes() const { return external_bytes_; }
  std::size_t journal_syncs() const { return journal_syncs_; }

  Result<std::optional<StoredRecord>> next() override {
    if (!next_failures_.empty()) {
      Error error = std::move(next_failures_.front());
      next_failures_.pop_front();
      return error;
    }
    const auto left =
        std::ranges::find_if(left_, [this](std::size_t at) { return !records_[at].hidden; });
    if (left != left_.end()) return give(records_[*left]);
    const auto is_done = [](const Entry& entry) { return entry.completion || entry.lost; };
    const auto is_known = [&] { return next_ < read_up_to_ && records_[next_].read; };
    for (; next_ < records_.size(); ++next_) {
      Entry& entry = records_[next_];
      if (is_done(entry) || is_known()) continue;
      if (!entry.hidden) break;
      missed_spilled_ |= entry.spilled;
      if (!entry.spilled) left_.insert(next_);
    }
    read_up_to_ = std::max(read_up_to_, next_);
    if (next_ == records_.size()) return std::optional<StoredRecord>();
    Entry& entry = records_[next_++];
    read_up_to_ = std::max(read_up_to_, next_);
    return give(entry);
  }
  Result<StoredRecord> read(Position position) const override {
    const Entry& entry = records_.at(position.offset);
    if (reads_fail_ || entry.unreadable) return Error{ErrorCode::io, "the disk fails"};
    if (entry.lost) {
      entry.found_lost = true;
      return Error{ErrorCode::corrupt, "damaged"};
    }
    EXPECT_TRUE(entry.read && !entry.completion) << "offset " << position.offset;
    return entry.stored;
  }
  void spill(Position position) override {
    Entry& entry = records_.at(position.offset);
    EXPECT_TRUE(entry.read && !entry.completion) << "offset " << position.offset;
    EXPECT_FALSE(entry.found_lost) << "spilled though damaged: offset " << position.offset;
    entry.read = false;
    entry.spilled = true;
    ++set_aside_;
  }
  void rescan(Position from) override {
    next_ = from.offset;
    missed_spilled_ = false;
    ++rescans_;
  }
  bool is_rescanning() const override { return next_ < read_up_to_; }
  bool missed_spilled() const override { return missed_spilled_; }
  void end_rescan() override { next_ = read_up_to_; }
  std::uint64_t next_sequence() const override { return records_.size() + 1; }
  bool knows_files() const override { return knows_files_; }
  void set_knows_files(bool knows) { knows_files_ = knows; }
  std::size_t spilled_records() const { return set_aside_; }  // ever
  std::size_t rescans() const { return rescans_; }
  // Given out and neither completed nor spilled.
  std::size_t in_flight() const {
    return static_cast<std::size_t>(std::ranges::count_if(records_, [](const Entry& entry) {
      return entry.read && !entry.completion && !entry.lost;
    }));
  }
  void complete(const Completion& completion) override {
    Entry& entry = records_.at(completion.position.offset);
    EXPECT_TRUE(entry.read) << "completed unread: offset " << completion.position.offset;
    EXPECT_FALSE(entry.completion) << "completed twice: offset " << completion.position.offset;
    EXPECT_FALSE(entry.lost) << "completed though damaged: offset " << completion.position.offset;
    EXPECT_EQ(completion.delivered + completion.dead_lettered + completion.duplicate,
              entry.stored.record.slice.span_count + entry.stored.changes);
    entry.completion = completion;
  }
  Result<void> note(const std::vector<TraceNote>& notes) override {
    if (notes_fail_) return Error{ErrorCode::io, "the notes cannot be written"};
    notes_.insert(notes_.end(), notes.begin(), notes.end());
    return {};
  }
  std::vector<TraceNote> recent_notes() const override { return notes_; }
  std::uint64_t note_loads() const override { return note_loads_; }
  // Of an earlier process, in a file that could not be read until now.
  void find_note(const TraceNote& note) {
    notes_.insert(notes_.begin(), note);
    ++note_loads_;
  }
  // From now on the hash stands for this definition.
  LinkHash define(const LinkDefinition& link) {
    const LinkHash hash = hash_link(encode_link(link));
    links_[hash] = link;
    return hash;
  }
  bool knows(const LinkHash& hash) const { return links_.contains(hash); }

  // The definition is in a file that cannot be read.
  void hide_link(const LinkHash& hash, bool hidden) {
    if (hidden) {
      hidden_links_.insert(hash);
    } else {
      hidden_links_.erase(hash);
    }
  }

  Result<LinkDefinition> link(const LinkHash& hash) const override {
    if (hidden_links_.contains(hash)) return Error{ErrorCode::io, "the link cannot be read"};
    if (const auto found = links_.find(hash); found != links_.end()) return found->second;
    LinkDefinition link;
    link.name = std::string("model-") + static_cast<char>(hash.bytes[0]);
    return link;
  }
  Result<LinkHash> remember_link(const LinkDefinition& link) override {
    if (notes_fail_) return Error{ErrorCode::io, "the link cannot be written"};
    return define(link);
  }
  std::vector<LinkHash> links_named_by_traces() const override {
    std::vector<LinkHash> named;
    for (const auto& [hash, link] : links_) {
      if (link.named_by_trace) named.push_back(hash);
    }
    return named;
  }
  Result<void> forget_link(const LinkHash& hash) override {
    if (notes_fail_) return Error{ErrorCode::io, "the file cannot be removed"};
    links_.erase(hash);
    return {};
  }
  Result<void> sync_journal() override {
    if (journal_fails_) return Error{ErrorCode::io, "the journal cannot be written"};
    ++journal_syncs_;
    for (Entry& entry : records_) entry.durable = entry.completion.has_value();
    return {};
  }
  void set_external_bytes(std::uint64_t bytes) override { external_bytes_ = bytes; }
  bool holds_files() const override { return false; }
  std::uint64_t files_read_late() const override { return files_read_late_; }
  void note_file_read_late() { ++files_read_late_; }

 private:
  struct Entry {
    StoredRecord stored;
    std::optional<Completion> completion;
    bool durable = false;  // the completion
    bool read = false;     // by this process
    bool lost = false;
    mutable bool found_lost = false;  // by read(): it is not in flight any more
    bool spilled = false;             // and not read since
    bool hidden = false;
    bool unreadable = false;
  };

  std::optional<StoredRecord> give(Entry& entry) {
    EXPECT_FALSE(entry.read) << "a record is given out twice";
    entry.stored.again = entry.spilled;
    entry.read = true;
    entry.spilled = false;
    left_.erase(entry.stored.position.offset);
    return entry.stored;
  }

  std::vector<Entry> records_;
  std::size_t next_ = 0;
  std::size_t read_up_to_ = 0;
  std::size_t set_aside_ = 0;
  std::size_t rescans_ = 0;
  bool missed_spilled_ = false;
  std::set<std::size_t> left_;  // passed over by next() before they were ever read
  std::deque<Error> next_failures_;
  bool reads_fail_ = false;
  bool knows_files_ = true;
  std::map<LinkHash, LinkDefinition> links_;
  std::set<LinkHash> hidden_links_;
  std::vector<TraceNote> notes_;
  std::uint64_t note_loads_ = 0;
  std::uint64_t files_read_late_ = 0;
  bool notes_fail_ = false;
  bool journal_fails_ = false;
  std::uint64_t external_bytes_ = 0;
  std::size_t journal_syncs_ = 0;
};

}  // namespace tracelink
