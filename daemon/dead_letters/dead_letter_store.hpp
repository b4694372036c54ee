#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/file_system.hpp"
#include "daemon/dead_letters/withdrawal.hpp"
#include "daemon/mlflow/rest/failure.hpp"
#include "daemon/queue/queue.hpp"
#include "daemon/types/ids.hpp"
#include "daemon/types/record.hpp"

namespace tracelink {

// What the name of a letter's file ends with, and while it is pending.
inline constexpr std::string_view kLetterSuffix = ".json";
inline constexpr std::string_view kPendingSuffix = ".pending.json";

// How a record ends whose spans, or some of them, are in a dead letter.
struct RecordEnd {
  std::uint64_t sequence = 0;  // of the record, which it keeps wherever it is moved
  std::uint32_t delivered = 0;
  std::uint32_t dead_lettered = 0;
  std::uint32_t duplicate = 0;
  bool operator==(const RecordEnd&) const = default;
};

// Spans, a trace info, or a change of a trace that the server refused for good, with what is needed
// to understand and to replay them.
struct DeadLetter {
  TraceId trace_id;
  std::uint64_t segment_id = 0, offset = 0;  // of the trace's first record: names the letter
  std::uint32_t spans = 0;
  std::uint32_t changes = 0;  // 1: `change` is counted in the balance
  std::string reason;
  Failure answer;
  std::string model;       // the name or id that the link asks for
  LinkHash link;           // as accepted: names the definition in models/links/
  std::string experiment;  // asked for by the client, or empty
  WallTime accepted_at{};
  std::uint64_t accepted_sequence = 0;  // 0: not known
  std::string service;
  Peer peer;
  std::string otlp;                // TracesData bytes
  std::string info;                // the trace info of an MLflow SDK, as JSON; or empty
  std::string change;              // of the trace, by an MLflow SDK, as JSON; or empty
  std::vector<RecordEnd> records;  // of the trace

  // <yyyymmddThhmmss>-<trace id>-<segment>-<offset>: the same after a crash, so that writing it
  // again replaces it.
  std::string id() const;
};

// What letters have of the balance.
struct LetterCounts {
  std::uint64_t spans = 0;
  std::uint64_t changes = 0;
  bool operator==(const LetterCounts&) const = default;
};

// One JSON file for each dead letter, for people and for replay: the facts on the first line, the
// spans as OTLP JSON under the key `otlp` on the second, the ends of its records on the third, and
// the trace info or the change of an MLflow SDK, if there is one, under `trace_info` or
// `trace_change` on the fourth, and on the last line the checksum of the others.
//
// A letter is written before the queue's journals, of which a trace can touch several, have its
// records. Until they do it is called <id>.pending.json; a crash in between leaves it so, and the
// next run ends those of its records that are still queued as the letter says (claim()). Then it is
// called <id>.json; while it is being taken out <id>.replaying-<total> or <id>.removing-<total>.
//
// A pending letter that is damaged claims nothing, since the queue has its records whole: it is
// listed under the id <id>.damaged, which take_notices() names. It may be all that is left of spans
// whose records were in the journal.
//
// Durability: what a call changed is on stable storage when it returns success, but for
// finish_pending().
//
// Bounded: `max_bytes` of disk blocks, 100,000 files. Memory does not grow with the letters, but
// for the names of the folder while a page is listed.
//
// Threads: list_json(), read_json(), bytes(), count() from any, also beside the others, which are
// for one thread at a time. No lock is held while the disk is used.
class DeadLetterStore {
 public:
  // It knows no letters, and none can be written, until load() succeeds.
  DeadLetterStore(FileSystem& fs, std::filesystem::path directory, std::uint64_t max_bytes)
      : fs_(fs), directory_(std::move(directory)), max_bytes_(max_bytes) {}
  Result<void> load();  // error: `io`, call it again later
  // Error: `unavailable`, it does not know its letters yet.
  Result<void> check_known() const;

