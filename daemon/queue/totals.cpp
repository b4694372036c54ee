#include "daemon/queue/totals.hpp"

namespace tracelink {

Totals& Totals::operator+=(const Totals& other) {
  accepted += other.accepted;
  delivered += other.delivered;
  dead_lettered += other.dead_lettered;
  duplicate += other.duplicate;
  dropped_policy += other.dropped_policy;
  dropped_age += other.dropped_age;
  dropped_removed += other.dropped_removed;
  damaged += other.damaged;
  replayed += other.replayed;
  return *this;
}

std::uint64_t Totals::queued() const {
  return accepted - delivered - dead_lettered - duplicate - dropped_policy - dropped_age -
         dropped_removed - damaged;
}

void Totals::add_stored(std::uint64_t all, std::uint64_t of_them_replayed) {
  accepted += all - of_them_replayed;
  dead_lettered -= of_them_replayed;
  replayed += of_them_replayed;
}

Balance& Balance::operator+=(const Balance& other) {
  spans += other.spans;
  changes += other.changes;
  return *this;
}

}  // namespace tracelink
