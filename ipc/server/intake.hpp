#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include "daemon/base/clock.hpp"
#include "daemon/types/limits.hpp"
#include "ipc/server/asio_types.hpp"
#include "ipc/server/completion_queue.hpp"
#include "ipc/server/deadlines.hpp"
#include "ipc/server/decode.hpp"
#include "ipc/server/memory_budget.hpp"
#include "ipc/server/record_sink.hpp"
#include "ipc/server/reply.hpp"
#include "ipc/server/server_stats.hpp"

namespace tracelink {

struct IntakeOptions {
  Limits limits;
  std::chrono::milliseconds hold_time{8'000};
  int decode_threads = 1;
  bool holds_stored = false;  // StoredTraces are asked for what was stored
};

// The life of every request, whatever its protocol: memory, decoding, the sink, and the moment by
// which it has to be answered.
//
//   begin → reserve, received → submit → (decode) → RecordSink → reply     deadline from begin() on
//
// A request is answered exactly once, unless abandoned: by the sink's answer, by an error, or at
// its deadline with `unavailable`. Memory stays reserved until the sink has answered.
//
// Small and large requests (over 1 MiB once decompressed, or over 64 KiB
// compressed) have half of the memory each, so that a few
// slow large ones cannot keep the others waiting. Large ones, and compressed ones unless they turn
// out to be small, are decoded on a worker thread. Decoding waits while its half is exceeded, so
// what bodies grow to is bounded too: by the memory limit plus one request of each half.
//
// Shares: memory and decoding go in turns by client (FairQueue), and of each client a bounded
// number of bytes is with the sink. Memory is reserved for the first bytes of a body, and for the
// rest once they have come; a body that then comes slowly while others wait for memory is answered
// with `unavailable` and its memory taken back.
//
// Threads: io thread. Lifetime: the io_context, sink, clock and stats outlive it.
class Intake {
 public:
  Intake(const IntakeOptions& options, boost::asio::io_context& io, RecordSink& sink,
         const Clock& clock, ServerStats& stats);
  ~Intake();  // joins the worker; late answers of the sink are dropped
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;

  // `client_timeout` is how long the client says it will wait.
  RequestId begin(std::weak_ptr<ReplyTarget> target, std::uint64_t token, const Peer& peer,
                  std::uint64_t connection, std::optional<std::chrono::nanoseconds> client_timeout);

  // Asks for `bytes` more. True: read on. False: on_admitted() or on_reply() follows.
  bool reserve(RequestId id, std::size_t bytes);
  // `bytes` of the body have come, all in all. Answers as reserve().
  bool received(RequestId id, std::size_t bytes);

  // The body is complete. Precondition: no reservation waits.
  void submit(RequestId id, RequestBody body, std::string experiment);

  // The same for a body that its connection has decoded.
  void submit(RequestId id, SplitRequest split, std::string experiment);

  // The body is complete, `bytes` long, and goes elsewhere: what it takes stays reserved until
  // abandon(), and no deadline holds.
  void keep(RequestId id, std::size_t bytes);
  // The same for `bytes` beside these, which something else bounds: they are not waited for.
  void keep_more(RequestId id, std::size_t bytes);

  // On the worker thread, behind the bodies that wait for it. What is left at the end is not run.
  void post_to_worker(std::function<void()> work);

  // The connection answers itself, or is gone: no reply. What is already complete is still stored,
  // since an exporter that hung up will hardly send it again.
  void abandon(RequestId id);

  // No request waits for longer than that any more: what is not stored by then is refused as
  // `unavailable`.
  void answer_by(SteadyTime latest);

  void set_limits(const Limits& limits);  // requests under way keep what they have

  std::size_t in_flight_bytes() const;
  std::size_t max_request_bytes() const { return options_.limits.max_request_bytes; }

 private:
  static constexpr std::size_t kLargeBytes = 1u << 20;
  static constexpr std::size_t kRequestCost = 1024;  // of a request beside its bytes

  enum class State { arriving, complete, decoding, decoded, storing };
  // One half of the memory, and the requests that use it.
  struct Lane {
    Lane(std::size_t limit_bytes, std::size_t floor_bytes) : budget(limit_bytes, floor_bytes) {}
    MemoryBudget budget;
    FairQueue to_decode;
    std::size_t downstream = 0;  // being decoded or stored
  };
  // What of a client is decoded: a bounded part of it is with the sink, so that another client's
  // request does not queue there behind everything that this one has sent.
  struct Outgoing {
    std::size_t stored_bytes = 0;  // with the sink
    std::deque<RequestId> waiting;
  };
  struct Request {
    RequestId id = 0;
    State state = State::arriving;
    bool answered = false;
    bool expired = false;
    bool kept = false;
    std::weak_ptr<ReplyTarget> target;
    std::uint64_t token = 0;
    Peer peer;
    ClientId client;
    SteadyTime deadline;
    Lane* lane = nullptr;
    std::size_t wanted_bytes = 0;
    bool waits_for_memory = false;
    std::size_t held_bytes = 0;
    std::size_t received_bytes = 0;
    SteadyTime granted_at;  // the last time, and how much had come then
    std::size_t received_when_granted = 0;
    RequestBody body;
    std::string experiment, run;
    DecodedRequest decoded;
    std::uint64_t span_count = 0;
    std::uint64_t rejected_spans = 0;
    std::string first_rejection;
  };
  using Requests = std::unordered_map<RequestId, Request>;

  void take_completions(std::vector<IoCompletion>& completions);
  void on_decoded(RequestId id, Result<DecodedRequest> decoded);
  void on_stored(RequestId id, const Result<void>& result);

  void pump();
  std::size_t first_step(const Request& request, std::size_t bytes) const;
  bool ask_for(RequestId id, Request& request, std::size_t bytes);
  void hold(Request& request, std::size_t bytes);
  void move_to(Lane& lane, Request& request);
  void note_grant(Request& request, std::size_t bytes);
  bool grant(Lane& lane);
  bool comes_slowly(const Request& request, SteadyTime now) const;
  std::vector<RequestId> slow_bodies_of(const Lane& lane) const;
  void take_back_memory(Lane& lane);
  void watch_slow_bodies();
  bool may_decode(const Lane& lane) const;
  Request& take_for_decoding(Lane& lane);
  bool decode_next_small();
  bool decode_next_large();
  DecodeOptions decode_options(const Request& request) const;
  void store_or_wait(RequestId id, Request& request, DecodedRequest decoded);
  void store(RequestId id, Request& request);
  void store_next_of(const ClientId& client);

  void answer(RequestId id, Request& request, Reply reply);
  void finish(RequestId id, Reply reply);
  void forget(Requests::iterator it);
  void arm_timer();
  void expire();

  static std::size_t client_bytes_of(const Limits& limits);

  IntakeOptions options_;
  std::size_t client_bytes_;  // what each client may hold whatever others do
  RecordSink& sink_;
  const Clock& clock_;
  ServerStats& stats_;
  Lane small_, large_;
  std::map<ClientId, Outgoing> outgoing_;
  Requests requests_;
  RequestId last_id_ = 0;
  Deadlines deadlines_;
  SteadyTime latest_answer_ = SteadyTime::max();
  IoTimer timer_;
  std::optional<SteadyTime> timer_at_;
  IoTimer slow_bodies_;
  bool watching_slow_bodies_ = false;
  int decoding_on_worker_ = 0;
  bool pumping_ = false;
  std::shared_ptr<CompletionQueue> completion_queue_;
  boost::asio::thread_pool worker_;
};

}  // namespace tracelink
