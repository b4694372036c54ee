#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/base/result.hpp"
#include "daemon/mlflow/registration/registration.hpp"
#include "daemon/types/ids.hpp"
#include "daemon/types/link_definition.hpp"

namespace tracelink {

// The link that an operator asks for by one word while the daemon runs: "m-" and 32 hex digits are
// an id, anything else a name under the configured name policy, in `experiment`, which is that of
// the configured model if it is empty. What is not seen at the ends of these is no part of them,
// and control characters inside are an error. Params, tags and type of the configuration describe
// another version and are left out, unless the word names the configured model itself.
//
// `resolved`: the configured model, if it is known: where an id is configured without an
// experiment, only the server knows the experiment; until it tells, the link asks for that of the
// id. Error: `invalid`, for the operator. Pure.
Result<LinkDefinition> requested_link(const std::string& word, const LinkDefinition& configured,
                                      const std::optional<ResolvedModel>& resolved,
                                      const ExperimentRef& experiment = {});

// A link that traces may be kept under, and what is known of its model.
struct KnownLink {
  LinkHash link;
  LinkDefinition definition;
  std::optional<ResolvedModel> model;
};

// The one of `links` that an operator means: by the hash, by the id or name that it asks for, or by
// those of its model; "none" is that of traces without a model. Error: `invalid`, with the
// candidates if there are several. Pure.
Result<LinkHash> meant_link(const std::string& word, const std::vector<KnownLink>& links);

}  // namespace tracelink
