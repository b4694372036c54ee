#pragma once

#include <map>
#include <string>

#include "daemon/destination/destination.hpp"
#include "daemon/mlflow/registration/registration.hpp"
#include "daemon/mlflow/rest/answer.hpp"

namespace tracelink {

// Where the traces of a link go on a tracking server.
struct LinkTarget {
  std::string model_id;  // empty: they are linked to none
  std::string experiment_id;
  std::string version;  // the model's, as it was asked for
};

// The target of a link, or why it has none now: its model is being registered (transient, of the
// link), was refused, or nothing names an experiment. `experiment`: what the client asked for, as
// Record::experiment; empty: the link's. Makes the registrar want the link, and an experiment that
// is named.
Answer<LinkTarget> find_target(Registrar& registrar, const LinkLookup& lookup, const LinkHash& link,
                               const std::string& experiment);

// The definition of the link of a trace cannot be had: it cannot be read now (transient), or it is
// lost.
Failure missing_definition(const LinkHash& link, const Error& error);

// The tag that names the version of a linked trace; none without a `key` or a version.
std::map<std::string, std::string> version_tags(const std::string& key, const LinkTarget& target);

// The registrar asks again about a model or an experiment of its own that a delivery was refused
// for. `experiment` as in find_target().
void verify_after(Registrar& registrar, const LinkHash& link, const std::string& experiment,
                  const Failure& refusal);

}  // namespace tracelink