  // `too_large` at the bound; `no_space`, `io`.
  Result<void> write(const DeadLetter& letter);
  // Everything that was completed before this call is durable in the journals: so are the ends of
  // all records of the letters written by then. `all_read`: every record of earlier runs was read
  // and shown to claim(). What fails is tried again the next time.
  Result<void> finish_pending(bool all_read);
  // Letters of an earlier run that cannot be read now, so that how their records end is not known.
  struct UnreadLetter {
    std::string id, path;
    Error error;
  };
  std::vector<UnreadLetter> unread_letters() const;
  // One of them again; success also if it was removed. What was read while it could not be is to be
  // shown to claim() again.
  Result<void> load_letter(const std::string& id);
  // Whether such a letter may have the record, which then must not be sent; remembered.
  bool waits_for_letter(std::uint64_t sequence, const TraceId& trace_id);
  // Letters whose records may not be durable in the journals.
  bool has_pending() const { return !pending_.empty(); }
  // How a record ends that was read again, although a letter of an earlier run has it: a crash came
  // between the letter and the journal. Nothing if there is none.
  std::optional<RecordEnd> claim(std::uint64_t sequence, const TraceId& trace_id);

  struct Page {
    std::string json;  // an array of letters without their spans
    std::string last;  // the id of the last one
    bool more = false;
  };
  // The letters behind `after` (an id, or empty), oldest first, as many as fit a page; a file that
  // cannot be read is an entry with its `id` and a `reason` that says so.
  Result<Page> list_json(std::string_view after = {}) const;
  // The whole letter as JSON. `invalid` if there is none of this id.
  Result<std::string> read_json(const std::string& id) const;

  // The letter is not listed any more. `invalid` if there is none of this id, or if another
  // withdrawal is not finished; `unavailable` while it is pending, and before load() succeeded,
  // since another one may be under way. After an `io` error it is under way all the same.
  Result<void> begin(const Withdrawal& withdrawal);
  std::optional<Withdrawal> under_way() const { return under_way_; }
  // What an operator should know, once. One thread at a time calls it.
  std::vector<std::string> take_notices() { return std::exchange(notices_, {}); }
  // Whether the id is that of a letter which was damaged before it was finished.
  static bool is_damaged(std::string_view id);
  // What all others count which are finished and not damaged. Error: `io`.
  Result<LetterCounts> counts_beside(const std::string& id) const;
  // These: only while one is under way. After an error it still is.
  std::filesystem::path path_under_way() const;
  Result<std::string> read_under_way() const;
  Result<void> finish();   // the letter is gone
  Result<void> give_up();  // the letter is back

  std::uint64_t bytes() const { return bytes_; }  // of disk blocks
  std::size_t count() const { return count_; }

 private:
  // A letter that is not finished.
  struct Pending {
    std::uint64_t bytes = 0;
    bool is_earlier = false;  // of an earlier run
    std::optional<Error> unread = std::nullopt;
    std::set<std::uint64_t> waiting = {};  // records that were read before the letter could be
  };
  struct Claim {
    TraceId trace_id;
    RecordEnd end;
  };

  void load_file(const std::string& name);
  Result<void> load_claims(const std::string& id);
  Result<void> set_aside(const std::string& id);
  static std::string damaged_facts(const std::string& id);
  std::uint64_t bytes_of(const std::string& name) const;
  void add(std::uint64_t bytes);
  void subtract(std::uint64_t bytes);
  Result<std::vector<std::string>> ids_after(std::string_view after) const;
  Result<std::unique_ptr<File>> open_letter(const std::string& id) const;
  std::string facts(const std::string& id) const;
  std::filesystem::path path(const std::string& id) const {
    return directory_ / (id + std::string(kLetterSuffix));
  }
  std::filesystem::path pending_path(const std::string& id) const {
    return directory_ / (id + std::string(kPendingSuffix));
  }

  FileSystem& fs_;
  const std::filesystem::path directory_;
  const std::uint64_t max_bytes_;
  std::map<std::string, Pending> pending_;  // by id
  std::map<std::uint64_t, Claim> claims_;   // by sequence
  std::optional<Withdrawal> under_way_;
  std::vector<std::string> notices_;
  bool known_ = false;  // which letters there are
  std::uint64_t bytes_under_way_ = 0;
  bool renames_unsynced_ = false;  // of finish_pending()
  std::atomic<std::uint64_t> bytes_ = 0;
  std::atomic<std::size_t> count_ = 0;
};

}  // namespace tracelink
