#pragma once

#include <vector>

#include "daemon/app/tap.hpp"
#include "daemon/base/clock.hpp"
#include "daemon/destination/destination.hpp"

namespace tracelink {

// A destination whose deliveries a tap sees: what was stored, late spans too, not changes of
// traces. Threads and lifetime: those of `destination`; the references outlive this object. Memory:
// while somebody watches, a copy of the spans on their way, as far as a tap keeps them.
class TappedDestination final : public Destination {
 public:
  TappedDestination(Destination& destination, Tap& tap, const Clock& clock)
      : destination_(destination), tap_(tap), clock_(clock) {}

  std::optional<Failure> refusal(const LinkHash& link, const std::string& experiment) override {
    return destination_.refusal(link, experiment);
  }
  std::vector<LinkHash> take_changed_links() override { return destination_.take_changed_links(); }
  void deliver(std::vector<TraceDelivery> batch, Done done) override;
  void poll(std::chrono::milliseconds timeout) override { destination_.poll(timeout); }
  void wakeup() override { destination_.wakeup(); }
  void deliveries_are_durable() override { destination_.deliveries_are_durable(); }
  void cancel() override { destination_.cancel(); }
  ServerStatus server() const override { return destination_.server(); }

 private:
  struct Sent {
    bool has_spans = false;
    Tap::Entry entry;
  };
  std::vector<Sent> sent_of(const std::vector<TraceDelivery>& batch, bool is_watched) const;
  Tap::Batch delivered_of(std::vector<Sent> sent, const std::vector<Outcome>& outcomes,
                          bool is_watched) const;

  Destination& destination_;
  Tap& tap_;
  const Clock& clock_;
};

}  // namespace tracelink
