#include "daemon/forward/trace_reader.hpp"

#include <utility>

namespace tracelink {

namespace {

// As much of it as is spilled.
TraceWork work_of(const StoredRecord& stored, GroupKey group) {
  TraceWork work;
  work.trace_id = stored.record.slice.trace_id;
  work.group = std::move(group);
  work.sequence = stored.sequence;
  work.again = stored.again;
  work.parts.push_back({.position = stored.position});
  return work;
}

}  // namespace

TraceReader::TraceReader(Options options, Parts parts)
    : parts_(parts),
      max_waiting_records_(options.waiting_records),
      links_(std::move(options.links), parts.source, parts.reporter, parts.clock),
      assembly_(options.assembly, parts.clock) {}

TraceReader::Read TraceReader::read() {
  auto next = parts_.source.next();
  if (!next) return failed(next.error());
  if (!*next) {
    parts_.spill.note_end();
    if (!parts_.dead_letter_writer.knows_all() && !parts_.source.holds_files())
      parts_.dead_letter_writer.all_read();
    parts_.ledger.set_read_up_to(parts_.clock.steady());
    return Read::nothing_left;
  }
  StoredRecord& stored = **next;
  parts_.spill.note_read(stored);
  if (parts_.dead_letter_writer.complete_if_dead_lettered(stored)) return Read::record;
  if (stored.earlier && !stored.again && on_earlier_) on_earlier_(stored.record.slice);
  const auto link = links_.decide(stored.record.link, stored.record.slice.otlp);
  if (!link || parts_.dead_letter_writer.waits_for_letter(stored)) {
    put_off(stored);
    return Read::record;
  }
  stored.record.link = *link;
  assemble(std::move(stored));
  parts_.ledger.set_read_up_to(assembly_.read_up_to());
  return Read::record;
}

TraceReader::Read TraceReader::failed(const Error& error) {
  parts_.reporter.failure("queue", error.message, "");
  // What is corrupt was stepped over and counted.
  return error.code == ErrorCode::corrupt ? Read::record : Read::later;
}

// It stays in the queue, and is read again after a while.
void TraceReader::put_off(const StoredRecord& stored) {
  const TraceWork work = work_of(stored, {stored.record.link, stored.record.experiment});
  if (stored.again) parts_.spill.note_back(work.group);
  parts_.spill.put_held(work, {});
}

void TraceReader::assemble(StoredRecord stored) {
  Record& record = stored.record;
  const TraceId& id = record.slice.trace_id;
  const Relinks::Acceptance accepted{stored.accepted_sequence(), record.accepted_at};
  record.link = parts_.relinks.resolve(record.link, accepted);
  // The new part may bring a link that the trace can be sent with; a change brings none.
  const bool may_link = record.slice.change.empty();
  if (auto waiting = may_link ? parts_.unlinked.take(id) : std::nullopt)
    assembly_.put_back(*std::move(waiting));
  // A trace may be held for long, and what comes for it would fill the window of all.
  if (assembly_.is_busy(id) && assembly_.waiting_records() >= max_waiting_records_) {
    return put_off(stored);
  }
  const auto fixed = parts_.ledger.recent(id);
  const LinkHash first = assembly_.accepted_link(id, stored.sequence).value_or(record.link);
  const LinkHash base = fixed ? fixed->link : first;
  if (links_.is_unread(base)) return put_off(stored);
  const LinkChoice choice = choose(record.slice.otlp, record.slice.info, base, accepted);
  if (stored.again) {
    const GroupKey group{choice.link, record.experiment};
    parts_.spill.note_back(group);
    if (parts_.spill.follows(id)) return parts_.spill.put(work_of(stored, group));
  }
  assembly_.add(stored, fixed, choice);
}

LinkChoice TraceReader::choose(std::string_view traces_data, std::string_view info,
                               const LinkHash& base, const Relinks::Acceptance& accepted) {
  LinkChoice choice = links_.choose(traces_data, info, base);
  const LinkHash link = parts_.relinks.resolve(choice.link, accepted);
  if (link == choice.link) return choice;
  choice.link = link;  // also in place of one that could not be had
  choice.obstacle = LinkObstacle::none;
  return choice;
}

void TraceReader::choose_again(TraceWork& work, const Payloads& payloads) {
  const Relinks::Acceptance accepted{work.accepted_sequence, work.accepted_at};
  const auto& slices = payloads.slices;
  LinkChoice strongest = choose(slices.front(), payloads.info, work.accepted_link, accepted);
  for (std::size_t i = 1; i < slices.size(); ++i) {
    const LinkChoice choice = choose(slices[i], {}, work.accepted_link, accepted);
    if (choice.rank > strongest.rank) strongest = choice;
  }
  work.group.link = strongest.link;
  work.link_rank = strongest.rank;
  work.link_obstacle = strongest.obstacle;
}

}  // namespace tracelink
