#include "daemon/forward/dead_letter_writer.hpp"

#include <algorithm>
#include <utility>

#include "daemon/codec/span_ids.hpp"
#include "daemon/forward/scope_name.hpp"
#include "daemon/forward/span_accounting.hpp"
#include "daemon/forward/trace_loader.hpp"
#include "daemon/report/log_event.hpp"

namespace tracelink {

namespace {

constexpr std::chrono::milliseconds kRetry = std::chrono::minutes(1);
constexpr std::size_t kRetriesInAMinute = 16;  // that fail
constexpr const char* kSubject = "dead letters";
constexpr const char* kMakeRoom =
    "make room: look at them with 'tracelink dead-letters ls', or raise queue.max_bytes";
constexpr const char* kFreeSpace = "free space on the volume of state_dir";
constexpr const char* kCheckDisk = "check the disk of state_dir";

const char* remedy_for(const Error& error) {
  if (error.code == ErrorCode::too_large) return kMakeRoom;
  return error.code == ErrorCode::no_space ? kFreeSpace : kCheckDisk;
}

std::uint32_t dead_of(const std::vector<Completion>& completions) {
  std::uint32_t dead = 0;
  for (const Completion& completion : completions) dead += completion.dead_lettered;
  return dead;
}

// `completions`: one a part.
std::vector<RecordEnd> ends_of(const std::vector<Part>& parts,
                               const std::vector<Completion>& completions) {
  std::vector<RecordEnd> ends;
  ends.reserve(completions.size());
  for (std::size_t i = 0; i < completions.size(); ++i) {
    ends.push_back({.sequence = parts[i].sequence,
                    .delivered = completions[i].delivered,
                    .dead_lettered = completions[i].dead_lettered,
                    .duplicate = completions[i].duplicate});
  }
  return ends;
}

std::string join(const std::vector<std::string>& pieces) {
  std::string all;
  for (const std::string& piece : pieces) all += piece;
  return all;
}

}  // namespace

DeadLetterWriter::DeadLetterWriter(RecordSource& source, DeadLetterStore& store,
                                   DeliveryLedger& ledger, Reporter& reporter, const Clock& clock,
                                   Finished finished)
    : source_(source),
      store_(store),
      ledger_(ledger),
      reporter_(reporter),
      clock_(clock),
      finished_(std::move(finished)) {
  source_.set_external_bytes(store_.bytes());
  ledger_.set_on_journal_synced([this] { finish_pending_letters(); });
}

bool DeadLetterWriter::complete_if_dead_lettered(const StoredRecord& stored) {
  const auto end = store_.claim(stored.sequence, stored.record.slice.trace_id);
  if (!end) return false;
  const std::uint64_t ended = std::uint64_t{end->delivered} + end->dead_lettered + end->duplicate;
  const std::uint64_t counted = std::uint64_t{stored.record.slice.span_count} + stored.changes;
  if (ended != counted) return false;  // the file was changed by hand
  ledger_.complete({{.position = stored.position,
                     .delivered = end->delivered,
                     .dead_lettered = end->dead_lettered,
                     .duplicate = end->duplicate}});
  return true;
}

bool DeadLetterWriter::waits_for_letter(const StoredRecord& stored) {
  return store_.waits_for_letter(stored.sequence, stored.record.slice.trace_id);
}

void DeadLetterWriter::all_read() {
  if (std::exchange(all_read_, true) || !store_.has_pending()) return;
  ledger_.complete({});  // a sync follows, and with it the letters are finished
}

void DeadLetterWriter::finish_pending_letters() {
  if (auto finished = store_.finish_pending(all_read_); !finished) {
    reporter_.failure(kSubject, finished.error().message, kCheckDisk);
  }
}

void DeadLetterWriter::dead_letter(TraceWork work, std::string reason, Failure answer) {
  DeadTrace dead{std::move(work), std::move(reason), std::move(answer)};
  if (auto done = try_to_dead_letter(dead); !done) park(std::move(dead), done.error());
}

// One that fails again goes behind the others, for which there may be room. After one that did not,
// as long as it took is left to deliveries.
void DeadLetterWriter::retry_due() {
  const SteadyTime began = clock_.steady();
  if (parked_.empty() || began < due_) return;
  DeadTrace dead = std::move(parked_.front());
  parked_.pop_front();
  parked_records_ -= dead.work.parts.size();
  const auto done = try_to_dead_letter(dead);
  const SteadyTime end = clock_.steady();
  due_ = end + (end - began);
  if (done) return;
  park(std::move(dead), done.error());
  due_ = end + kRetry / static_cast<int>(std::min(parked_.size(), kRetriesInAMinute));
}

void DeadLetterWriter::for_each(const std::function<void(TraceWork&)>& change) {
  for (DeadTrace& dead : parked_) change(dead.work);
}

Result<void> DeadLetterWriter::try_to_dead_letter(DeadTrace& dead) {
  auto content = dead_spans_of(dead.work);
  if (!content && content.error().code == ErrorCode::closed) {
    finished_(dead.work.trace_id);
    return {};
  }
  if (!content) return std::move(content).error();
  // It may never have been sent; what comes late for the trace must not choose another link.
  if (dead.work.link_obstacle == LinkObstacle::none && !dead.work.is_change()) {
    if (auto fixed = ledger_.fix_links({&dead.work}); !fixed) return fixed;
  }
  if (!content->is_empty()) {
    if (auto written = store_.write(letter(dead, *content)); !written) return written;
    source_.set_external_bytes(store_.bytes());
    if (!dead.work.is_change()) ++dead_lettered_;
    tell(dead, content->spans);
  }
  ledger_.complete(content->completions);
  reporter_.recovered(kSubject);
  finished_(dead.work.trace_id);
  return {};
}

void DeadLetterWriter::tell(const DeadTrace& dead, std::uint64_t spans) {
  if (!reporter_.may_log(kSubject)) return;
  LogEvent("dead letter written")
      .word("trace_id", dead.work.trace_id.hex())
      .number("spans", spans)
      .text("model", link_name(dead.work.group.link, source_))
      .text("reason", dead.reason)
      .text("remedy", dead.answer.remedy)
      .warn();
}

Result<DeadLetterWriter::DeadSpans> DeadLetterWriter::dead_spans_of(TraceWork& work) const {
  auto loaded = load_trace(source_, work);
  if (!loaded && loaded.error().code != ErrorCode::corrupt) return std::move(loaded).error();
  DeadSpans content;
  if (loaded) content.service = loaded->prepared.service;
  if (!loaded || !work.bisection) {
    auto payloads = loaded ? Result(std::move(loaded->payloads)) : load_payloads(source_, work);
    if (!payloads) return std::move(payloads).error();
    content.completions = account_all_dead(work.parts, payloads->slices);
    (work.is_change() ? content.changes : content.spans) = dead_of(content.completions);
    content.otlp = loaded ? std::move(loaded->prepared.otlp) : join(payloads->slices);
    content.info = std::move(payloads->info);
    content.change = std::move(payloads->change);
    return content;
  }
  const auto& bad = work.bisection->search.bad();
  auto selected =
      select_spans(loaded->prepared, [&](std::size_t index) { return bad.contains(index); });
  if (!selected) return std::move(selected).error();
  const auto ids = span_ids(selected->otlp);
  if (!ids) return ids.error();
  const SpanIds refused(ids->begin(), ids->end());
  content.otlp = std::move(selected->otlp);
  content.completions = account_spans(work.parts, loaded->payloads.slices, refused);
  content.spans = dead_of(content.completions);
  return content;
}

DeadLetter DeadLetterWriter::letter(const DeadTrace& dead, DeadSpans& content) const {
  const TraceWork& work = dead.work;
  return {.trace_id = work.trace_id,
          .segment_id = work.parts.front().position.segment_id,
          .offset = work.parts.front().position.offset,
          .spans = content.spans,
          .changes = content.changes,
          .reason = dead.reason,
          .answer = dead.answer,
          .model = link_name(work.group.link, source_),
          .link = work.accepted_link,
          .experiment = work.group.experiment,
          .accepted_at = work.accepted_at,
          .accepted_sequence = work.accepted_sequence,
          .service = content.service,
          .peer = work.peer,
          .otlp = std::move(content.otlp),
          .info = std::move(content.info),
          .change = std::move(content.change),
          .records = ends_of(work.parts, content.completions)};
}

void DeadLetterWriter::park(DeadTrace dead, const Error& error) {
  if (parked_.empty()) due_ = clock_.steady() + kRetry;
  parked_records_ += dead.work.parts.size();
  reporter_.failure(kSubject, error.message, remedy_for(error));
  parked_.push_back(std::move(dead));
}

std::optional<SteadyTime> DeadLetterWriter::next_due() const {
  if (parked_.empty()) return std::nullopt;
  return due_;
}

void DeadLetterWriter::add_links(LinkSet& to) const {
  for (const DeadTrace& dead : parked_) to.insert(dead.work.group.link);
}

}  // namespace tracelink
