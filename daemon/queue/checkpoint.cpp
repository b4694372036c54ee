#include "daemon/queue/checkpoint.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include "daemon/base/crc32c.hpp"
#include "daemon/queue/little_endian.hpp"
#include "daemon/queue/record_format.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kMagic = "TLCHKPNT";
constexpr std::uint32_t kVersion = 5;
constexpr std::uint32_t kOldestVersion = 1;
constexpr std::size_t kHeadBytes = 16;  // magic, version, payload length
constexpr std::size_t kChecksumBytes = 4;

template <class Self, class Visit>
void for_each_term(Self& totals, Visit visit) {
  visit(totals.accepted);
  visit(totals.delivered);
  visit(totals.dead_lettered);
  visit(totals.duplicate);
  visit(totals.dropped_policy);
  visit(totals.dropped_age);
  visit(totals.dropped_removed);
  visit(totals.damaged);
}

std::string encode_payload(const Checkpoint& checkpoint) {
  std::string out;
  const auto append_term = [&](std::uint64_t term) { append_le(out, term); };
  for_each_term(checkpoint.retired.spans, append_term);
  append_le(out, checkpoint.next_segment_id);
  append_le(out, checkpoint.next_sequence);
  append_le(out, static_cast<std::uint32_t>(checkpoint.retired_ids.size()));
  append_le(out, static_cast<std::uint32_t>(checkpoint.sealed_at.size()));
  for (const auto id : checkpoint.retired_ids) append_le(out, id);
  for (const auto& [id, offset] : checkpoint.sealed_at) {
    append_le(out, id);
    append_le(out, offset);
  }
  append_le(out, checkpoint.retired.spans.replayed);
  append_le(out, static_cast<std::uint32_t>(checkpoint.moved.size()));
  for (const auto& [id, segment] : checkpoint.moved) {
    append_le(out, id);
    append_le(out, segment.place);
    append_le(out, segment.records);
    append_le(out, static_cast<std::uint32_t>(segment.spans));
    append_le(out, static_cast<std::uint32_t>(segment.changes));
    append_le(out, segment.secret);
  }
  append_le(out, checkpoint.unaccounted);
  for_each_term(checkpoint.retired.changes, append_term);
  append_le(out, checkpoint.retired.changes.replayed);
  append_le(out, checkpoint.unaccounted_changes);
  return out;
}

// It names no segment that was never there.
bool is_possible(const Checkpoint& checkpoint) {
  const auto used = [&](std::uint64_t id) { return id != 0 && id < checkpoint.next_segment_id; };
  return std::ranges::all_of(checkpoint.retired_ids, used) &&
         std::ranges::all_of(checkpoint.sealed_at,
                             [&](const auto& seal) {
                               return used(seal.first) && seal.second % kRecordAlignment == 0;
                             }) &&
         std::ranges::all_of(checkpoint.moved, [&](const auto& moved) {
           return used(moved.first) && used(moved.second.place);
         });
}

std::optional<Checkpoint> decode_payload(std::string_view payload, std::uint32_t version) {
  LittleEndianReader in(payload);
  Checkpoint checkpoint;
  const auto take_term = [&](std::uint64_t& term) { term = in.take<std::uint64_t>(); };
  for_each_term(checkpoint.retired.spans, take_term);
  checkpoint.next_segment_id = in.take<std::uint64_t>();
  checkpoint.next_sequence = in.take<std::uint64_t>();
  const auto retired = in.take<std::uint32_t>();
  const auto sealed = in.take<std::uint32_t>();
  for (std::uint32_t i = 0; i < retired && in.ok(); ++i) {
    checkpoint.retired_ids.push_back(in.take<std::uint64_t>());
  }
  for (std::uint32_t i = 0; i < sealed && in.ok(); ++i) {
    const auto id = in.take<std::uint64_t>();
    checkpoint.sealed_at[id] = in.take<std::uint64_t>();
  }
  if (version >= 2) checkpoint.retired.spans.replayed = in.take<std::uint64_t>();
  const auto moved = version >= 3 ? in.take<std::uint32_t>() : 0;
  for (std::uint32_t i = 0; i < moved && in.ok(); ++i) {
    auto& segment = checkpoint.moved[in.take<std::uint64_t>()];
    segment.place = in.take<std::uint64_t>();
    segment.records = in.take<std::uint64_t>();
    segment.spans = in.take<std::uint32_t>();
    segment.changes = in.take<std::uint32_t>();
    segment.secret = in.take<std::uint64_t>();
  }
  if (version >= 4) checkpoint.unaccounted = in.take<std::uint64_t>();
  if (version >= 5) {
    for_each_term(checkpoint.retired.changes, take_term);
    checkpoint.retired.changes.replayed = in.take<std::uint64_t>();
    checkpoint.unaccounted_changes = in.take<std::uint64_t>();
  }
  if (!in.ok() || !in.rest().empty() || !is_possible(checkpoint)) return std::nullopt;
  return checkpoint;
}

Result<Checkpoint> decode_copy(std::string_view copy) {
  const Error damaged{ErrorCode::corrupt, "checkpoint: both copies are damaged"};
  if (copy.size() < kHeadBytes + kChecksumBytes || !copy.starts_with(kMagic)) return damaged;
  const auto covered = copy.substr(0, copy.size() - kChecksumBytes);
  if (get_le<std::uint32_t>(copy.data() + covered.size()) != crc32c(0, covered)) {
    return damaged;
  }
  LittleEndianReader in(covered.substr(kMagic.size()));
  const auto version = in.take<std::uint32_t>();
  if (version < kOldestVersion || version > kVersion) {
    return Error{ErrorCode::invalid, "checkpoint version " + std::to_string(version)};
  }
  if (in.take<std::uint32_t>() != in.rest().size()) return damaged;
  auto checkpoint = decode_payload(in.rest(), version);
  if (!checkpoint) return damaged;
  return *std::move(checkpoint);
}

}  // namespace

std::string encode_checkpoint(const Checkpoint& checkpoint) {
  const auto payload = encode_payload(checkpoint);
  std::string copy(kMagic);
  append_le(copy, kVersion);
  append_le(copy, static_cast<std::uint32_t>(payload.size()));
  copy += payload;
  append_le(copy, crc32c(0, copy));
  return copy + copy;
}

Result<Checkpoint> decode_checkpoint(std::string_view bytes) {
  const auto half = bytes.size() / 2;
  auto first = decode_copy(bytes.substr(0, half));
  if (first || first.error().code == ErrorCode::invalid) return first;
  return decode_copy(bytes.substr(half));
}

}  // namespace tracelink
