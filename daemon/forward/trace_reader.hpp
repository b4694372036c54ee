#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/forward/assembler.hpp"
#include "daemon/forward/dead_letter_writer.hpp"
#include "daemon/forward/delivery_ledger.hpp"
#include "daemon/forward/spill.hpp"
#include "daemon/forward/trace_loader.hpp"
#include "daemon/forward/unlinked_traces.hpp"
#include "daemon/links/relinks.hpp"
#include "daemon/links/trace_links.hpp"
#include "daemon/queue/record_source.hpp"
#include "daemon/report/reporter.hpp"

namespace tracelink {

// From records to traces: reads the queue, chooses each trace's link by what its records say and
// what operators decided since, and assembles it. Threads: one. Lifetime: the references outlive
// this object.
class TraceReader {
 public:
  struct Options {
    Assembler::Options assembly;
    TraceLinks::Options links;
    // Further ones, for traces that were given out and are not finished, are spilled.
    std::size_t waiting_records = 5'000;
  };
  struct Parts {
    RecordSource& source;
    DeadLetterWriter& dead_letter_writer;
    const Relinks& relinks;
    DeliveryLedger& ledger;
    UnlinkedTraces& unlinked;
    Spill& spill;
    Reporter& reporter;
    const Clock& clock;
  };
  TraceReader(Options options, Parts parts);

  enum class Read { record, nothing_left, later };
  // Brings the next record to assembly. `later`: the disk fails, try again in a while.
  Read read();

  Assembler& assembly() { return assembly_; }
  const Assembler& assembly() const { return assembly_; }
  TraceLinks& links() { return links_; }
  // Gets what an earlier process accepted, when it is read for the first time.
  void set_on_earlier(std::function<void(const TraceSlice&)> on_earlier) {
    on_earlier_ = std::move(on_earlier);
  }

  // Chooses the link of a trace anew, by what all its parts name.
  void choose_again(TraceWork& work, const Payloads& payloads);

 private:
  Read failed(const Error& error);
  void put_off(const StoredRecord& stored);
  void assemble(StoredRecord stored);
  LinkChoice choose(std::string_view traces_data, std::string_view info, const LinkHash& base,
                    const Relinks::Acceptance& accepted);

  const Parts parts_;
  const std::size_t max_waiting_records_;
  std::function<void(const TraceSlice&)> on_earlier_;
  TraceLinks links_;
  Assembler assembly_;
};

}  // namespace tracelink
