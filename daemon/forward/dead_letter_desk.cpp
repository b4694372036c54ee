#include "daemon/forward/dead_letter_desk.hpp"

#include <utility>

#include "daemon/forward/scope_name.hpp"
#include "daemon/forward/span_ids.hpp"
#include "daemon/forward/tally.hpp"
#include "daemon/forward/trace_loader.hpp"

namespace tracelink {

namespace {

constexpr auto kRetry = std::chrono::minutes(1);
constexpr std::size_t kRetriesAtOnce = 16;
constexpr const char* kSubject = "dead letters";
constexpr const char* kMakeRoom =
    "make room: look at them with 'tracelink dead-letters ls', or raise queue.max_bytes";
constexpr const char* kCheckDisk = "check the disk of state_dir";

std::uint32_t dead_spans(const std::vector<Completion>& completions) {
  std::uint32_t spans = 0;
  for (const Completion& completion : completions) spans += completion.dead_lettered;
  return spans;
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

DeadLetterDesk::DeadLetterDesk(RecordSource& source, DeadLetterStore& store, DeliveryLedger& ledger,
                               Reporter& reporter, const Clock& clock, Finished finished)
    : source_(source),
      store_(store),
      ledger_(ledger),
      reporter_(reporter),
      clock_(clock),
      finished_(std::move(finished)) {
  source_.set_external_bytes(store_.bytes());
  ledger_.set_on_journal_synced([this] { settle_letters(); });
}

bool DeadLetterDesk::complete_if_buried(const StoredRecord& stored) {
  const auto end = store_.claim(stored.sequence, stored.record.slice.trace_id);
  if (!end) return false;
  const std::uint64_t spans = std::uint64_t{end->delivered} + end->dead_lettered + end->duplicate;
  if (spans != stored.record.slice.span_count) return false;  // somebody changed the file
  ledger_.complete({{.position = stored.position,
                     .delivered = end->delivered,
                     .dead_lettered = end->dead_lettered,
                     .duplicate = end->duplicate}});
  return true;
}

void DeadLetterDesk::all_read() {
  if (std::exchange(all_read_, true) || !store_.has_pending()) return;
  ledger_.complete({});  // a sync follows, and with it the letters are settled
}

void DeadLetterDesk::settle_letters() {
  if (auto settled = store_.settle(all_read_); !settled) {
    reporter_.failure(kSubject, settled.error().message, kCheckDisk);
  }
}

void DeadLetterDesk::bury(TraceWork work, std::string reason, Failure answer) {
  Burial burial{std::move(work), std::move(reason), std::move(answer)};
  if (auto done = try_to_bury(burial); !done) park(std::move(burial), done.error());
}

void DeadLetterDesk::retry_due() {
  if (parked_.empty() || clock_.steady() < due_) return;
  for (std::size_t n = 0; n < kRetriesAtOnce && !parked_.empty(); ++n) {
    Burial burial = std::move(parked_.front());
    parked_.pop_front();
    parked_records_ -= burial.work.parts.size();
    const auto done = try_to_bury(burial);
    if (done) continue;
    due_ = clock_.steady() + kRetry;
    return park(std::move(burial), done.error());
  }
}

void DeadLetterDesk::for_each(const std::function<void(TraceWork&)>& change) {
  for (Burial& burial : parked_) change(burial.work);
}

Result<void> DeadLetterDesk::try_to_bury(Burial& burial) {
  auto remains = remains_of(burial.work);
  if (!remains && remains.error().code == ErrorCode::closed) {
    finished_(burial.work.trace_id);
    return {};
  }
  if (!remains) return std::move(remains).error();
  // It may never have been sent; what comes late for the trace must not choose another link.
  if (burial.work.link_obstacle == LinkObstacle::none) {
    if (auto fixed = ledger_.fix_links({&burial.work}); !fixed) return fixed;
  }
  if (remains->spans > 0) {
    if (auto written = store_.write(letter(burial, *remains)); !written) return written;
    source_.set_external_bytes(store_.bytes());
    ++buried_;
  }
  ledger_.complete(remains->completions);
  reporter_.recovered(kSubject);
  finished_(burial.work.trace_id);
  return {};
}

Result<DeadLetterDesk::Remains> DeadLetterDesk::remains_of(TraceWork& work) const {
  auto loaded = load_trace(source_, work);
  if (!loaded && loaded.error().code != ErrorCode::corrupt) return std::move(loaded).error();
  Remains remains;
  if (loaded) remains.service = loaded->prepared.service;
  if (!loaded || !work.isolation) {
    auto slices = loaded ? Result(std::move(loaded->slices)) : load_slices(source_, work);
    if (!slices) return std::move(slices).error();
    remains.completions = tally_all_dead(work.parts, *slices);
    remains.spans = dead_spans(remains.completions);
    remains.otlp = loaded ? std::move(loaded->prepared.otlp) : join(*slices);
    return remains;
  }
  const auto& bad = work.isolation->search.bad();
  auto selected =
      select_spans(loaded->prepared, [&](std::size_t index) { return bad.contains(index); });
  if (!selected) return std::move(selected).error();
  const auto ids = span_ids(selected->otlp);
  if (!ids) return ids.error();
  const SpanIds dead(ids->begin(), ids->end());
  remains.otlp = std::move(selected->otlp);
  remains.completions = tally(work.parts, loaded->slices, dead);
  remains.spans = dead_spans(remains.completions);
  return remains;
}

DeadLetter DeadLetterDesk::letter(const Burial& burial, Remains& remains) const {
  const TraceWork& work = burial.work;
  return {.trace_id = work.trace_id,
          .segment_id = work.parts.front().position.segment_id,
          .offset = work.parts.front().position.offset,
          .spans = remains.spans,
          .reason = burial.reason,
          .answer = burial.answer,
          .model = link_name(work.group.link, source_),
          .link = work.accepted_link,
          .experiment = work.group.experiment,
          .accepted_at = work.accepted_at,
          .service = remains.service,
          .peer = work.peer,
          .otlp = std::move(remains.otlp),
          .records = ends_of(work.parts, remains.completions)};
}

void DeadLetterDesk::park(Burial burial, const Error& error) {
  if (parked_.empty()) due_ = clock_.steady() + kRetry;
  parked_records_ += burial.work.parts.size();
  reporter_.failure(kSubject, error.message,
                    error.code == ErrorCode::no_space ? kMakeRoom : kCheckDisk);
  parked_.push_back(std::move(burial));
}

std::optional<SteadyTime> DeadLetterDesk::next_due() const {
  if (parked_.empty()) return std::nullopt;
  return due_;
}

void DeadLetterDesk::add_links(LinkSet& to) const {
  for (const Burial& burial : parked_) to.insert(burial.work.group.link);
}

}  // namespace tracelink
