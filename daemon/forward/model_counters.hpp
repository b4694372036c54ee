#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "daemon/queue/record_source.hpp"
#include "daemon/types/ids.hpp"

namespace tracelink {

// What became of the traces of one model, since the start of the process.
struct ModelCount {
  std::string model;  // the name or id that is asked for; "none", or "other" for all over the bound
  std::uint64_t delivered_traces = 0;
  std::uint64_t failures = 0;  // attempts of a trace
};

// Counts by model for a bounded number of names: the first that come. Of these, half are kept for
// models that operators name, since clients can invent any number.
//
// Threads: one. Lifetime: `source` outlives this object.
class ModelCounters {
 public:
  static constexpr std::size_t kMaxNames = 100;
  static constexpr std::size_t kMaxNamedByTraces = 50;

  explicit ModelCounters(const RecordSource& source) : source_(source) {}

  // Valid until the next call.
  ModelCount& of(const LinkHash& link);
  const std::vector<ModelCount>& all() const { return counts_; }

 private:
  std::size_t index_for(const LinkHash& link);
  std::size_t index_of(const std::string& name);

  const RecordSource& source_;
  std::vector<ModelCount> counts_;
  std::map<LinkHash, std::size_t> by_link_;  // of counts_; bounded as they are
  std::size_t named_by_traces_ = 0;
};

}  // namespace tracelink
