#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/dead_letters/dead_letter_store.hpp"
#include "daemon/queue/queue.hpp"

namespace tracelink {

// Takes dead letters out again: back into the queue, or away. Every span and every change stays
// counted once, whatever fails or crashes in between:
//
//   1. the delivery journal is synced: the spans are dead-lettered for good
//   2. the letter's file gets a name that says what is done and what total the queue will have then
//   3. the queue counts it: the replayed record, or the removal in the checkpoint, is durable
//   4. the file is deleted
//
// The queue's total tells whether 3 was done: a replay that was not is given up, a removal is
// carried on. One letter at a time, else the totals would not tell.
//
// Threads: one at a time, and never while a letter is being written. Blocks for disk operations.
// Lifetime: the references outlive this object.
class DeadLetterCommands {
 public:
  DeadLetterCommands(DeadLetterStore& store, Queue& queue, const Clock& clock)
      : store_(store), queue_(queue), clock_(clock) {}

  // The store knows its letters from now on: what they take counts against the queue's bound, and
  // what was left unfinished is finished. After an error finish_withdrawal() does that; so it does
  // where all letters are to be read, for which no start waits (`unavailable`).
  Result<void> take_up_letters();
  // What was left unfinished; the commands do it themselves. `unavailable`: what tells how far it
  // went, or what the letter stands for, is not known yet.
  Result<void> finish_withdrawal();

  // `unavailable`, of both: the letter is of a run that crashed, whose records are being read; or
  // files of the queue cannot be read, so that its totals are not known; or the folder could not be
  // read yet, so that it is not known whether another letter is being taken out.
  //
  // The trace is queued again, with its link, experiment, sender and time of acceptance. `invalid`:
  // there is no such letter, or it does not hold what it counts; `no_space`, `timeout`: no room in
  // the queue now; after these the letter is as before. `io`, `closed`: finished later.
  Result<void> replay(const std::string& id);
  // What it counts is dropped for ever; of a letter whose count is damaged what no other counts.
  // `invalid`: there is no such letter; `io`: finished later.
  Result<void> remove(const std::string& id);

 private:
  bool needs_all_letters() const;
  bool is_counted(const Withdrawal& withdrawal) const;
  Result<void> check_known() const;
  Result<void> check_totals() const;
  Result<DeadLetter> read(const std::string& id) const;
  enum class As { replayed, accepted };
  Result<void> append(std::vector<Record> records, As as);
  Result<void> replay_uncounted(const std::string& id, std::vector<Record> records, As as);
  // `counts`: what the letter under way counts, if that is known; all letters may be read else.
  Result<void> finish_withdrawal(const std::optional<LetterCounts>& counts);
  Result<void> count_removed(const std::optional<LetterCounts>& known);
  Result<LetterCounts> counts_under_way();
  std::optional<LetterCounts> counts_by_itself(const std::string& id,
                                               const std::string& text) const;
  Result<LetterCounts> counts_to_remove(const std::string& id, const std::string& text);
  Result<void> sync_journal();  // with which the letters of this run are finished

  DeadLetterStore& store_;
  Queue& queue_;
  const Clock& clock_;
};

}  // namespace tracelink
