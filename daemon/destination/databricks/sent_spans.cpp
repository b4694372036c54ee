#include "daemon/destination/databricks/sent_spans.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "daemon/destination/databricks/span_forms.hpp"
#include "daemon/mlflow/trace/span_view.hpp"
#include "daemon/mlflow/trace/traces_data.hpp"

namespace tracelink {
namespace {

using Kind = SentEntry::Kind;

constexpr char kSubject[] = "sent spans";
// A smaller file is not worth to be written anew.
constexpr std::uint64_t kSmallBytes = 1u << 20;

std::vector<SentEntry> entries_of(const std::vector<SentSpans::Sending>& request, Kind kind) {
  std::vector<SentEntry> entries;
  entries.reserve(request.size());
  for (const auto& [trace, spans] : request) {
    entries.push_back({.kind = kind, .trace = trace, .spans = spans, .ids = {}});
  }
  return entries;
}

}  // namespace

SentSpans::SentSpans(SentJournal journal, Reporter& reporter)
    : journal_(std::move(journal)), reporter_(reporter) {}

Result<void> SentSpans::load() {
  auto entries = journal_.open();
  if (!entries) return std::move(entries).error();
  for (const SentEntry& read : *entries) {
    if (read.kind == Kind::forgotten) {
      traces_.erase(read.trace);
      continue;
    }
    Entry& known = traces_[read.trace];
    known.sending = read.kind == Kind::sending ? read.spans : 0;
    known.acknowledged.insert(read.ids.begin(), read.ids.end());
  }
  keep({}, true);
  return {};
}

void SentSpans::begin(const TraceId& trace, bool sent_before, WallTime accepted_at,
                      std::uint32_t spans) {
  const bool is_known = traces_.contains(trace);
  const bool journal_knows = accepted_at >= journal_.complete_since();
  const std::uint32_t left = std::exchange(traces_[trace].sending, 0);
  if (left > 0) doubt(trace, left);
  if (sent_before && !is_known && !journal_knows) doubt(trace, spans);
}

std::string SentSpans::remaining(const TraceId& trace, std::string otlp,
                                 std::uint32_t& spans) const {
  const Entry* known = traces_.find(trace);
  if (known == nullptr || known->acknowledged.empty()) return otlp;
  SpanSet set;
  read_traces_data(otlp, set);
  TracesDataBuilder builder;
  spans = 0;
  for (const LocatedSpan& span : set.spans) {
    const auto view = read_span(span.encoded);
    if (view && known->acknowledged.contains(view->id)) continue;
    builder.add(*span.resource, *span.scope, span.encoded);
    ++spans;
  }
  return builder.build();
}

void SentSpans::set_sending(const std::vector<Sending>& request, bool is_sent) {
  for (const auto& [trace, spans] : request) traces_[trace].sending = is_sent ? spans : 0;
}

void SentSpans::sending(const std::vector<Sending>& request) {
  set_sending(request, true);
  keep(entries_of(request, Kind::sending), true);
}

void SentSpans::acknowledged(const std::vector<Sent>& request) {
  std::vector<SentEntry> entries;
  for (const auto& [trace, otlp] : request) {
    const auto ids = span_ids_of(otlp);
    if (!ids) std::abort();  // it was written here
    Entry& known = traces_[trace];
    known.acknowledged.insert(ids->begin(), ids->end());
    known.sending = 0;
    entries.push_back({.kind = Kind::acknowledged,
                       .trace = trace,
                       .spans = 0,
                       .ids = {ids->begin(), ids->end()}});
  }
  keep(entries, true);
}

void SentSpans::refused(const std::vector<Sending>& request) {
  set_sending(request, false);
  keep(entries_of(request, Kind::refused), false);
}

void SentSpans::in_doubt(const std::vector<Sending>& request) {
  set_sending(request, false);
  for (const auto& [trace, spans] : request) doubt(trace, spans);
}

void SentSpans::doubt(const TraceId& trace, std::uint32_t spans) {
  Entry& known = traces_[trace];
  if (spans <= known.in_doubt) return;
  possible_duplicates_ += spans - known.in_doubt;
  known.in_doubt = spans;
}

void SentSpans::deliveries_are_durable() {
  std::vector<SentEntry> forgotten;
  for (const TraceId& trace : std::exchange(delivered_, {})) {
    if (!traces_.erase(trace)) continue;
    forgotten.push_back({.kind = Kind::forgotten, .trace = trace, .spans = 0, .ids = {}});
  }
  if (!forgotten.empty()) keep(forgotten, false);
}

// A file that takes no more, or holds much that is over, is written anew from memory.
void SentSpans::keep(const std::vector<SentEntry>& entries, bool durably) {
  const bool is_stale = journal_.bytes() > kSmallBytes + 2 * rewritten_bytes_;
  Result<void> kept = Error{ErrorCode::io, ""};
  if (!is_stale) kept = durably ? journal_.append(entries) : journal_.append_lazily(entries);
  if (!kept) kept = rewrite();
  if (!kept) {
    reporter_.failure(kSubject, kept.error().message,
                      "spans are delivered all the same; if the daemon is killed, some of them "
                      "may be sent twice");
  } else {
    reporter_.recovered(kSubject);
  }
}

Result<void> SentSpans::rewrite() {
  auto written = journal_.rewrite(entries());
  rewritten_bytes_ = journal_.bytes();
  return written;
}

std::vector<SentEntry> SentSpans::entries() const {
  std::vector<SentEntry> all;
  for (const auto& [trace, entry] : traces_.entries()) {
    const Entry& known = entry.value;
    if (!known.acknowledged.empty()) {
      all.push_back({.kind = Kind::acknowledged,
                     .trace = trace,
                     .spans = 0,
                     .ids = {known.acknowledged.begin(), known.acknowledged.end()}});
    }
    const std::uint32_t open = std::max(known.sending, known.in_doubt);
    if (open > 0) {
      all.push_back({.kind = Kind::sending, .trace = trace, .spans = open, .ids = {}});
    }
  }
  return all;
}

}  // namespace tracelink
