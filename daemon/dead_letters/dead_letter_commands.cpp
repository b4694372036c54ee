#include "daemon/dead_letters/dead_letter_commands.hpp"

#include <algorithm>
#include <future>
#include <limits>
#include <memory>
#include <optional>
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
          .slice = std::move(slice),
          .accepted_sequence = letter.accepted_sequence};
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
  auto info = read_kept_info(letter.info);
  if (!info) return std::move(info).error();
  if (info->trace_id != letter.trace_id) {
    return Error{ErrorCode::invalid, "its trace_info is of another trace"};
  }
  return record_of(letter, client_info_slice(*std::move(info)));
}

std::uint64_t replayed(const QueueStats& stats) { return stats.replayed + stats.changes.replayed; }
std::uint64_t removed(const QueueStats& stats) {
  return stats.dropped_removed + stats.changes.dropped_removed;
}

Result<Record> change_of(const DeadLetter& letter) {
  // One that was refused before changes were counted is alone in its letter.
  const bool as_counted = letter.changes == 1 || (letter.changes == 0 && letter.spans == 0);
  if (!as_counted) return Error{ErrorCode::invalid, "it does not count the one change that it has"};
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
  if (!letter.change.empty() || letter.changes > 0) {
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
  auto counts = proved_letter_counts(*text);
  if (!counts) return std::move(counts).error().within("dead letter " + id);
  return letter;
}

Result<void> DeadLetterCommands::check_known() const {
  if (auto known = store_.check_known(); !known) return known;
  return check_totals();
}

// Whether a withdrawal was counted shows in the totals, which may be too small now.
Result<void> DeadLetterCommands::check_totals() const {
  if (queue_.stats().totals_known) return {};
  return Error{ErrorCode::unavailable, "files of the queue cannot be read: see tracelink status"};
}

Result<void> DeadLetterCommands::take_up_letters() {
  queue_.set_external_bytes(store_.bytes());
  if (needs_all_letters()) {
    return Error{ErrorCode::unavailable,
                 "it is being removed, and to count it all other letters are read first"};
  }
  return finish_withdrawal();
}

// To finish what is under way.
bool DeadLetterCommands::needs_all_letters() const {
  const auto withdrawal = store_.under_way();
  if (!withdrawal || withdrawal->kind == Withdrawal::Kind::replay) return false;
  if (is_counted(*withdrawal)) return false;
  const auto text = store_.read_under_way();
  return text && !counts_by_itself(withdrawal->id, *text);
}

// Certain while the totals are known.
bool DeadLetterCommands::is_counted(const Withdrawal& withdrawal) const {
  const QueueStats stats = queue_.stats();
  const bool is_replay = withdrawal.kind == Withdrawal::Kind::replay;
  return withdrawal.total == (is_replay ? replayed(stats) : removed(stats));
}

Result<void> DeadLetterCommands::finish_withdrawal() { return finish_withdrawal(std::nullopt); }

Result<void> DeadLetterCommands::finish_withdrawal(const std::optional<LetterCounts>& counts) {
  const auto withdrawal = store_.under_way();
  if (!withdrawal) return {};
  if (auto known = check_totals(); !known) return known;
  Result<void> finished;
  if (is_counted(*withdrawal)) {
    finished = store_.finish();
  } else if (withdrawal->kind == Withdrawal::Kind::replay) {
    finished = store_.give_up();
  } else {
    finished = count_removed(counts);
    if (finished) finished = store_.finish();
  }
  queue_.set_external_bytes(store_.bytes());
  return finished;
}

Result<void> DeadLetterCommands::sync_journal() {
  if (auto synced = queue_.sync_journal(); !synced) return synced;
  return store_.finish_pending(false);
}

Result<void> DeadLetterCommands::count_removed(const std::optional<LetterCounts>& known) {
  const auto counts = known ? Result<LetterCounts>(*known) : counts_under_way();
  if (!counts) return counts.error();
  return queue_.count_removed_dead_letters(counts->spans, counts->changes);
}

Result<LetterCounts> DeadLetterCommands::counts_under_way() {
  const auto text = store_.read_under_way();
  if (!text) return text.error();
  return counts_to_remove(store_.under_way()->id, *text);
}

// What its own text proves, and the journals have.
std::optional<LetterCounts> DeadLetterCommands::counts_by_itself(const std::string& id,
                                                                 const std::string& text) const {
  if (DeadLetterStore::is_damaged(id)) return std::nullopt;
  const auto counts = proved_letter_counts(text);
  if (!counts) return std::nullopt;
  const QueueStats stats = queue_.stats();
  const bool is_there =
      counts->spans <= stats.dead_lettered && counts->changes <= stats.changes.dead_lettered;
  return is_there ? std::optional(*counts) : std::nullopt;
}

// A damaged letter is not believed: what the journals have as dead-lettered, and no other letter
// counts, is all that it can stand for.
Result<LetterCounts> DeadLetterCommands::counts_to_remove(const std::string& id,
                                                          const std::string& text) {
  if (const auto counts = counts_by_itself(id, text)) return *counts;
  // Else letters that are written all the time could keep it waiting.
  if (auto synced = sync_journal(); !synced) return std::move(synced).error();
  if (store_.has_pending()) {
    return Error{
        ErrorCode::unavailable,
        "what it stands for is known once the records of the last run are read; try again"};
  }
  const QueueStats stats = queue_.stats();
  const auto others = store_.counts_beside(id);
  if (!others) return others.error();
  const auto in_no_other = [](std::uint64_t all, std::uint64_t others_have) {
    return all - std::min(all, others_have);
  };
  return LetterCounts{.spans = in_no_other(stats.dead_lettered, others->spans),
                      .changes = in_no_other(stats.changes.dead_lettered, others->changes)};
}

Result<void> DeadLetterCommands::replay(const std::string& id) {
  if (auto known = check_known(); !known) return known;
  if (auto finished = finish_withdrawal(); !finished) return finished;
  const auto letter = read(id);
  if (!letter) return letter.error();
  auto records = records_of(*letter);
  if (!records) return std::move(records).error().within("dead letter " + id);
  if (auto synced = sync_journal(); !synced) return synced;
  if (letter->spans + letter->changes == 0) {
    // A change that was dead-lettered before changes were counted is counted from now on.
    const As as = letter->change.empty() ? As::replayed : As::accepted;
    return replay_uncounted(id, *std::move(records), as);
  }
  const std::uint64_t total = replayed(queue_.stats()) + letter->spans + letter->changes;
  auto done = store_.begin({id, Withdrawal::Kind::replay, total});
  if (done) done = append(*std::move(records), As::replayed);
  const auto finished = finish_withdrawal();
  return done ? finished : done;
}

// The totals do not tell whether it was queued, and to queue it twice does no harm: so it is queued
// before the letter goes.
Result<void> DeadLetterCommands::replay_uncounted(const std::string& id,
                                                  std::vector<Record> records, As as) {
  if (auto queued = append(std::move(records), as); !queued) return queued;
  const std::uint64_t total = replayed(queue_.stats());
  if (auto begun = store_.begin({id, Withdrawal::Kind::replay, total}); !begun) return begun;
  return finish_withdrawal();
}

// Waits for the disk only: with a full queue the answer is no.
Result<void> DeadLetterCommands::append(std::vector<Record> records, As as) {
  const auto promise = std::make_shared<std::promise<Result<void>>>();
  auto answer = promise->get_future();
  Queue::AppendDone done = [promise](Result<void> result) {
    promise->set_value(std::move(result));
  };
  if (as == As::replayed) {
    queue_.append_replayed(std::move(records), clock_.steady(), std::move(done));
  } else {
    queue_.append(std::move(records), clock_.steady(), std::move(done));
  }
  return answer.get();
}

Result<void> DeadLetterCommands::remove(const std::string& id) {
  if (auto known = check_known(); !known) return known;
  if (auto finished = finish_withdrawal(); !finished) return finished;
  const auto text = store_.read_json(id);
  if (!text) return text.error();
  if (auto synced = sync_journal(); !synced) return synced;
  auto counts = counts_to_remove(id, *text);
  if (!counts) return std::move(counts).error().within("dead letter " + id);
  const std::uint64_t total = removed(queue_.stats()) + counts->spans + counts->changes;
  auto begun = store_.begin({id, Withdrawal::Kind::removal, total});
  if (!begun) return begun;
  return finish_withdrawal(*counts);
}

}  // namespace tracelink
