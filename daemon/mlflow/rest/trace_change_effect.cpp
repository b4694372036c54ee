#include <algorithm>
#include <utility>

#include "daemon/mlflow/rest/rest_json.hpp"
#include "daemon/mlflow/rest/trace_change.hpp"

// What a change does to what is known of a trace, and what is answered to it.
namespace tracelink {
namespace {

using Kind = TraceChange::Kind;

// As servers merge an update: what it names, and of metadata what it has.
void merge(Json& assessment, const Json& update) {
  for (const auto& [key, value] : update.items()) {
    Json& known = assessment[key];
    if (key == "metadata" && known.is_object() && value.is_object()) {
      known.update(value);
    } else {
      known = value;
    }
  }
}

// Servers say so of each assessment until another one overrides it.
void tell_validity(Json& assessment) {
  if (!assessment.contains("valid")) assessment["valid"] = true;
}

Json* find_assessment(Json& info, const std::string& id) {
  Json& all = info["assessments"];
  if (!all.is_array()) all = Json::array();
  const auto found =
      std::ranges::find_if(all, [&](const Json& a) { return text_at(a, "assessment_id") == id; });
  return found == all.end() ? nullptr : &*found;
}

void set_valid(Json& info, const std::string& id, bool valid) {
  if (Json* const known = id.empty() ? nullptr : find_assessment(info, id)) {
    (*known)["valid"] = valid;
  }
}

void create(Json& info, const Json& assessment) {
  if (find_assessment(info, text_at(assessment, "assessment_id")) != nullptr) return;
  set_valid(info, text_at(assessment, "overrides"), false);
  info["assessments"].push_back(assessment);
  tell_validity(info["assessments"].back());
}

void remove(Json& info, const std::string& id) {
  Json* const known = find_assessment(info, id);
  if (known == nullptr) return;
  const std::string overridden = text_at(*known, "overrides");
  Json& all = info["assessments"];
  all.erase(all.begin() + (known - &all[0]));
  set_valid(info, overridden, true);
}

}  // namespace

void apply_change(const TraceChange& change, Json& info) {
  const Json body = parse_shallow(change.body);
  switch (change.kind) {
    case Kind::set_tag:
      info["tags"][text_at(body, "key")] = text_at(body, "value");
      return;
    case Kind::delete_tag:
      if (info["tags"].is_object()) info["tags"].erase(text_at(body, "key"));
      return;
    case Kind::create_assessment:
      return create(info, member(body, "assessment"));
    case Kind::update_assessment:
      if (Json* const known = find_assessment(info, change.assessment_id)) {
        merge(*known, member(body, "assessment"));
      }
      return;
    case Kind::delete_assessment:
      return remove(info, change.assessment_id);
    case Kind::link_prompts:
    case Kind::delete_trace:
    case Kind::put_artifact:
    case Kind::delete_until:
      return;
  }
}

std::string change_answer(const std::vector<TraceChange>& changes, std::string_view assessment) {
  const TraceChange& change = changes.front();
  if (change.kind == Kind::delete_trace || change.kind == Kind::delete_until) {
    const auto named = std::ranges::count(changes, Kind::delete_trace, &TraceChange::kind);
    return "{\"traces_deleted\":" + std::to_string(named) + "}";
  }
  const bool is_told =
      change.kind == Kind::create_assessment || change.kind == Kind::update_assessment;
  if (!is_told) return "{}";
  Json told = assessment.empty() ? Json::object() : parse_shallow(assessment);
  if (!told.is_object()) told = Json::object();
  merge(told, member(parse_shallow(change.body), "assessment"));
  tell_validity(told);
  Json answer;
  answer["assessment"] = std::move(told);
  return to_text(answer);
}

}  // namespace tracelink
