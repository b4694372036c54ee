#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string_view>

#include "daemon/base/clock.hpp"
#include "daemon/codec/name_template.hpp"
#include "daemon/links/link_choice.hpp"
#include "daemon/mlflow/trace/model_naming.hpp"
#include "daemon/queue/record_source.hpp"
#include "daemon/report/reporter.hpp"

namespace tracelink {

// The link that an undecided definition stands for in a record; nothing: that is not known yet.
using DecideLink =
    std::function<std::optional<LinkHash>(const LinkDefinition&, std::string_view traces_data)>;

// Chooses the link of a record: the model that its spans or its info name, else the link that was
// active at acceptance, whose name may be a template for attributes of the resource
// (docs/design.md#one-link-per-trace).
//
// A link that depends on what peers send is remembered durably before it is given out, until an
// hour after its last use, and no more than `max_names` are remembered at a time. Memory: those,
// and the base that was used last.
// Threads: one. Lifetime: the references outlive this object.
class TraceLinks {
 public:
  struct Options {
    FromTraces from_traces = FromTraces::names;
    std::size_t max_names = 100;
    bool model_required = true;  // a trace without a model is not sent
    LinkHash configured = {};    // zero: nothing is configured
    DecideLink decide = {};
  };
  TraceLinks(Options options, RecordSource& source, Reporter& reporter, const Clock& clock);

  // From now on `link` is the configured one; zero: nothing is configured.
  void configure(const LinkHash& link) { configured_ = read_base(link); }

  // `accepted`, or what that stands for if it is undecided; nothing: the record has to wait.
  std::optional<LinkHash> decide(const LinkHash& accepted, std::string_view traces_data);

  // The definition of `base` is in a file that cannot be read now: nobody can choose().
  bool is_unread(const LinkHash& base);

  // By the spans and the trace info of an MLflow SDK, either of which may be empty. `base`: the
  // trace's link if it is fixed, else the one accepted with its first record.
  LinkChoice choose(std::string_view traces_data, std::string_view info, const LinkHash& base);

  // Whether a link that traces named is remembered.
  bool is_known(const LinkHash& link) const { return last_use_.contains(link); }
  bool has_room() const { return last_use_.size() < options_.max_names; }
  // Forgets the links that traces named and that were neither chosen nor `in_use` for an hour. To
  // be called each minute.
  void forget_unused(const LinkSet& in_use);

 private:
  struct Names {
    NameTemplate name, version;
  };
  struct Base {
    LinkHash hash;
    LinkDefinition definition;
    std::optional<Names> names;  // if the definition is a template
  };
  std::optional<Base> read_base(const LinkHash& hash) const;
  const Base* base_of(const LinkHash& hash);
  ModelNaming naming_of(std::string_view traces_data, std::string_view info) const;
  ModelNaming chosen_by_client(std::string_view info) const;
  LinkChoice named(ModelNaming naming, const Base& base);
  // What an operator chose, if that is what the trace names.
  const Base* chosen_by_operator(const ModelNaming& naming, const Base& base) const;
  static bool is_named(const ModelNaming& naming, const Base& base);
  void touch(const LinkHash& link);  // if traces named it, it is in use
  ExperimentRef experiment_of_names(const LinkDefinition& base) const;
  LinkChoice expanded(std::string_view traces_data, const Base& base);
  LinkChoice admit(const LinkDefinition& definition, LinkRank rank);

  const Options options_;
  RecordSource& source_;
  Reporter& reporter_;
  const Clock& clock_;
  std::optional<Base> configured_;
  std::optional<Base> base_;
  std::map<LinkHash, SteadyTime> last_use_;
};

}  // namespace tracelink
