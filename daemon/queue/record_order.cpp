#include "daemon/queue/record_order.hpp"

namespace tracelink {
namespace {

// What the smallest span needs of an OTLP message: its two ids.
constexpr std::uint64_t kMinSpanBytes = 24;
// Of the oldest version, whose header is the smallest.
constexpr std::uint64_t kMinRecordBytes = 40 + kEnvelopeBytes;

}  // namespace

bool RecordOrder::is_followed_by(const RecordHeader& header, std::uint64_t offset) const {
  return allows_behind_gap(header, offset, 0);
}

bool RecordOrder::allows_behind_gap(const RecordHeader& header, std::uint64_t offset,
                                    std::uint64_t gap_bytes) const {
  if (header.durable_end > offset || header.durable_end < durable_end) return false;
  // Less than before makes a difference beyond every bound: the numbers are unsigned.
  if (header.spans_before - spans_before > gap_bytes / kMinSpanBytes) return false;
  if (header.changes_before - changes_before > gap_bytes / kMinRecordBytes) return false;
  return sequence == 0 || header.sequence - sequence <= gap_bytes / kMinRecordBytes;
}

void RecordOrder::advance(const RecordHeader& header) {
  sequence = header.sequence + (is_accepted(header.type) ? 1 : 0);
  spans_before = header.spans_before + header.spans;
  changes_before = header.changes_before + header.changes;
  durable_end = header.durable_end;
}

}  // namespace tracelink
