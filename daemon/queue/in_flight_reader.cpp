#include "daemon/queue/in_flight_reader.hpp"

#include <utility>

namespace tracelink {

Result<StoredRecord> InFlightReader::read(Position position) {
  while (true) {
    InFlight known;
    std::uint64_t place = 0;
    std::uint64_t id = 0;
    std::uint64_t end = 0;
    {
      const auto state = core_.state.lock();
      const auto found = state->in_flight.find(position);
      if (found == state->in_flight.end()) {
        return Error{ErrorCode::invalid, "the record is not in flight any more"};
      }
      known = found->second;
      const auto segment = state->holder_of(position.segment_id);
      place = segment->place;
      id = segment->id;
      end = segment->end;
    }
    auto stored = read_at(position, known, place, id, end);
    if (stored || !was_moved(position, id)) return stored;
  }
}

bool InFlightReader::was_moved(Position position, std::uint64_t from) const {
  const auto state = core_.state.lock();
  return state->in_flight.contains(position) && state->holder_of(position.segment_id)->id != from;
}

Result<StoredRecord> InFlightReader::read_at(Position position, const InFlight& known,
                                             std::uint64_t place, std::uint64_t id,
                                             std::uint64_t end) {
  const auto path = core_.paths.segment(id);
  if (!reader_ || reader_->segment_id() != id || reader_->failure()) {
    auto reader = store_.open(place);
    if (!reader) {
      if (store_.has_vanished(place, id))
        return count_lost(position, id, std::move(reader).error());
      core_.state.lock()->hold_segment({place, known.offset}, id, StateFile::segment, path.string(),
                                       reader.error());
      return std::move(reader).error();
    }
    reader_ = *std::move(reader);
    if (reader_->segment_id() != id) return Error{ErrorCode::io, "the record is being moved"};
  }
  auto raw = reader_->read(known.offset, end);
  auto record = raw ? decode_record(raw->header.type, raw->body) : Result<Record>(raw.error());
  if (record) {
    core_.state.lock()->note_readable({place, raw->next_offset}, id);
    return StoredRecord{
        .position = position, .sequence = known.sequence, .record = *std::move(record)};
  }
  if (const auto& failure = reader_->failure()) {
    core_.state.lock()->hold_segment({place, known.offset}, id, StateFile::segment, path.string(),
                                     *failure);
    return *failure;
  }
  keep_damaged(place, id, {.begin = known.offset, .end = known.offset + known.bytes});
  return count_lost(position, id, std::move(record).error());
}

void InFlightReader::keep_damaged(std::uint64_t place, std::uint64_t id, const Gap& gap) {
  std::shared_ptr<Segment> segment;
  {
    const auto state = core_.state.lock();
    segment = state->find(place, id);
    if (!segment) return;
    segment->uncopied.push_back(gap);
  }
  (void)store_.copy_damaged(segment);
}

Error InFlightReader::count_lost(Position position, std::uint64_t id, Error cause) {
  core_.state.lock()->count_damage(position, id);
  cause.code = ErrorCode::corrupt;
  return cause;
}

}  // namespace tracelink
