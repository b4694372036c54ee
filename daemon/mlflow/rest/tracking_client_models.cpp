#include <cstdint>
#include <utility>

#include "daemon/mlflow/rest/rest_answers.hpp"
#include "daemon/mlflow/rest/tracking_client.hpp"
#include "daemon/text/percent.hpp"

// TrackingClient's calls about LoggedModels.
namespace tracelink {
namespace {

constexpr char kModels[] = "/api/2.0/mlflow/logged-models";
constexpr int kMaxSearchPages = 1'000;
constexpr std::uint64_t kMaxSearchBytes = 64u << 20;
constexpr char kEndless[] = "the search for models has no end";
constexpr char kUnreadableModel[] =
    "the server's answer to a search has a model without id, name or experiment";

std::string model_path(const std::string& model_id) {
  return std::string(kModels) + "/" + percent_encode(model_id);
}

std::optional<LoggedModel> read_wrapped_model(const Json& json) {
  return read_model(member(json, "model"));
}

Answer<LoggedModel> read_one_model(const Result<HttpResponse>& answer) {
  return read_answer<LoggedModel>(Operation::logged_model, answer, read_wrapped_model);
}

bool holds_all(const std::map<std::string, std::string>& stored,
               const std::map<std::string, std::string>& asked) {
  for (const auto& [key, value] : asked) {
    const auto found = stored.find(key);
    if (found == stored.end() || found->second != value) return false;
  }
  return true;
}

// A cache that looks at less than the whole address answers about another one.
Failure about_another_model(const HttpResponse& response, const LoggedModel& model) {
  return not_mlflow(response, "the server's answer is about model " + model.model_id +
                                  " and not about the one that was asked for");
}

// The server may drop the rest of a body silently
// (docs/mlflow-servers.md#values-of-the-wrong-type).
bool is_as_asked(const LoggedModel& model, const CreateModel& asked) {
  return (asked.name.empty() || model.name == asked.name) &&
         model.experiment_id == asked.experiment_id && model.model_type == asked.model_type &&
         holds_all(model.params, asked.params) && holds_all(model.tags, asked.tags);
}

}  // namespace

struct TrackingClient::ModelSearch {
  ModelQuery query;
  std::string name;  // empty: whatever the query finds
  std::string page_token;
  int pages = 0;
  std::uint64_t bytes = 0;  // of the answers
  std::vector<LoggedModel> models;
  AnswerHandler<std::vector<LoggedModel>> handler;
};

void TrackingClient::create_model(CreateModel asked, AnswerHandler<LoggedModel> handler) {
  std::string body = create_model_body(asked);
  send(
      request("POST", kModels, std::move(body)),
      [asked = std::move(asked), handler = std::move(handler)](const Result<HttpResponse>& answer) {
        auto model = read_one_model(answer);
        if (model && !is_as_asked(*model, asked)) {
          return handler(unexpected_answer(
              *answer, "the server created model " + model->model_id + " unlike it was asked"));
        }
        handler(std::move(model));
      });
}

void TrackingClient::get_model(const std::string& model_id,
                               AnswerHandler<std::optional<LoggedModel>> handler) {
  send(request("GET", model_path(model_id)),
       [model_id, handler = std::move(handler)](const Result<HttpResponse>& answer) {
         if (is_unknown_resource(answer)) return handler(std::optional<LoggedModel>());
         auto model = read_one_model(answer);
         if (model && model->model_id != model_id) {
           return handler(about_another_model(*answer, *model));
         }
         handler(optional_of(std::move(model)));
       });
}

void TrackingClient::search_models(std::string experiment_id, std::string name,
                                   AnswerHandler<std::vector<LoggedModel>> handler) {
  auto search = std::make_shared<ModelSearch>();
  search->query.filter = name_filter(name);
  search->query.experiment_id = std::move(experiment_id);
  search->name = std::move(name);
  search->handler = std::move(handler);
  search_page(search);
}

void TrackingClient::query_models(ModelQuery query,
                                  AnswerHandler<std::vector<LoggedModel>> handler) {
  auto search = std::make_shared<ModelSearch>();
  search->query = std::move(query);
  search->handler = std::move(handler);
  search_page(search);
}

void TrackingClient::search_page(const std::shared_ptr<ModelSearch>& search) {
  std::string body = search_models_body(search->query, search->page_token);
  send(request("POST", std::string(kModels) + "/search", std::move(body)),
       [this, search](const Result<HttpResponse>& answer) {
         const Answer<Json> page = read_json(Operation::logged_model, answer);
         if (!page) return search->handler(page.error());
         const Json& json = *page;
         for (const Json& item : member(json, "models")) {
           auto model = read_model(item);
           // What cannot be read may be the model, of which there would then be two.
           if (!model) return search->handler(not_mlflow(*answer, kUnreadableModel));
           if (model->experiment_id != search->query.experiment_id) continue;
           // Some databases compare names without regard to case.
           if (search->name.empty() || model->name == search->name) {
             search->models.push_back(*std::move(model));
           }
         }
         const std::string before =
             std::exchange(search->page_token, text_at(json, "next_page_token"));
         if (search->page_token.empty()) return search->handler(std::move(search->models));
         search->bytes += answer->body.size();
         const bool is_endless = ++search->pages == kMaxSearchPages ||
                                 search->bytes > kMaxSearchBytes || search->page_token == before;
         if (is_endless) return search->handler(unexpected_answer(*answer, kEndless));
         search_page(search);
       });
}

void TrackingClient::finalize_model(const std::string& model_id,
                                    AnswerHandler<LoggedModel> handler) {
  const Json body = {{"model_id", model_id}, {"status", "LOGGED_MODEL_READY"}};
  send(request("PATCH", model_path(model_id), to_text(body)),
       [model_id, handler = std::move(handler)](const Result<HttpResponse>& answer) {
         auto model = read_one_model(answer);
         if (model && model->model_id != model_id) {
           return handler(about_another_model(*answer, *model));
         }
         if (model && model->status != "READY") {
           return handler(unexpected_answer(*answer, "the model did not become READY"));
         }
         handler(std::move(model));
       });
}

void TrackingClient::set_model_tags(const std::string& model_id,
                                    const std::map<std::string, std::string>& tags,
                                    AnswerHandler<void> handler) {
  const Json body = {{"model_id", model_id}, {"tags", key_values(tags)}};
  change_model("PATCH", model_path(model_id) + "/tags", to_text(body), std::move(handler));
}

void TrackingClient::log_model_params(const std::string& model_id,
                                      const std::map<std::string, std::string>& params,
                                      AnswerHandler<void> handler) {
  const Json body = {{"model_id", model_id}, {"params", key_values(params)}};
  change_model("POST", model_path(model_id) + "/params", to_text(body), std::move(handler));
}

void TrackingClient::delete_model_tag(const std::string& model_id, const std::string& key,
                                      AnswerHandler<void> handler) {
  change_model("DELETE", model_path(model_id) + "/tags/" + percent_encode(key), "",
               std::move(handler));
}

void TrackingClient::delete_model(const std::string& model_id, AnswerHandler<void> handler) {
  change_model("DELETE", model_path(model_id), "", std::move(handler));
}

void TrackingClient::change_model(std::string method, const std::string& path, std::string body,
                                  AnswerHandler<void> handler) {
  send(request(std::move(method), path, std::move(body)),
       [handler = std::move(handler)](const Result<HttpResponse>& answer) {
         handler(read_nothing(Operation::logged_model, answer));
       });
}

void TrackingClient::search_traces(const TraceQuery& query, AnswerHandler<TracePage> handler) {
  send(request("POST", "/api/3.0/mlflow/traces/search", search_traces_body(query)),
       [handler = std::move(handler)](const Result<HttpResponse>& answer) {
         handler(read_answer<TracePage>(Operation::logged_model, answer, read_trace_page));
       });
}

void TrackingClient::has_traces(const std::string& experiment_id, const std::string& model_id,
                                AnswerHandler<std::optional<bool>> handler) {
  if (options_.traces_in_tables == TracesInTables::of_no_experiment) {
    return search_linked_traces(experiment_id, model_id, std::move(handler));
  }
  get_experiment(experiment_id, [this, experiment_id, model_id, handler = std::move(handler)](
                                    const Answer<Experiment>& experiment) {
    if (!experiment) return handler(experiment.error());
    const bool in_tables =
        experiment->traces_in_tables || options_.traces_in_tables == TracesInTables::of_all;
    if (in_tables) return handler(std::optional<bool>());
    search_linked_traces(experiment_id, model_id, handler);
  });
}

void TrackingClient::search_linked_traces(const std::string& experiment_id,
                                          const std::string& model_id,
                                          AnswerHandler<std::optional<bool>> handler) {
  send(
      request("POST", "/api/3.0/mlflow/traces/search", linked_traces_body(experiment_id, model_id)),
      [handler = std::move(handler)](const Result<HttpResponse>& answer) {
        const auto read = [](const Json& json) -> std::optional<bool> {
          return !member(json, "traces").empty();
        };
        handler(optional_of(read_answer<bool>(Operation::logged_model, answer, read)));
      });
}

}  // namespace tracelink
