#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/base/result.hpp"
#include "daemon/destination/delivery_steps.hpp"
#include "daemon/mlflow/registration/registration_counters.hpp"
#include "daemon/mlflow/rest/failure.hpp"
#include "daemon/mlflow/trace/trace_info.hpp"
#include "daemon/types/ids.hpp"
#include "daemon/types/link_definition.hpp"

namespace tracelink {

enum class OutcomeKind { delivered, transient, configuration, poison, unknown };

constexpr OutcomeKind outcome_kind(FailureClass failure_class) {
  switch (failure_class) {
    case FailureClass::transient:
      return OutcomeKind::transient;
    case FailureClass::configuration:
      return OutcomeKind::configuration;
    case FailureClass::poison:
      return OutcomeKind::poison;
    case FailureClass::unknown:
      return OutcomeKind::unknown;
  }
  return OutcomeKind::unknown;
}

// How much of a trace is to be sent.
enum class DeliveryMode {
  whole,         // trace info with the link, then the spans (the root is there)
  without_root,  // look the trace up first: it exists, spans alone; else IN_PROGRESS info with the
                 // link, then spans
  spans_only,    // late spans of a trace whose info is stored
  final_info,  // a late root: info again (StartTraceV3 or EndTrace, as the server needs), then the
               // spans
  change,      // `change` alone
};

struct TraceDelivery {
  PreparedTrace trace;
  LinkHash link;
  std::string experiment;  // as Record has it
  DeliveryMode mode = DeliveryMode::whole;
  std::string change;  // as TraceSlice has it
  WallTime accepted_at{};
  bool repeated = false;  // an earlier attempt may have stored some of it (token sums need repair
                          // on old servers)
  bool searched = false;  // some of a trace's spans, among which refused ones are searched
};

struct Outcome {
  OutcomeKind kind = OutcomeKind::delivered;
  Failure failure;  // unless delivered
  bool batch =
      false;  // the refusal was of a request that held other traces too: split before judging
  bool info_stored = false;   // the trace info step of this trace succeeded in this attempt
  bool spans_stored = false;  // all of them; what failed is what had to be told after them
  bool indivisible = false;   // poison whatever its spans are: no search among them
};

// What a destination knows about the other side.
struct ServerStatus {
  enum class State { up, down, refusing, none };  // refusing: it answers, but needs an operator
  State state = State::none;
  std::string version;                  // empty until known
  Repairs repairs{};                    // of what was given to it
  std::uint64_t run_links_refused = 0;  // traces delivered without the run that was asked for
  std::uint64_t possible_duplicate_spans = 0;  // sent again though they may be stored, where the
                                               // server keeps both
  std::uint64_t possible_duplicate_infos = 0;  // the same of trace infos
  StepCounts steps{};
  RegistrationCounters registrations{};
};

// The definition behind a hash; errors as RecordSource::link().
using LinkLookup = std::function<Result<LinkDefinition>(const LinkHash&)>;

// Where traces go. Asynchronous on the forwarder thread.
class Destination {
 public:
  using Done = std::function<void(std::vector<Outcome>)>;  // one per delivery, same order

  virtual ~Destination() = default;

  // Why deliveries with this link and experiment may not be sent now (registration still
  // unresolved: transient; refused: configuration); nothing: they may.
  virtual std::optional<Failure> refusal(const LinkHash& link, const std::string& experiment) = 0;
  // The links for which refusal() may have changed its mind since the last call.
  virtual std::vector<LinkHash> take_changed_links() = 0;
  // Precondition: all of one link and experiment, which refusal() lets through. `done` is called
  // once, from poll() or cancel().
  virtual void deliver(std::vector<TraceDelivery> batch, Done done) = 0;
  // Does what is due and waits at most `timeout` for something to happen.
  virtual void poll(std::chrono::milliseconds timeout) = 0;
  virtual void wakeup() = 0;  // any thread
  // What `done` has said to be delivered is so durably, and will not be given again.
  virtual void deliveries_are_durable() {}
  virtual void cancel() = 0;  // every pending delivery ends at once as transient
  virtual ServerStatus server() const = 0;
};

}  // namespace tracelink
