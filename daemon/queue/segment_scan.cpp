#include "daemon/queue/segment_scan.hpp"

#include <utility>

namespace tracelink {
namespace {

RecordOrder order_at_start(const SegmentOrigin& origin) {
  return {.sequence = origin.header ? origin.header->first_sequence : 0,
          .spans_before = 0,
          .changes_before = 0,
          .durable_end = origin.key.first_record()};
}

class Scan {
 public:
  Scan(SegmentReader& reader, const SegmentOrigin& origin, std::uint64_t end,
       const std::function<void(std::string_view)>& on_link)
      : reader_(reader), end_(end), on_link_(on_link), order_(order_at_start(origin)) {
    content_.origin = origin;
    content_.end = reader.first_record();
  }

  SegmentContent run() {
    auto offset = reader_.first_record();
    while (offset < end_ && !reader_.failure()) {
      const auto record = reader_.read(offset, end_);
      if (record && order_.is_followed_by(record->header, offset)) {
        take(*record);
        offset = record->next_offset;
      } else {
        skip_gap(offset);
      }
    }
    for (auto& gap : content_.gaps) gap.torn = gap.begin >= order_.durable_end;
    content_.next_sequence = order_.sequence;
    content_.spans_end = order_.spans_before;
    content_.changes_end = order_.changes_before;
    return std::move(content_);
  }

 private:
  // The tail behind the last valid record is no gap: nothing after it says that it was durable.
  void skip_gap(std::uint64_t& offset) {
    const auto begin = std::exchange(offset, reader_.find_record(offset, end_, order_));
    if (offset >= end_) return;
    const auto record = reader_.read(offset, end_);
    if (!record) return;
    // The sequence before the first gap is unknown only if the segment's header is damaged too.
    content_.gaps.push_back(
        {.begin = begin,
         .end = offset,
         .spans = record->header.spans_before - order_.spans_before,
         .changes = record->header.changes_before - order_.changes_before,
         .records = order_.sequence == 0 ? 1 : record->header.sequence - order_.sequence});
    take(*record);
    offset = record->next_offset;
  }

  void take(const RawRecord& record) {
    order_.advance(record.header);
    content_.end = record.next_offset;
    if (record.header.type == RecordType::link) on_link_(record.body);
    if (record.header.type == RecordType::footer) content_.closed = true;
    if (is_accepted(record.header.type)) count(record);
  }

  void count(const RawRecord& record) {
    content_.counts.add(record.header, envelope_accepted_at(record.body),
                        record.next_offset - record.offset);
  }

  SegmentReader& reader_;
  const std::uint64_t end_;
  const std::function<void(std::string_view)>& on_link_;
  SegmentContent content_;
  RecordOrder order_;
};

// The order that a footer at `offset` has to follow; nothing if it names a wrong last record.
std::optional<RecordOrder> order_before_footer(SegmentReader& reader, const SegmentOrigin& origin,
                                               const SegmentFooter& footer, std::uint64_t offset) {
  auto order = order_at_start(origin);
  if (footer.last_record == 0 && offset == reader.first_record()) return order;
  if (footer.last_record >= offset) return std::nullopt;
  const auto last = reader.header_at(footer.last_record, offset);
  if (!last || reader.behind(*last, footer.last_record) != offset) return std::nullopt;
  order.advance(*last);
  return order;
}

bool counts_are_possible(const SegmentCounts& counts, const RecordOrder& order,
                         const SegmentHeader& header, std::uint64_t record_space) {
  return counts.records == order.sequence - header.first_sequence &&
         counts.spans == order.spans_before && counts.replayed_spans <= counts.spans &&
         counts.changes == order.changes_before && counts.replayed_changes <= counts.changes &&
         counts.record_bytes <= record_space;
}

}  // namespace

std::optional<SegmentContent> read_footer(SegmentReader& reader, const SegmentOrigin& origin,
                                          std::uint64_t file_bytes) {
  if (!origin.header || origin.key.version == 1) return std::nullopt;
  if (file_bytes < reader.first_record() + kFooterBytes) return std::nullopt;
  const auto offset = file_bytes - kFooterBytes;
  const auto record = reader.read(offset, file_bytes);
  if (!record || record->header.type != RecordType::footer) return std::nullopt;
  const auto header = record->header;
  const auto footer = decode_footer(record->body);
  if (!footer || header.durable_end != offset) return std::nullopt;
  const auto order = order_before_footer(reader, origin, *footer, offset);
  if (!order || !order->is_followed_by(header, offset)) return std::nullopt;
  if (!counts_are_possible(footer->counts, *order, *origin.header,
                           offset - reader.first_record())) {
    return std::nullopt;
  }
  return SegmentContent{.origin = origin,
                        .counts = footer->counts,
                        .end = offset,
                        .next_sequence = order->sequence,
                        .spans_end = order->spans_before,
                        .changes_end = order->changes_before,
                        .closed = true,
                        .gaps = {}};
}

SegmentContent scan_segment(SegmentReader& reader, const SegmentOrigin& origin, std::uint64_t end,
                            const std::function<void(std::string_view)>& on_link) {
  return Scan(reader, origin, end, on_link).run();
}

}  // namespace tracelink
