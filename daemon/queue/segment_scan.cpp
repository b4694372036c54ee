#include "daemon/queue/segment_scan.hpp"

#include <algorithm>

namespace tracelink {
namespace {

class Scan {
 public:
  Scan(SegmentReader& reader, std::uint64_t end,
       const std::function<void(std::string_view)>& on_link)
      : reader_(reader), end_(end), on_link_(on_link) {}

  SegmentContent run() {
    read_first_sequence();
    std::uint64_t offset = kSegmentHeaderBytes;
    while (offset < end_) {
      const auto record = reader_.read(offset, end_);
      if (record) {
        take(*record, offset);
        offset = record->next_offset;
      } else {
        skip_gap(offset);
      }
    }
    for (auto& gap : content_.gaps) gap.torn = gap.begin >= durable_mark_;
    return std::move(content_);
  }

 private:
  void read_first_sequence() {
    const auto header = decode_segment_header(reader_.raw_bytes(0, kSegmentHeaderBytes));
    if (header) content_.next_sequence = header->first_sequence;
  }

  // The tail behind the last valid record is no gap: nothing after it says that it was durable.
  void skip_gap(std::uint64_t& offset) {
    const auto next = reader_.find_record(offset + 1, end_);
    if (next < end_) {
      const auto record = reader_.read(next, end_);
      // The sequence before the first gap is unknown only if the segment's header is damaged too.
      const auto expected = content_.next_sequence;
      content_.gaps.push_back({.begin = offset,
                               .end = next,
                               .spans = record->header.spans_before - content_.spans_end,
                               .records = expected == 0 ? 1 : record->header.sequence - expected});
    }
    offset = next;
  }

  void take(const RawRecord& record, std::uint64_t offset) {
    const auto& header = record.header;
    durable_mark_ = std::max(durable_mark_, header.durable_end);
    content_.end = record.next_offset;
    content_.next_sequence = header.sequence;
    content_.spans_end = header.spans_before;
    if (header.type == RecordType::link) on_link_(record.body);
    if (header.type == RecordType::footer) content_.closed = true;
    if (header.type != RecordType::spans) return;
    count(record, offset);
  }

  void count(const RawRecord& record, std::uint64_t offset) {
    const auto decoded = decode_record(record.body);
    const std::uint64_t spans = decoded ? decoded->slice.span_count : 0;
    auto& counts = content_.counts;
    if (counts.records++ == 0 && decoded) counts.first_accepted_at = decoded->accepted_at;
    counts.spans += spans;
    if ((record.header.flags & kFlagReplayed) != 0) counts.replayed_spans += spans;
    counts.record_bytes += record.next_offset - offset;
    content_.next_sequence = record.header.sequence + 1;
    content_.spans_end = record.header.spans_before + spans;
  }

  SegmentReader& reader_;
  const std::uint64_t end_;
  const std::function<void(std::string_view)>& on_link_;
  SegmentContent content_;
  std::uint64_t durable_mark_ = 0;
};

}  // namespace

std::optional<SegmentContent> read_footer(SegmentReader& reader, std::uint64_t file_bytes) {
  if (file_bytes < kSegmentHeaderBytes + kFooterBytes) return std::nullopt;
  const auto offset = file_bytes - kFooterBytes;
  const auto record = reader.read(offset, file_bytes);
  if (!record || record->header.type != RecordType::footer) return std::nullopt;
  const auto counts = decode_footer(record->body);
  if (!counts || record->header.durable_end != offset) return std::nullopt;
  return SegmentContent{.header = std::nullopt,
                        .counts = *counts,
                        .end = offset,
                        .next_sequence = record->header.sequence,
                        .spans_end = record->header.spans_before,
                        .closed = true,
                        .gaps = {}};
}

SegmentContent scan_segment(SegmentReader& reader, std::uint64_t end,
                            const std::function<void(std::string_view)>& on_link) {
  return Scan(reader, end, on_link).run();
}

}  // namespace tracelink
