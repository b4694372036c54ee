#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "daemon/destination/databricks/batch_delivery.hpp"
#include "daemon/destination/databricks/databricks_client.hpp"
#include "daemon/destination/databricks/sent_spans.hpp"
#include "daemon/destination/databricks/trace_bodies.hpp"
#include "daemon/destination/destination.hpp"
#include "daemon/destination/request_slots.hpp"
#include "daemon/destination/step_recorder.hpp"

namespace tracelink {

// One batch on its way into Unity Catalog: the info of each trace, then the spans of all whose info
// is stored, in requests of at most max_post_bytes. An info may be repeated, spans may not: what is
// acknowledged is not sent again.
//
// A trace of which this daemon has no root gets an info only if the root can still come here; where
// a remote parent shows that it is elsewhere, the daemon that has it writes the info.
// Threads: the HttpClient's owner. Lifetime: kept alive by its requests; the references outlive
// them.
class UnityCatalogDelivery final : public BatchDelivery {
 public:
  struct Context {
    DatabricksClient& client;
    RequestSlots& request_slots;
    StepRecorder& steps;
    SentSpans& sent;
    std::uint64_t& infos_in_doubt;
    TraceStorage storage;
    TraceContext trace;
    std::uint64_t max_post_bytes = 0;
  };
  UnityCatalogDelivery(Context context, std::vector<TraceDelivery> batch, Destination::Done done);

  void start() override;

 private:
  struct Item {
    TraceDelivery delivery;
    std::string otlp;  // what of its spans is to be sent
    std::uint32_t spans = 0;
    bool info_stored = false;
  };
  // One or more requests in a row for the spans of some traces.
  struct Post {
    std::vector<std::size_t> items;
    std::size_t next_span = 0;  // of a trace that is too large for one request
    std::string piece;          // of such a trace: the request under way
    std::uint32_t piece_spans = 0;
  };

  Item item_of(TraceDelivery delivery) const;
  void send_info(std::size_t index);
  void info_answered(std::size_t index, const Answer<void>& answer);
  void info_finished();
  void post_all();
  std::vector<Post> plan_posts() const;
  bool in_pieces(const Post& post) const;
  std::string next_body(Post& post) const;
  void send_post(const std::shared_ptr<Post>& post);
  void post_answered(const std::shared_ptr<Post>& post, const Answer<void>& answer);
  std::vector<SentSpans::Sending> sending(const Post& post) const;
  std::vector<SentSpans::Sent> sent(const Post& post) const;
  void post_failed(const Post& post, const Failure& failure);
  void delivered(std::size_t index);
  void fail(std::size_t index, const Failure& failure, bool batch);

  Context context_;
  std::vector<Item> items_;
  std::size_t open_infos_ = 0;
};

}  // namespace tracelink
