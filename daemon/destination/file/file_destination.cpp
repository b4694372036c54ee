#include "daemon/destination/file/file_destination.hpp"

#include <algorithm>
#include <condition_variable>
#include <string_view>

#include <nlohmann/json.hpp>

#include "daemon/base/mutex.hpp"
#include "daemon/codec/otlp_json.hpp"
#include "daemon/destination/link_target.hpp"
#include "daemon/text/release.hpp"
#include "daemon/text/utc_time.hpp"

namespace tracelink {

namespace {

constexpr std::string_view kPrefix = "traces-";
constexpr std::string_view kSuffix = ".jsonl";
constexpr auto kLookForRoom = std::chrono::minutes(1);
// Of lines held at a time, or one trace; and no more than a part of the bound, since a write that
// does not fit leaves all of its traces in the queue.
constexpr std::size_t kWriteBytes = 8u << 20;
constexpr std::uint64_t kWritesOfTheBound = 16;

nlohmann::ordered_json link_json(const LinkDefinition& link) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  if (!link.id.empty()) json["id"] = link.id;
  if (!link.name.empty()) json["name"] = link.name;
  if (!link.version.empty()) json["version"] = link.version;
  json["model"] = link.display_name();
  if (!link.experiment.id.empty()) json["experiment_id"] = link.experiment.id;
  if (!link.experiment.name.empty()) json["experiment_name"] = link.experiment.name;
  if (!link.type.empty()) json["model_type"] = link.type;
  if (!link.source_run_id.empty()) json["source_run_id"] = link.source_run_id;
  if (!link.params.empty()) json["params"] = link.params;
  if (!link.tags.empty()) json["tags"] = link.tags;
  if (!link.source_tags.empty()) json["source_tags"] = link.source_tags;
  return json;
}

// A line without its link would be a trace without its version.
Answer<nlohmann::ordered_json> link_json(const LinkLookup& lookup, const LinkHash& hash) {
  if (hash.is_zero()) return nlohmann::ordered_json(nullptr);
  const auto link = lookup(hash);
  if (!link) return missing_definition(hash, link.error());
  return link->empty() ? nlohmann::ordered_json(nullptr) : link_json(*link);
}

Failure failure_of(const Error& error, const std::string& directory) {
  Failure failure;
  failure.message = error.message;
  failure.remedy =
      "check the disk, and that " + directory + " is a directory that the daemon's user may write";
  if (error.code == ErrorCode::too_large) {
    failure.failure_class = FailureClass::configuration;
    failure.remedy = "raise archive.max_bytes, or move files out of " + directory;
  }
  return failure;
}

}  // namespace

class FileDestination::Waiter {
 public:
  void wait(std::chrono::milliseconds timeout) {
    const MutexLock lock(mutex_);
    wake_.wait_for(mutex_, timeout, [this]() REQUIRES(mutex_) { return woken_; });
    woken_ = false;
  }
  void wakeup() {
    {
      const MutexLock lock(mutex_);
      woken_ = true;
    }
    wake_.notify_one();
  }

 private:
  Mutex mutex_;
  std::condition_variable_any wake_;
  bool woken_ GUARDED_BY(mutex_) = false;
};

FileDestination::FileDestination(Options options, FileSystem& fs, LinkLookup lookup,
                                 const Clock& clock)
    : options_(std::move(options)),
      fs_(fs),
      lookup_(std::move(lookup)),
      clock_(clock),
      waiter_(std::make_unique<Waiter>()) {}

FileDestination::~FileDestination() = default;

std::optional<Failure> FileDestination::refusal(const LinkHash& /*link*/,
                                                const std::string& /*experiment*/) {
  if (full_ && clock_.steady() >= look_again_) full_.reset();
  return full_;
}

