#include "daemon/dead_letters/dead_letter_commands.hpp"

#include <algorithm>
#include <future>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "daemon/codec/split_request.hpp"
#include "daemon/dead_letters/dead_letter_json.hpp"
#include "daemon/mlflow/rest/client_trace_info.hpp"
#include "daemon/mlflow/rest/trace_change.hpp"

namespace tracelink {

namespace {

Record record_of(const DeadLetter& letter, TraceSlice slice) {
  return {.accepted_at = letter.accepted_at,
          .peer = letter.peer,
          .link = letter.link,
          .experiment = letter.experiment,
          .slice = std::move(slice)};
}

Result<Record> spans_of(const DeadLetter& letter) {
  const SplitLimits limits{.max_bytes = std::numeric_limits<std::size_t>::max(),
                           .max_items = std::numeric_limits<std::size_t>::max()};
  auto split = split_request(letter.otlp, limits);
  if (!split) return std::move(split).error();
  const bool as_counted = split->slices.size() == 1 && split->rejected.empty() &&
                          split->slices.front().trace_id == letter.trace_id &&
                          split->slices.front().span_count == letter.spans;
  if (!as_counted) {
    return Error{ErrorCode::invalid, "it does not hold the " + std::to_string(letter.spans) +
                                         " spans of trace " + letter.trace_id.hex() +
                                         " that it counts"};
  }
  return record_of(letter, std::move(split->slices.front()));
}

Result<Record> info_of(const DeadLetter& letter) {
  auto info = read_start_trace(R"({"trace":{"trace_info":)" + letter.info + "}}");
  if (!info) return std::move(info).error();
  if (info->trace_id != letter.trace_id) {
    return Error{ErrorCode::invalid, "its trace_info is of another trace"};
  }
  return record_of(letter, client_info_slice(*std::move(info)));
}

Result<Record> change_of(const DeadLetter& letter) {
  auto change = stored_trace_change(letter.trace_id, letter.change);
  if (!change) return std::move(change).error();
  return record_of(letter, trace_change_slice(*change));
}

// The records of a letter, which an operator may have changed.
Result<std::vector<Record>> records_of(const DeadLetter& letter) {
  std::vector<Record> records;
  if (letter.spans > 0) {
    auto spans = spans_of(letter);
    if (!spans) return std::move(spans).error();
    records.push_back(*std::move(spans));
  }
  if (!letter.info.empty()) {
    auto info = info_of(letter);
    if (!info) return std::move(info).error();
    records.push_back(*std::move(info));
  }
  if (!letter.change.empty()) {
    auto change = change_of(letter);
    if (!change) return std::move(change).error();
    records.push_back(*std::move(change));
  }
  return records;
}

}  // namespace

Result<DeadLetter> DeadLetterCommands::read(const std::string& id) const {
  if (DeadLetterStore::is_damaged(id)) {
    return Error{ErrorCode::invalid, damaged_letter("the dead letter " + id)};
  }
  const auto text = store_.read_json(id);
  if (!text) return text.error();
  auto letter = read_dead_letter(*text);
  if (!letter) return std::move(letter).error().within("dead letter " + id);
  return letter;
}

Result<void> DeadLetterCommands::finish_pending() {
  const auto withdrawal = store_.under_way();
  if (!withdrawal) return {};
  const QueueStats stats = queue_.stats();
  // Whether it was counted shows in totals that may be too small now.
  if (!stats.totals_known) {
    return Error{ErrorCode::unavailable, "files of the queue cannot be read: see tracelink status"};
  }
  const bool is_replay = withdrawal->kind == Withdrawal::Kind::replay;
  const bool counted = withdrawal->total == (is_replay ? stats.replayed : stats.dropped_removed);
  Result<void> finished;
  if (counted) {
    finished = store_.finish();
  } else if (is_replay) {
    finished = store_.give_up();
  } else {
    finished = count_removed();
    if (finished) finished = store_.finish();
  }
  queue_.set_external_bytes(store_.bytes());
  return finished;
}

Result<void> DeadLetterCommands::sync_journal() {
  if (auto synced = queue_.sync_journal(); !synced) return synced;
  return store_.finish_pending(false);
}

Result<void> DeadLetterCommands::count_removed() {
  const auto text = store_.read_under_way();
  if (!text) return text.error();
  const auto spans = spans_to_remove(store_.under_way()->id, *text);
  if (!spans) return spans.error();
  return queue_.count_removed_dead_letters(*spans);
}

// A damaged letter is not believed: what the journals have as dead-lettered, and no other letter
// counts, is all that it can stand for.
Result<std::uint64_t> DeadLetterCommands::spans_to_remove(const std::string& id,
                                                          const std::string& text) const {
  if (!DeadLetterStore::is_damaged(id)) {
    if (const auto spans = dead_letter_spans(text)) return std::uint64_t{*spans};
  }
  const QueueStats stats = queue_.stats();
  if (store_.has_pending() || !stats.totals_known) {
    return Error{
        ErrorCode::unavailable,
        "what it stands for is known once the records of the last run are read; try again"};
  }
  const auto others = store_.spans_beside(id);
  if (!others) return others.error();
  return stats.dead_lettered - std::min(stats.dead_lettered, *others);
}

Result<void> DeadLetterCommands::replay(const std::string& id) {
  if (auto finished = finish_pending(); !finished) return finished;
  const auto letter = read(id);
  if (!letter) return letter.error();
  auto records = records_of(*letter);
  if (!records) return std::move(records).error().within("dead letter " + id);
  if (auto synced = sync_journal(); !synced) return synced;
  if (letter->spans == 0) return replay_uncounted(id, *std::move(records));
  const std::uint64_t total = queue_.stats().replayed + letter->spans;
  auto done = store_.begin({id, Withdrawal::Kind::replay, total});
  if (done) done = append(*std::move(records));
  const auto finished = finish_pending();
  return done ? finished : done;
}

// The totals do not tell whether it was queued, and to queue it twice does no harm: so it is queued
// before the letter goes.
Result<void> DeadLetterCommands::replay_uncounted(const std::string& id,
                                                  std::vector<Record> records) {
  if (auto queued = append(std::move(records)); !queued) return queued;
  const std::uint64_t total = queue_.stats().replayed;
  if (auto begun = store_.begin({id, Withdrawal::Kind::replay, total}); !begun) return begun;
  return finish_pending();
}

// Waits for the disk only: with a full queue the answer is no.
Result<void> DeadLetterCommands::append(std::vector<Record> records) {
  const auto promise = std::make_shared<std::promise<Result<void>>>();
  auto answer = promise->get_future();
  queue_.append_replayed(std::move(records), clock_.steady(),
                         [promise](Result<void> result) { promise->set_value(std::move(result)); });
  return answer.get();
}

Result<void> DeadLetterCommands::remove(const std::string& id) {
  if (auto finished = finish_pending(); !finished) return finished;
  const auto text = store_.read_json(id);
  if (!text) return text.error();
  if (auto synced = sync_journal(); !synced) return synced;
  auto spans = spans_to_remove(id, *text);
  if (!spans) return std::move(spans).error().within("dead letter " + id);
  const std::uint64_t total = queue_.stats().dropped_removed + *spans;
  auto begun = store_.begin({id, Withdrawal::Kind::removal, total});
  if (!begun) return begun;
  return finish_pending();
}

}  // namespace tracelink
