#include "daemon/queue/segment_writer.hpp"

namespace tracelink {

SegmentWriter::SegmentWriter(std::unique_ptr<File> file, const SegmentHeader& header,
                             SegmentCapacity capacity)
    : file_(std::move(file)),
      header_(header),
      capacity_(capacity),
      key_(header.key()),
      next_sequence_(header.first_sequence) {}

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::create(FileSystem& fs,
                                                             const std::filesystem::path& path,
                                                             const SegmentHeader& header,
                                                             SegmentCapacity capacity) {
  auto file = fs.create(path);
  if (!file) return std::move(file).error();
  const auto bytes = encode_segment_header(header);
  const std::string_view pieces[] = {bytes};
  auto done = (*file)->preallocate(capacity.bytes);
  if (done) done = (*file)->append(pieces);
  if (done) done = (*file)->sync();
  if (done) done = fs.sync_directory(path.parent_path());
  if (!done) {
    // Recovery finds it empty and deletes it if this does not.
    (void)fs.remove(path).has_value();
    return std::move(done).error();
  }
  return std::unique_ptr<SegmentWriter>(new SegmentWriter(*std::move(file), header, capacity));
}

bool SegmentWriter::fits(std::uint64_t bytes, std::uint64_t records) const {
  return staged_end_ + bytes + kFooterBytes <= capacity_.bytes &&
         staged_counts_.records + records <= capacity_.records;
}

void SegmentWriter::stage_record(RecordHeader header, std::string_view head,
                                 std::string_view tail) {
  header.sequence = next_sequence_;
  header.spans_before = staged_counts_.spans;
  header.changes_before = staged_counts_.changes;
  header.durable_end = durable_end_;
  append_record_head(staged_, header, head, tail, key_, staged_end_);
  if (!tail.empty()) tails_.push_back({staged_.size(), tail});
  const auto body_bytes = head.size() + tail.size();
  staged_.append(record_padding(body_bytes), '\0');
  last_record_ = staged_end_;
  staged_end_ += stored_bytes(body_bytes);
}

void SegmentWriter::stage_link(const LinkHash& hash, std::string_view encoded) {
  if (links_.insert(hash).second) stage_record({.type = RecordType::link}, encoded, {});
}

void SegmentWriter::stage(const Record& record, std::uint64_t sequence, std::uint8_t flags) {
  envelope_.clear();
  append_envelope(envelope_, record);
  next_sequence_ = sequence;
  const auto type = type_of(record);
  const RecordHeader header{.type = type,
                            .flags = flags,
                            .changes = std::uint16_t{type == RecordType::trace_change},
                            .spans = record.slice.span_count};
  stage_record(header, envelope_, payload_of(record));
  next_sequence_ = sequence + 1;
  staged_counts_.add(header, record.accepted_at, stored_bytes(record));
}

std::uint64_t SegmentWriter::stage_copy(const RecordHeader& original, const std::string& body,
                                        WallTime accepted_at) {
  const auto offset = staged_end_;
  stage_record({.type = original.type,
                .flags = original.flags,
                .changes = original.changes,
                .spans = original.spans},
               body, {});
  ++next_sequence_;
  staged_counts_.add(original, accepted_at, staged_end_ - offset);
  return offset;
}

Result<void> SegmentWriter::commit() {
  pieces_.clear();
  std::size_t from = 0;
  for (const auto& tail : tails_) {
    pieces_.push_back(std::string_view(staged_).substr(from, tail.at - from));
    pieces_.push_back(tail.bytes);
    from = tail.at;
  }
  pieces_.push_back(std::string_view(staged_).substr(from));
  if (auto written = file_->append(pieces_); !written) return written;
  if (auto synced = file_->sync(); !synced) return synced;
  staged_.clear();
  tails_.clear();
  durable_end_ = staged_end_;
  counts_ = staged_counts_;
  return {};
}

Result<std::uint64_t> SegmentWriter::close() {
  const SegmentFooter footer{.counts = counts_, .last_record = last_record_};
  stage_record({.type = RecordType::footer}, encode_footer(footer), {});
  if (auto committed = commit(); !committed) return std::move(committed).error();
  const bool trimmed = file_->truncate(durable_end_).has_value();
  return trimmed ? durable_end_ : capacity_.bytes;
}

}  // namespace tracelink
