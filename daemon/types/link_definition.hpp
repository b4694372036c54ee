#pragma once

#include <map>
#include <string>

namespace tracelink {

// At most one is set; none means "not said".
struct ExperimentRef {
  std::string id;
  std::string name;
  std::string of_model = {};  // the one where the model of this id lives
  bool operator==(const ExperimentRef&) const = default;
  bool empty() const { return id.empty() && name.empty() && of_model.empty(); }
};

enum class NamePolicy { automatic, exact, portable };

// The model version that traces belong to, as configured or named: what is stored with the traces.
// Never a resolved id (unless the operator gave the id), so that it stays true when the model is
// registered later, elsewhere or again.
struct LinkDefinition {
  std::string id;  // m-… when the model was given by id; then `name` and `version` are empty
  std::string name;
  std::string version;  // optional; the model is then called "<name>-<version>"
  NamePolicy name_policy = NamePolicy::automatic;
  std::string type;
  std::string source_run_id;
  std::map<std::string, std::string> params;
  std::map<std::string, std::string> tags;
  // Facts about the source, written when the model is created and never later; a key in `tags`
  // wins.
  std::map<std::string, std::string> source_tags = {};
  ExperimentRef experiment;
  // A trace named it, or an attribute of a trace is part of its name: a peer's choice, which is not
  // held without limit, and whose `name` and `version` are never a template.
  bool named_by_trace = false;
  // What the operator had set at runtime could not be read: this definition, or what was set in its
  // place. No trace is sent before that is decided (ActiveLinks::decide).
  bool undecided = false;

  bool operator==(const LinkDefinition&) const = default;

  // No model is asked for (destination `file` without a model).
  bool empty() const { return id.empty() && name.empty(); }
  std::string model_name() const { return version.empty() ? name : name + "-" + version; }
  // As it was asked for: the id, else the name.
  std::string display_name() const { return id.empty() ? model_name() : id; }
};

}  // namespace tracelink
