#include "daemon/mlflow/registration/model_maintenance.hpp"

#include <memory>
#include <utility>

#include "daemon/mlflow/registration/model_choice.hpp"

namespace tracelink {
namespace {

std::string refused(std::string_view what, const Failure& failure) {
  std::string text = std::string(what) + " refused: " + failure.message;
  if (failure.remedy.empty()) return text;
  return text + (text.ends_with('.') ? " " : ". ") + failure.remedy;
}

// Requests one after the other; the first failure that may pass ends them.
class Completion : public std::enable_shared_from_this<Completion> {
 public:
  Completion(TrackingClient& client, std::string model_id, LinkDefinition link,
             AnswerHandler<Warnings> handler)
      : client_(client),
        model_id_(std::move(model_id)),
        link_(std::move(link)),
        handler_(std::move(handler)) {}

  void start(const LoggedModel& model) {
    difference_ = compare(model, link_);
    if (difference_.missing_params.empty()) return set_tags();
    client_.log_model_params(
        model_id_, difference_.missing_params,
        [self = shared_from_this()](const Answer<void>& answer) { self->params_answered(answer); });
  }

 private:
  // Params are insert-only: a refusal may mean that another client was faster. Then the model is
  // read once more.
  void params_answered(const Answer<void>& answer) {
    if (answer) return set_tags();
    if (!answer.error().is_permanent()) return handler_(answer.error());
    if (read_again_) {
      difference_.warnings.push_back(refused("params", answer.error()));
      return set_tags();
    }
    read_again_ = true;
    client_.get_model(model_id_,
                      [self = shared_from_this()](const Answer<std::optional<LoggedModel>>& model) {
                        self->model_read_again(model);
                      });
  }

  void model_read_again(const Answer<std::optional<LoggedModel>>& answer) {
    if (!answer) return handler_(answer.error());
    const auto& model = *answer;
    if (model) return start(*model);
    Failure gone;
    gone.message = "model " + model_id_ + " was deleted meanwhile";
    handler_(std::move(gone));
  }

  void set_tags() {
    if (difference_.tags_to_set.empty()) return handler_(std::move(difference_.warnings));
    client_.set_model_tags(
        model_id_, difference_.tags_to_set,
        [self = shared_from_this()](const Answer<void>& answer) { self->tags_answered(answer); });
  }

  void tags_answered(const Answer<void>& answer) {
    if (!answer && !answer.error().is_permanent()) return handler_(answer.error());
    if (!answer) difference_.warnings.push_back(refused("tags", answer.error()));
    handler_(std::move(difference_.warnings));
  }

  TrackingClient& client_;
  const std::string model_id_;
  const LinkDefinition link_;
  AnswerHandler<Warnings> handler_;
  ModelDifference difference_;
  bool read_again_ = false;
};

class Deletion : public std::enable_shared_from_this<Deletion> {
 public:
  Deletion(TrackingClient& client, std::string experiment_id, std::vector<std::string> model_ids,
           AnswerHandler<Warnings> handler)
      : client_(client),
        experiment_id_(std::move(experiment_id)),
        model_ids_(std::move(model_ids)),
        handler_(std::move(handler)) {}

  void next() {
    if (model_ids_.empty()) return handler_(std::move(warnings_));
    client_.has_traces(experiment_id_, model_ids_.back(),
                       [self = shared_from_this()](const Answer<std::optional<bool>>& answer) {
                         self->looked(answer);
                       });
  }

 private:
  void looked(const Answer<std::optional<bool>>& answer) {
    if (!answer) return refused_or_over(answer.error());
    const std::optional<bool>& used = *answer;
    if (!used) return left("its traces would be in Unity Catalog, where they are not looked for");
    if (*used) return left("it has traces");
    client_.delete_model(
        model_ids_.back(),
        [self = shared_from_this()](const Answer<void>& deleted) { self->deleted(deleted); });
  }

  void deleted(const Answer<void>& answer) {
    const bool gone_already = !answer && answer.error().http_status == 404;
    if (!answer && !gone_already) return refused_or_over(answer.error());
    model_ids_.pop_back();
    next();
  }

  void refused_or_over(const Failure& failure) {
    if (!failure.is_permanent()) return handler_(failure);
    left(failure.message);
  }

  void left(const std::string& reason) {
    warnings_.push_back("twin model " + model_ids_.back() + " was left in place: " + reason);
    model_ids_.pop_back();
    next();
  }

  TrackingClient& client_;
  const std::string experiment_id_;
  std::vector<std::string> model_ids_;
  AnswerHandler<Warnings> handler_;
  Warnings warnings_;
};

void search_next(TrackingClient& client, const std::string& experiment_id,
                 std::vector<std::string> names, std::vector<LoggedModel> found,
                 AnswerHandler<std::vector<LoggedModel>> handler) {
  if (names.empty()) return handler(std::move(found));
  std::string name = std::move(names.back());
  names.pop_back();
  client.search_models(experiment_id, std::move(name),
                       [&client, experiment_id, names = std::move(names), found = std::move(found),
                        handler = std::move(handler)](Answer<std::vector<LoggedModel>> answer) {
                         if (!answer) return handler(answer.error());
                         auto all = *std::move(answer);
                         all.insert(all.end(), found.begin(), found.end());
                         search_next(client, experiment_id, names, std::move(all), handler);
                       });
}

}  // namespace

void search_models_by_names(TrackingClient& client, const std::string& experiment_id,
                            std::vector<std::string> names,
                            AnswerHandler<std::vector<LoggedModel>> handler) {
  search_next(client, experiment_id, std::move(names), {}, std::move(handler));
}

void complete_model(TrackingClient& client, const LoggedModel& model, const LinkDefinition& link,
                    AnswerHandler<Warnings> handler) {
  std::make_shared<Completion>(client, model.model_id, link, std::move(handler))->start(model);
}

void delete_unused_models(TrackingClient& client, std::string experiment_id,
                          std::vector<std::string> model_ids, AnswerHandler<Warnings> handler) {
  std::make_shared<Deletion>(client, std::move(experiment_id), std::move(model_ids),
                             std::move(handler))
      ->next();
}

}  // namespace tracelink
