#pragma once

#include <string>
#include <vector>

#include "daemon/mlflow/rest/tracking_client.hpp"
#include "daemon/types/link_definition.hpp"

// Requests about models that exist. Lifetime: like TrackingClient's.
namespace tracelink {

using Warnings = std::vector<std::string>;

// All models of these names.
void search_models_by_names(TrackingClient& client, const std::string& experiment_id,
                            std::vector<std::string> names,
                            AnswerHandler<std::vector<LoggedModel>> handler);

// Sends the params and tags that `model` lacks of `link`; what differs and must not be overwritten,
// and what the server refuses for good, becomes a warning.
void complete_model(TrackingClient& client, const LoggedModel& model, const LinkDefinition& link,
                    AnswerHandler<Warnings> handler);

// Deletes those of the models that have no traces. What the server refuses for good becomes a
// warning.
void delete_unused_models(TrackingClient& client, std::string experiment_id,
                          std::vector<std::string> model_ids, AnswerHandler<Warnings> handler);

}  // namespace tracelink