void FileDestination::deliver(std::vector<TraceDelivery> batch, Done done) {
  std::vector<Outcome> outcomes(batch.size());
  std::optional<Failure> failure;
  std::string lines;
  const auto write_bytes =
      std::min<std::uint64_t>(kWriteBytes, options_.max_bytes / kWritesOfTheBound);
  std::size_t written = 0;  // traces before it are in the file, or are poison
  for (std::size_t i = 0; i < batch.size() && !failure; ++i) {
    outcomes[i] = add_line(batch[i], lines);
    release(batch[i].trace.otlp);
    const bool is_last = i + 1 == batch.size();
    if (lines.empty() || (!is_last && lines.size() < write_bytes)) continue;
    if (auto done_so_far = write(lines)) {
      written = i + 1;
    } else {
      failure = failed(done_so_far.error());
    }
    lines.clear();
  }
  for (std::size_t i = written; failure && i < outcomes.size(); ++i) {
    if (outcomes[i].kind != OutcomeKind::delivered) continue;
    outcomes[i].kind = outcome_kind(failure->failure_class);
    outcomes[i].failure = *failure;
  }
  finished_.add(std::move(done), std::move(outcomes));
}

Failure FileDestination::failed(const Error& error) {
  Failure failure = failure_of(error, options_.directory.string());
  if (failure.failure_class == FailureClass::configuration) {
    full_ = failure;
    look_again_ = clock_.steady() + kLookForRoom;
  }
  file_.reset();
  return failure;
}

Outcome FileDestination::add_line(const TraceDelivery& delivery, std::string& lines) const {
  Outcome outcome;
  auto link = link_json(lookup_, delivery.link);
  if (!link) {
    outcome.failure = std::move(link).error();
    outcome.kind = outcome_kind(outcome.failure.failure_class);
    return outcome;
  }
  const auto json = otlp_protobuf_to_json(delivery.trace.otlp);
  if (!json) {
    outcome.kind = OutcomeKind::poison;
    outcome.failure.failure_class = FailureClass::poison;
    outcome.failure.message = json.error().message;
    return outcome;
  }
  nlohmann::ordered_json ours = {{"link", *std::move(link)},
                                 {"accepted_at", utc_iso(delivery.accepted_at)}};
  if (delivery.mode == DeliveryMode::change) {
    ours["trace_id"] = delivery.trace.info.trace_id.hex();
    ours["change"] = nlohmann::ordered_json::parse(delivery.change, nullptr, false);
  }
  lines += *json;
  lines.pop_back();  // the closing brace
  if (lines.back() != '{') lines += ',';
  lines += "\"tracelink\":";
  lines += ours.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  lines += "}\n";
  return outcome;
}

Result<void> FileDestination::write(const std::string& lines) {
  const std::string day = utc_day(clock_.wall());
  if (day != day_) file_.reset();
  if (!file_) {
    if (auto made = fs_.create_directories(options_.directory); !made) return made;
    std::string name(kPrefix);
    name += day;
    name += kSuffix;
    auto opened = DayFile::open(fs_, options_.directory / name);
    if (!opened) return std::move(opened).error();
    const auto bytes = directory_bytes();
    if (!bytes) return bytes.error();
    file_ = *std::move(opened);
    day_ = day;
    bytes_ = *bytes;
  }
  if (bytes_ + lines.size() > options_.max_bytes) {
    return Error{ErrorCode::too_large, "the archive has reached its bound of " +
                                           std::to_string(options_.max_bytes) + " bytes"};
  }
  if (auto appended = file_->append(lines); !appended) return appended;
  bytes_ += lines.size();
  return {};
}

Result<std::uint64_t> FileDestination::directory_bytes() const {
  const auto names = fs_.list(options_.directory);
  if (!names) return names.error();
  std::uint64_t total = 0;
  for (const std::string& name : *names) {
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
    // By its name: an older file may be another user's, and a directory has such a name, too.
    const auto size = fs_.size_of(options_.directory / name);
    if (!size) return size.error();
    total += size->value_or(0);
  }
  return total;
}

void FileDestination::poll(std::chrono::milliseconds timeout) {
  if (finished_.empty()) waiter_->wait(timeout);
  finished_.tell();
}

void FileDestination::wakeup() { waiter_->wakeup(); }

void FileDestination::cancel() { finished_.tell(); }  // what is written is written

}  // namespace tracelink
