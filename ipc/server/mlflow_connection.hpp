#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/mlflow/knowledge/model_by_name.hpp"
#include "daemon/mlflow/rest/client_trace_info.hpp"
#include "daemon/mlflow/rest/trace_change.hpp"
#include "daemon/types/link_definition.hpp"
#include "ipc/server/http_connection.hpp"
#include "ipc/server/mlflow_door.hpp"
#include "ipc/server/mlflow_relaying.hpp"
#include "ipc/server/mlflow_request.hpp"
#include "ipc/server/relay_mailbox.hpp"

namespace tracelink {

// A conversation with an MLflow SDK that takes the daemon for its tracking server
// (docs/mlflow-sdk.md): spans, StartTraceV3 and changes of traces are stored, what the SDK asks for
// before each trace is answered from what is known, and so is what it asks of a trace that the
// server does not have yet. All else is passed on to the tracking server as it is, also what is
// told of traces whose names are not those of OpenTelemetry's ids.
class MlflowConnection final : public OtlpHttpConnection {
 public:
  MlflowConnection(StreamSocket socket, Peer peer, ServerContext& context, MlflowDoor& door,
                   std::string first_bytes);

  std::optional<SteadyTime::duration> delays_relay_by() override;

 private:
  Task<bool> serve(Parser& parser) override;
  HttpReply reply_to_refused_peer(const Parser& parser) const override;
  std::string farewell() const override;

  // What the tracking server says within three seconds.
  static constexpr std::chrono::milliseconds kLookAgain{50};
  struct Fetched {
    int status = 0;  // 0: nothing, and `error` says why
    std::string body;
    Error error{ErrorCode::timeout, "no answer within 3 s"};
  };

  Task<bool> refuse_page(Parser& parser, std::string why);
  Task<bool> refuse_target(Parser& parser);
  Task<bool> tell_version(Parser& parser);
  Task<bool> search(Parser& parser);
  Task<bool> send_text(Parser& parser, HttpReply reply);
  Task<std::optional<HttpReply>> read_small_body(Parser& parser);
  HttpReply invalid_request(const std::string& message);
  Task<bool> store_info(Parser& parser);
  Task<HttpReply> keep_info(ClientTraceInfo info);
  Task<bool> tell_experiment(Parser& parser, ExperimentQuery query);
  Task<HttpReply> ask_for_experiment(const Parser& parser, ExperimentQuery query);
  std::optional<HttpReply> known_experiment(const ExperimentQuery& query) const;
  void refresh_experiment(const Parser& parser, const ExperimentQuery& query);

  Task<HttpReply> give_experiment(std::string name, std::string away);
  std::optional<std::string> provisional_experiment(const std::string& id) const;
  Task<bool> find_model(Parser& parser);
  Task<bool> ask_for_model(Parser& parser);
  Task<bool> send_model(Parser& parser, std::string away);
  HttpReply not_noted(const std::string& away, const Error& why) const;
  using Named = std::shared_ptr<const LinkDefinition>;
  Named named_by(const ModelByName& asked) const;
  Task<Result<std::string>> give_id(Named named);
  Task<bool> tell_model(Parser& parser);
  std::string known_model(const std::string& id) const;
  Result<void> explain(ClientTraceInfo& info) const;
  ModelByName told_as(const LinkDefinition& named) const;
  ExperimentRef experiment_of_id(const std::string& id) const;
  std::optional<std::string> real_id(std::string_view id) const;
  void use_real_ids(Parser& parser) const;
  Task<bool> pass_with_real_ids(Parser& parser);
  bool lacks_model(const MlflowRequest& request) const;
  Task<bool> send_lacking_model(Parser& parser);

  Task<bool> store_change(Parser& parser);
  Task<HttpReply> store_changes(const Parser& parser, std::vector<TraceChange> changes);
  std::string named_experiment_of(const TraceChange& change) const;
  Task<bool> delete_by_time(Parser& parser);
  Task<HttpReply> keep_deletion(const Parser& parser, DeletionByTime deletion);
  Task<std::string> known_assessment(const Parser& parser, TraceChange change);
  Task<bool> tell_traces(Parser& parser, TraceRead read);
  // Taken by a large read; given back when nobody has it any more.
  using ReadPlace = std::shared_ptr<void>;
  Task<ReadPlace> take_read_place();
  Task<bool> take_place_for(std::vector<TraceId> traces, ReadPlace& place);
  HttpReply too_many_read();
  Task<std::optional<HttpReply>> queued_answer(const TraceRead& read, ReadPlace& place);
  Task<std::optional<HttpReply>> queued_artifact(const Parser& parser, ReadPlace& place);
  using Finder = std::function<std::optional<std::string>(const std::vector<TraceSlice>&)>;
  Task<std::optional<std::string>> find_stored(TraceId trace, Finder find, ReadPlace& place);
  Task<bool> read_stored(std::size_t bytes, std::function<void()> read, ReadPlace place);
  Task<bool> are_delivered(std::vector<TraceId> traces);
  Task<bool> is_delivered(TraceId trace, SteadyTime deadline);

  Task<bool> take_artifact(Parser& parser);
  Task<bool> store_artifact(Parser& parser);
  Task<bool> drop_body(Parser& parser);
  bool can_be_stored(const Parser& parser) const;
  Task<void> wait_for_spans(TraceId trace);
  Task<void> wait_for_delivery();

  Task<std::optional<Relay::Id>> begin_relayed(RelayRequest request,
                                               std::shared_ptr<RelayMailbox> mailbox);
  void end_relayed(Relay::Id id);
  bool client_is_gone();
  void await_client();
  void client_came(std::size_t bytes);
  Task<bool> write_relayed(std::string text);
  Task<bool> pass_on(Parser& parser);
  Task<bool> pass_whole(Parser& parser);
  Task<bool> pass_when_read(Parser& parser);
  Task<bool> pass_when_delivered(Parser& parser);
  Task<bool> pass_behind_its_traces(Parser& parser);
  Task<Fetched> fetch(RelayRequest request);
  Task<bool> send_no_room(Parser& parser);
  Task<bool> send_body(Parser& parser, Relay::Id id, const RelayMailbox& mailbox);
  Task<bool> refuse_body(Parser& parser, Relay::Id id, Reply refusal);
  Task<bool> pass_answer(Parser& parser, Relay::Id id, RelayMailbox& mailbox);
  Task<bool> pass_answer_body(Relay::Id id, RelayMailbox& mailbox, bool chunked);
  std::shared_ptr<RelayMailbox> make_mailbox();

  MlflowDoor& door_;

  // Of the request that is relayed now.
  bool is_relaying_ = false;
  std::optional<SteadyTime> awaits_client_since_;
  SteadyTime::duration awaited_client_{};  // before that
  std::size_t passed_bytes_ = 0;           // from and to the client
};

}  // namespace tracelink
