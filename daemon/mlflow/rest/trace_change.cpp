#include "daemon/mlflow/rest/trace_change.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "daemon/mlflow/rest/client_trace_info.hpp"
#include "daemon/mlflow/rest/rest_json.hpp"
#include "daemon/mlflow/rest/trace_name.hpp"
#include "daemon/text/base64.hpp"
#include "daemon/text/json_text.hpp"
#include "daemon/text/percent.hpp"

namespace tracelink {
namespace {

using Kind = TraceChange::Kind;

constexpr std::string_view kTraces[] = {"/api/3.0/mlflow/traces/", "/api/2.0/mlflow/traces/"};
constexpr std::string_view kAssessments = "assessments";
constexpr std::string_view kLinkPrompts = "link-prompts";
constexpr std::string_view kDeleteTraces = "delete-traces";
// Each deletion of a request has a copy of it.
constexpr std::size_t kMaxExperimentIdBytes = 256;
constexpr std::string_view kArtifacts = "/api/2.0/mlflow-artifacts/artifacts/";
constexpr std::string_view kOfTraces = "/traces/";
constexpr std::string_view kAttachments = "artifacts/attachments/";
constexpr std::string_view kSpansFile = "artifacts/traces.json";
constexpr std::string_view kArtifactSlice = "{\"kind\":\"put_artifact\"";
constexpr std::string_view kDeletionSlice = "{\"kind\":\"delete_trace\"";

using KindWord = std::pair<Kind, std::string_view>;
constexpr std::array<KindWord, 9> kKinds = {{
    {Kind::set_tag, "set_tag"},
    {Kind::delete_tag, "delete_tag"},
    {Kind::create_assessment, "create_assessment"},
    {Kind::update_assessment, "update_assessment"},
    {Kind::delete_assessment, "delete_assessment"},
    {Kind::link_prompts, "link_prompts"},
    {Kind::delete_trace, "delete_trace"},
    {Kind::put_artifact, "put_artifact"},
    {Kind::delete_until, "delete_until"},
}};

Error invalid(std::string message) { return {ErrorCode::invalid, std::move(message)}; }

Error other_name(std::string message) { return {ErrorCode::rejected, std::move(message)}; }

std::string_view take_segment(std::string_view& path) {
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(std::min(segment.size() + 1, path.size()));
  return segment;
}

// What the path says; two of them name their traces in the body.
std::optional<TraceChange> read_route(std::string_view method, std::string_view path) {
  const auto* const root =
      std::ranges::find_if(kTraces, [&](std::string_view r) { return path.starts_with(r); });
  if (root == std::end(kTraces)) return std::nullopt;
  path.remove_prefix(root->size());
  TraceChange change;
  if (method == "POST" && (path == kLinkPrompts || path == kDeleteTraces)) {
    change.kind = path == kLinkPrompts ? Kind::link_prompts : Kind::delete_trace;
    return change;
  }
  const auto trace = trace_of_name(take_segment(path));
  if (!trace) return std::nullopt;
  change.trace_id = *trace;
  if (path == "tags" && (method == "PATCH" || method == "DELETE")) {
    change.kind = method == "PATCH" ? Kind::set_tag : Kind::delete_tag;
    return change;
  }
  if (take_segment(path) != kAssessments || root != std::begin(kTraces)) return std::nullopt;
  change.assessment_id = take_segment(path);
  if (!path.empty()) return std::nullopt;
  if (change.assessment_id.empty() && method == "POST") {
    change.kind = Kind::create_assessment;
    return change;
  }
  if (change.assessment_id.empty() || (method != "PATCH" && method != "DELETE")) {
    return std::nullopt;
  }
  change.kind = method == "PATCH" ? Kind::update_assessment : Kind::delete_assessment;
  return change;
}

Result<void> complete_tag(TraceChange& change, const Json& body) {
  if (text_at(body, "key").empty()) return invalid("the body has no key");
  Json kept = {{"key", text_at(body, "key")}};
  if (change.kind == Kind::set_tag) kept["value"] = text_at(body, "value");
  change.body = to_text(kept);
  return {};
}

Result<void> complete_assessment(TraceChange& change, const Json& body) {
  Json assessment = member(body, "assessment");
  if (!assessment.is_object()) return invalid("the body has no assessment");
  assessment["trace_id"] = trace_name(change.trace_id);
  if (change.kind == Kind::update_assessment) {
    assessment["assessment_id"] = change.assessment_id;
  } else {
    const std::string given = text_at(assessment, "assessment_id");
    change.assessment_id = given.empty() ? derived_assessment_id(to_text(assessment)) : given;
    assessment["assessment_id"] = change.assessment_id;
  }
  Json kept = body;
  kept["assessment"] = std::move(assessment);
  change.body = to_text(kept);
  return {};
}

Result<void> complete_prompts(TraceChange& change, const Json& body) {
  const auto trace = trace_of_name(text_at(body, "trace_id"));
  if (!trace) return other_name("trace_id is not tr- and 32 hex digits");
  if (!member(body, "prompt_versions").is_array()) return invalid("there are no prompt_versions");
  change.trace_id = *trace;
  change.body = to_text(body);
  return {};
}

Result<void> complete(TraceChange& change, const Json& body) {
  switch (change.kind) {
    case Kind::set_tag:
    case Kind::delete_tag:
      return complete_tag(change, body);
    case Kind::create_assessment:
    case Kind::update_assessment:
      return complete_assessment(change, body);
    case Kind::delete_assessment:
      change.body = to_text(
          {{"trace_id", trace_name(change.trace_id)}, {"assessment_id", change.assessment_id}});
      return {};
    case Kind::link_prompts:
      return complete_prompts(change, body);
    case Kind::delete_trace:
    case Kind::put_artifact:
    case Kind::delete_until:
      break;
  }
  return {};
}

Result<std::vector<TraceChange>> read_deletions(const Json& body) {
  const std::string experiment = text_at(body, "experiment_id");
  if (experiment.size() > kMaxExperimentIdBytes) {
    return invalid("experiment_id has more than " + std::to_string(kMaxExperimentIdBytes) +
                   " bytes");
  }
  std::vector<TraceChange> changes;
  for (const Json& name : member(body, "request_ids")) {
    const auto trace = name.is_string() ? trace_of_name(name.get<std::string>()) : std::nullopt;
    if (!trace) return other_name("one of request_ids is not tr- and 32 hex digits");
    changes.push_back(deletion_of(*trace, experiment));
  }
  return changes;
}

// Characters that a server, or something on the way to it, could read as another path.
bool is_plain(std::string_view path) {
  return path.find('%') == std::string_view::npos && path.find('\\') == std::string_view::npos &&
         path.find("..") == std::string_view::npos && path.find("//") == std::string_view::npos;
}

std::string assessments_path(const TraceChange& change) {
  return std::string(kTraces[0]) + trace_name(change.trace_id) + "/" + std::string(kAssessments);
}

std::string assessment_path(const TraceChange& change) {
  return assessments_path(change) + "/" + percent_encode(change.assessment_id);
}

std::string tags_path(const TraceChange& change) {
  return std::string(kTraces[1]) + trace_name(change.trace_id) + "/tags";
}

}  // namespace

bool is_trace_change(std::string_view method, std::string_view path) {
  return read_route(method, path).has_value();
}

Result<std::vector<TraceChange>> read_trace_changes(std::string_view method, std::string_view path,
                                                    std::string_view body) {
  TraceChange change = *read_route(method, path);
  const auto json = parse_client_body(body.empty() ? "{}" : body);
  if (!json) return json.error();
  if (change.kind == Kind::delete_trace) return read_deletions(*json);
  if (auto completed = complete(change, *json); !completed) return std::move(completed).error();
  return std::vector<TraceChange>{std::move(change)};
}

ChangeRequest request_of(const TraceChange& change) {
  switch (change.kind) {
    case Kind::set_tag:
      return {.method = "PATCH", .path = tags_path(change), .body = change.body};
    case Kind::delete_tag:
      return {.method = "DELETE", .path = tags_path(change), .body = change.body};
    case Kind::create_assessment:
      return {.method = "POST", .path = assessments_path(change), .body = change.body};
    case Kind::update_assessment:
      return {.method = "PATCH", .path = assessment_path(change), .body = change.body};
    case Kind::delete_assessment:
      return {.method = "DELETE", .path = assessment_path(change), .body = change.body};
    case Kind::put_artifact:
      return {.method = "PUT",
              .path = text_at(parse_shallow(change.body), "path"),
              .body = change.content,
              .content_type = "application/octet-stream"};
    case Kind::link_prompts:
    case Kind::delete_trace:
    case Kind::delete_until:
      break;
  }
  const bool is_deletion = change.kind != Kind::link_prompts;
  return {.method = "POST",
          .path = std::string(kTraces[1]) + std::string(is_deletion ? kDeleteTraces : kLinkPrompts),
          .body = change.body};
}

std::optional<TraceId> artifact_trace(std::string_view path) {
  const auto at = path.rfind(kOfTraces);
  if (!path.starts_with(kArtifacts) || at == std::string_view::npos || !is_plain(path)) {
    return std::nullopt;
  }
  std::string_view rest = path.substr(at + kOfTraces.size());
  const auto trace = trace_of_name(take_segment(rest));
  const bool is_attachment = rest.starts_with(kAttachments) && rest.size() > kAttachments.size() &&
                             rest.find('/', kAttachments.size()) == std::string_view::npos;
  return is_attachment || rest == kSpansFile ? trace : std::nullopt;
}

bool is_spans_file(std::string_view path) { return path.ends_with(kSpansFile); }

TraceChange artifact_change(std::string_view path, std::string bytes) {
  return TraceChange{.kind = Kind::put_artifact,
                     .trace_id = *artifact_trace(path),
                     .assessment_id = {},
                     .body = to_text({{"path", path}}),
                     .content = std::move(bytes)};
}

std::string experiment_of_change(const TraceChange& change) {
  if (change.kind == Kind::delete_trace || change.kind == Kind::delete_until) {
    return text_at(parse_shallow(change.body), "experiment_id");
  }
  if (change.kind != Kind::put_artifact) return {};
  std::string_view path = change.body;  // {"path":"/api/…/artifacts/<id>/traces/…
  path.remove_prefix(std::min(path.find(kArtifacts), path.size()));
  path.remove_prefix(std::min(kArtifacts.size(), path.size()));
  return std::string(take_segment(path));
}

bool is_artifact(std::string_view change) { return change.starts_with(kArtifactSlice); }

bool is_trace_deletion(std::string_view change) { return change.starts_with(kDeletionSlice); }

TraceSlice trace_change_slice(const TraceChange& change) {
  const auto* const kind = std::ranges::find(kKinds, change.kind, &KindWord::first);
  TraceSlice slice;
  slice.trace_id = change.trace_id;
  std::string& json = slice.change;
  json.reserve(change.body.size() + change.content.size() / 3 * 4 + 128);  // else it may take twice
  json.append("{\"kind\":\"").append(kind->second).append("\"");
  if (!change.assessment_id.empty()) {
    json.append(",\"assessment_id\":").append(to_text(change.assessment_id));
  }
  json.append(",\"body\":").append(change.body);
  if (change.kind == Kind::put_artifact) {
    json.replace(json.size() - 1, 1, ",\"content\":\"");
    append_base64(json, change.content);
    json.append("\"}");
  }
  json += '}';
  return slice;
}

Result<TraceChange> stored_trace_change(TraceId trace_id, std::string_view json) {
  Json stored = parse_shallow(json);
  const std::string word = text_at(stored, "kind");
  const auto* const kind = std::ranges::find(kKinds, std::string_view(word), &KindWord::second);
  if (kind == kKinds.end() || !member(stored, "body").is_object()) {
    return invalid("it is no change of a trace: kind or body is wrong");
  }
  TraceChange change{.kind = kind->first,
                     .trace_id = trace_id,
                     .assessment_id = text_at(stored, "assessment_id"),
                     .body = {}};
  Json& body = stored["body"];
  if (change.kind == Kind::put_artifact) {
    if (artifact_trace(text_at(body, "path")) != trace_id) {
      return invalid("its path is of no artifact of the trace");
    }
    const Json& text = member(body, "content");
    auto bytes = text.is_string() ? parse_base64(text.get_ref<const std::string&>()) : std::nullopt;
    if (!bytes) return invalid("its content is no base64");
    change.content = *std::move(bytes);
    body.erase("content");
  }
  change.body = to_text(body);
  return change;
}

}  // namespace tracelink
