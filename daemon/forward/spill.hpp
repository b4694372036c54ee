#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>

#include "daemon/base/clock.hpp"
#include "daemon/base/random_source.hpp"
#include "daemon/forward/backlog.hpp"
#include "daemon/forward/scope_key.hpp"
#include "daemon/forward/trace_id_filter.hpp"
#include "daemon/forward/trace_work.hpp"
#include "daemon/queue/record_source.hpp"

namespace tracelink {

// What was forgotten here and is unread in the queue, so that reading goes on past it: traces that
// are held beyond the bound of memory, and traces of groups that flood the window. Later traces of
// the same scope or group are spilled when they come, and so are later parts of a spilled trace
// whatever their group is, so that the parts of a trace stay in order.
//
// A rescan reads them again, in slices, so that what is new is read in between. A general rescan
// (a scope was released, there is room, an hour passed) is for everything; otherwise a rescan is
// for the floods of which little is left in memory, and ends when they are filled up.
//
// Memory: a mark for each scope and group, bounded, and filters of a fixed size. Threads: one.
// Lifetime: the references outlive this object.
class Spill {
 public:
  struct Room {
    bool window = true;              // another record that was spilled may be read
    bool for_held = true;            // so little is held that what was spilled may come back
    std::size_t window_records = 0;  // the whole window
  };

  Spill(RecordSource& source, const Clock& clock, RandomSource& random);

  // What reading came to.
  void note_read(const StoredRecord& stored);
  void note_end();  // nothing is left to read

  // A record that was spilled is back; of this group, as far as it tells.
  void note_back(const GroupKey& group);

  // Of a trace of which a record that was spilled is back: what lies before that is spilled still,
  // so that the record is, too, by put(). Asked when it is read, since another rescan, which has
  // not come so far, may begin while it waits in assembly.
  bool follows(const TraceId& id) const;
  bool may_have(const TraceId& id) const;  // a part of the trace
  // A trace left assembly. True: it is spilled too, by put().
  bool keeps(const TraceWork& work) const;
  void put(const TraceWork& work);

  // A trace leaves memory because its `scope` is held. The scope `server` stands for any other
  // reason; later traces do not follow it then.
  void put_held(const TraceWork& work, const ScopeKey& scope);
  // A trace leaves memory because its group floods the window.
  void put_flood(const TraceWork& work);
  bool may_flood(const GroupKey& group) const;  // the number of marks is bounded
  // A scope of which nothing is known any more needs no mark of its own.
  template <class IsForgotten>
  void drop_marks_of(IsForgotten is_forgotten);

  // Begins, goes on with, or pauses a rescan. `scope_released`: a scope was released since the last
  // call.
  void advance(const Backlog& backlog, Room room, bool scope_released);
  // advance() would begin one, or go on with it.
  bool has_work(const Backlog& backlog, const Room& room) const;

  bool is_scanning() const { return scanning_; }  // what is read next was spilled

  bool empty() const { return held_.empty() && floods_.empty() && !has_others_; }
  // At least as many as traces.
  std::size_t records() const { return records_; }
  std::size_t records_of(const ScopeKey& scope) const;

 private:
  struct Mark {
    std::size_t records = 0;
    std::optional<Position> first;  // the oldest that was spilled, but for what lies behind cursor_
    bool open = false;              // what a rescan reads of it may come in
  };

  // The first mark of the group that is `wanted`: of its link, its experiment, its flood.
  template <class Self, class Wanted>
  static auto find_mark(Self& self, const GroupKey& group, Wanted wanted)
      -> decltype(&self.others_);
  bool may_follow_held(const TraceId& id) const;
  void remember(TraceIdFilter& ids, TraceIdFilter& new_ids, const TraceWork& work);
  void remember_flood(const TraceWork& work);
  void spill(Mark& mark, const TraceWork& work);
  Position oldest(const Mark& mark) const;
  template <class Visit>
  void for_each_mark(Visit visit);

  std::size_t quota(const Room& room) const;
  void close_full_floods(const Backlog& backlog, const Room& room);
  bool has_more_slices() const { return unfinished_ && general_; }
  bool general_is_due(const Room& room) const;
  bool is_full(const GroupKey& group, const Backlog& backlog, const Room& room) const;
  bool is_low(const GroupKey& group, const Backlog& backlog, const Room& room) const;
  std::optional<Position> wanted_by_floods(const Backlog& backlog, const Room& room);
  void begin(Position from, bool general);
  void go_on();
  void stop_scanning();
  void pause();
  void end();

  RecordSource& source_;
  const Clock& clock_;
  std::map<ScopeKey, Mark> held_;
  std::map<GroupKey, Mark> floods_;
  Mark others_;
  bool has_others_ = false;  // until a rescan has found none
  std::size_t records_ = 0;
  // Of what is spilled. The second ones: since a general rescan began.
  TraceIdFilter held_ids_, newly_held_ids_, flood_ids_, newly_flood_ids_;
  // Of floods: the traces with their groups, and those of more than one group. A rescan for some of
  // the floods leaves these to a general one, or a later part could come before an earlier one.
  TraceIdFilter flood_parts_, mixed_ids_;
  TraceIdFilter passed_ids_;  // of what was spilled since the last rescan began

  bool scope_released_ = false;
  bool scanning_ = false;    // next() gives what was spilled
  bool general_ = false;     // the last rescan was, or is
  bool unfinished_ = false;  // it has not come to the end yet
  Position cursor_;          // how far it came
  std::size_t slice_left_ = 0;
  std::size_t new_left_ = 0;  // records to be read between two slices
  SteadyTime slice_began_{};
  SteadyTime::duration general_took_{};  // reading, of the last general one
  std::optional<SteadyTime> general_ended_;
  SteadyTime latest_general_ = SteadyTime::max();
};

template <class IsForgotten>
void Spill::drop_marks_of(IsForgotten is_forgotten) {
  for (auto at = held_.begin(); at != held_.end();) {
    const auto mark = at++;
    if (!is_forgotten(mark->first)) continue;
    others_.records += mark->second.records;
    has_others_ = true;
    const Position first = oldest(mark->second);
    others_.first = std::min(others_.first.value_or(first), first);
    held_.erase(mark);
  }
}

}  // namespace tracelink
