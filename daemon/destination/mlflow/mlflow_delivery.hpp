#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/destination/destination.hpp"
#include "daemon/destination/mlflow/server_texts.hpp"
#include "daemon/destination/mlflow/spans_proof.hpp"
#include "daemon/destination/request_slots.hpp"
#include "daemon/destination/step_recorder.hpp"
#include "daemon/mlflow/rest/tracking_client.hpp"

namespace tracelink {

// One batch on its way to MLflow. Changes go by themselves (ChangeDelivery); of all else the info
// step of every trace, then the spans of all whose info is stored, then what can be told only after
// them: the end of a trace whose info is not repeatable there, and the token sum where the server's
// own is not that of the whole trace. Spans count as stored when the server shows one trace of the
// POST with them, or did so a moment ago.
//
// A failed info step concerns its trace alone, a refused POST all that were in it. After a failure
// that every trace would meet, what was not sent yet is not sent.
// Threads: the HttpClient's owner. Lifetime: kept alive by its requests; the references outlive
// them.
class MlflowDelivery : public std::enable_shared_from_this<MlflowDelivery> {
 public:
  struct Context {
    TrackingClient& client;
    RequestSlots& request_slots;
    SpansProof& proof;
    ServerTexts& texts;
    StepRecorder& steps;
    Capabilities capabilities;
    std::string model_id;                         // empty: no link
    std::string experiment_id;                    // of traces that the server does not know yet
    std::map<std::string, std::string> metadata;  // mlflow.source.name and the like
    std::map<std::string, std::string> tags;      // give way to the trace's own
    std::uint64_t max_post_bytes = 0;
    // A trace was delivered, and its run did not take it.
    std::function<void(const std::string& run_id, const Failure&)> run_refused{};
  };
  MlflowDelivery(Context context, std::vector<TraceDelivery> batch, Destination::Done done);

  void start();
  // Nothing more is sent; `done` follows when the requests under way have ended.
  void abort(const Failure& failure) { aborted_ = failure; }

 private:
  struct Item {
    TraceDelivery delivery;
    std::string experiment_id;  // where its spans go
    bool info_stored = false;
    bool gave_token_usage = false;  // with StartTraceV3
    bool in_several_posts = false;
    bool joins_others = false;  // the server holds spans of the trace that are not of this delivery
    bool ends_after_spans = false;  // by EndTrace, in place of StartTraceV3
    bool looked_up = false;
    bool spans_stored = false;
    std::optional<Outcome> outcome;
  };
  // One or more requests in a row for the spans of some traces of one experiment.
  struct Post {
    std::string experiment_id;
    std::vector<std::size_t> items;
    bool roots_sent = false;    // of roots_for_times()
    std::size_t next_span = 0;  // of a trace that is too large for one request
    bool is_last = false;       // the request under way is the last of them
  };

  template <class T>
  AnswerHandler<T> counted(DeliveryStep step, AnswerHandler<T> handler) const {
    return context_.steps.counted<T>(step, std::move(handler));
  }
  void send_info(std::size_t index);
  void send_change(std::size_t index);
  void look_up(std::size_t index);
  void found(std::size_t index, const std::string& experiment_id);
  void start_trace(std::size_t index);
  void info_failed(std::size_t index, const Failure& failure);
  void info_stored(std::size_t index);
  void info_finished();

  void post_all();
  std::vector<Post> plan_posts();
  std::vector<std::size_t> infos_alone() const;
  std::string roots_for_times(const Post& post) const;
  std::string next_body(Post& post) const;
  std::string next_piece(Post& post) const;
  void send_post(const std::shared_ptr<Post>& post);
  void post_answered(const std::shared_ptr<Post>& post, const Answer<void>& answer);
  void read_back(const std::shared_ptr<Post>& post);
  void read_back_info(const std::shared_ptr<Post>& post, std::size_t index);
  void read_back_spans(const std::shared_ptr<Post>& post, std::size_t index);
  void read_back_failed(const std::shared_ptr<Post>& post, const Failure& failure);
  void post_refuted(const std::shared_ptr<Post>& post, std::size_t index);
  void post_stored(const std::shared_ptr<Post>& post);
  void post_again(const std::shared_ptr<Post>& post);
  void post_where_it_lives(const std::shared_ptr<Post>& post, const Failure& refusal);

  using Metadata = std::map<std::string, std::string>;
  void spans_stored(std::size_t index);
  void sum_stored_tokens(std::size_t index);
  void write_after_spans(std::size_t index, const std::optional<StoredTrace>& stored);
  void link_to_run(std::size_t index);
  void after_spans_failed(std::size_t index, const Failure& failure);

  bool cut_request_id(Item& item, const Failure& refusal);
  bool replace_nul(Item& item, bool count);
  bool replace_nul(const Post& post);
  bool look_first(const TraceDelivery& delivery) const;
  bool gives_token_usage(const TraceDelivery& delivery) const;
  bool needs_stored_sum(const Item& item) const;
  bool needs_own_sum(const Item& item) const;
  Metadata end_metadata(const Item& item) const;
  void finish(std::size_t index, Outcome outcome);
  void fail(std::size_t index, const Failure& failure, bool batch);

  Context context_;
  std::vector<Item> items_;
  Destination::Done done_;
  std::optional<Failure> aborted_;
  std::size_t open_infos_ = 0;
  std::size_t open_items_ = 0;
};

}  // namespace tracelink
