#include "config/checks.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <iterator>
#include <string_view>

#include "config/databricks.hpp"
#include "config/default_paths.hpp"
#include "config/file_content.hpp"
#include "config/key_table.hpp"
#include "config/listener_address.hpp"
#include "config/source_facts.hpp"
#include "config/text.hpp"
#include "config/tracking_uri.hpp"
#include "daemon/types/reserved_tags.hpp"

namespace tracelink {
namespace {

constexpr std::size_t kMaxSocketPath = 107;  // sockaddr_un::sun_path without its NUL

void fail(Draft& draft, const std::string& key, std::string message) {
  draft.errors.push_back(problem_of(draft, key, std::move(message)));
}
void warn(Draft& draft, const std::string& key, std::string message) {
  draft.loaded.warnings.push_back(problem_of(draft, key, std::move(message)));
}

std::string found_value(const Draft& draft, const std::string& key, const std::string& value) {
  const auto setting = draft.settings.find(key);
  const std::string quoted = tracelink::quoted(value);
  return setting == draft.settings.end() ? quoted : setting->second.found(quoted);
}

void fill(std::string& value, const std::string& fallback) {
  if (value.empty()) value = fallback;
}

void fill_paths(Draft& draft, const LoadContext& context) {
  Config& config = draft.loaded.config;
  const DefaultPaths paths = default_paths(context.environment, context.is_root, context.uid);
  fill(config.listen.socket.path, paths.runtime_dir + "/tracelink.sock");
  fill(config.control.socket, paths.runtime_dir + "/control.sock");
  fill(config.state_dir, paths.state_dir);
  fill(config.archive.dir, config.state_dir + "/archive");
}

void check_paths(Draft& draft) {
  const Config& config = draft.loaded.config;
  if (config.state_dir.empty()) {
    fail(draft, "state_dir", "no default: neither HOME nor XDG_STATE_HOME is set; set state_dir");
  }
  for (const auto& [key, path] : {std::pair("listen.socket.path", config.listen.socket.path),
                                  std::pair("control.socket", config.control.socket)}) {
    if (path.size() <= kMaxSocketPath) continue;
    fail(draft, key,
         "found a path of " + std::to_string(path.size()) + " bytes, allowed: at most " +
             std::to_string(kMaxSocketPath));
  }
  if (config.listen.socket.path == config.control.socket) {
    fail(draft, "control.socket", "the same path as listen.socket.path; two sockets need two");
  }
}

void check_addresses(Draft& draft) {
  const Config& config = draft.loaded.config;
  const std::pair<const char*, const std::string&> listeners[] = {
      {"listen.tcp", config.listen.tcp},
      {"listen.mlflow", config.listen.mlflow},
      {"control.http", config.control.http}};
  for (auto one = std::begin(listeners); one != std::end(listeners); ++one) {
    for (auto before = std::begin(listeners); before != one; ++before) {
      if (one->second.empty() || before->second.empty()) continue;
      if (!meet(one->second, before->second)) continue;
      fail(draft, one->first,
           "the same address as " + std::string(before->first) + "; two listeners need two");
      break;
    }
  }
}

// Facts about the source are worth less than running, unless the version is one.
void complete_source(Draft& draft, const LoadContext& context) {
  ModelConfig& model = draft.loaded.config.model;
  model.origin = origin_of(context.environment, context.cgroup);
  const bool is_the_version = model.version == "git" && context.model_required;
  auto source = source_facts(model.git, context.environment);
  if (!source) {
    return is_the_version
               ? fail(draft, "model.git", source.error().message + " (model.version is git)")
               : warn(draft, "model.git",
                      source.error().message + "; a new model gets no tags about its source");
  }
  model.git_facts = std::move(source->facts);
  if (!source->origin.empty()) draft.loaded.origins["model.git"] += " with " + source->origin;
  if (!is_the_version) return;
  if (model.git_facts.commit.empty()) {
    return fail(draft, "model.version",
                model.git == "off"
                    ? "git asks for a commit, but model.git is off; set it to auto, or to the "
                      "path of a work tree"
                    : "git asks for a commit, but none of GIT_COMMIT, GITHUB_SHA, CI_COMMIT_SHA, "
                      "BUILD_SOURCEVERSION, SOURCE_COMMIT holds one; set GIT_COMMIT in the "
                      "deployment, or model.git to the path of a work tree");
  }
  model.version = "git-" + model.git_facts.commit.substr(0, 8);
  draft.loaded.origins["model.version"] += " with " + source->origin;
}

// Also by a key that is written wrongly and means one of them: what follows from it is no news.
bool has_error_in(const Draft& draft, std::string_view section) {
  return std::ranges::any_of(draft.errors, [&](const ConfigProblem& error) {
    return error.key.starts_with(section) || nearest_key(error.key).starts_with(section);
  });
}

// Only where the operator says so: a model that was forgotten is an error, not a daemon that holds
// every trace.
bool may_name_theirs(const Draft& draft) {
  return draft.settings.contains("model.from_traces") &&
         draft.loaded.config.model.from_traces != FromTraces::off;
}

void check_tags(Draft& draft) {
  for (const auto& [key, value] : draft.loaded.config.model.tags) {
    if (!is_reserved_tag(key)) continue;
    fail(draft, "model.tags", key + " is set by the daemon itself; remove it");
  }
}

void check_model(Draft& draft, bool required) {
  const Config& config = draft.loaded.config;
  check_tags(draft);
  if (has_error_in(draft, "model") || has_error_in(draft, "destination")) return;
  if (config.model.name.empty() && !config.model.version.empty()) {
    fail(draft, "model.version",
         "a version without a name: the identity is taken whole from the strongest source that "
         "sets part of it; set model.name (TRACELINK_MODEL__NAME) there too");
  } else if (required && is_tracking_server(config.destination) && config.model.id.empty() &&
             config.model.name.empty() && !may_name_theirs(draft)) {
    fail(draft, "model.name",
         "no model: traces are linked to a model version; set model.name or model.id in the file, "
         "TRACELINK_MODEL__NAME, or MLFLOW_ACTIVE_MODEL_ID (or destination: file, or say that "
         "traces name theirs: model.from_traces: names)");
  }
  const auto name = draft.settings.find("model.name");
  if (name != draft.settings.end() && name->second.place.source == "MLFLOW_ACTIVE_MODEL_ID") {
    warn(draft, "model.name",
         tracelink::quoted(config.model.name) +
             " is not a model id (m- and 32 hex digits); taken as a name");
  }
}

// MLflow takes no other characters in the key of a tag that a user sets, and its own tags tell
// other things.
void check_version_tag(Draft& draft) {
  constexpr std::size_t kMaxKey = 250;
  const std::string& key = draft.loaded.config.forward.version_tag;
  const auto is_allowed = [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("_-./:").find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (std::ranges::all_of(key, is_allowed) && key.size() <= kMaxKey &&
      !key.starts_with("mlflow.")) {
    return;
  }
  fail(draft, "forward.version_tag",
       "found " + found_value(draft, "forward.version_tag", key) +
           ", allowed: at most 250 letters, digits and characters of _-./:, not beginning with "
           "mlflow.");
}

// Its credentials are values of their own by now, and the URI is shown.
void strip_uri(TrackingConfig& tracking) {
  const auto parsed = parse_tracking_uri(tracking.uri);
  if (parsed) tracking.uri = parsed->uri;  // else there is none: a wrong value is told already
}

void check_uri(Draft& draft) {
  const Config& config = draft.loaded.config;
  if (!config.tracking.uri.empty() || !is_tracking_server(config.destination)) return;
  if (has_error_in(draft, "tracking") || has_error_in(draft, "destination")) return;
  warn(draft, "tracking.uri",
       "no tracking server: traces are accepted and kept until tracking.uri or "
       "MLFLOW_TRACKING_URI is set");
}

// It stands in front of a tracking server.
void check_mlflow_listener(Draft& draft) {
  const Config& config = draft.loaded.config;
  if (config.listen.mlflow.empty() || is_tracking_server(config.destination)) return;
  fail(draft, "listen.mlflow", "it stands in front of a tracking server: set destination: mlflow");
}

// They become HTTP header lines.
void check_header_values(Draft& draft) {
  const TrackingConfig& tracking = draft.loaded.config.tracking;
  for (const auto& [key, value] : {std::pair("tracking.token", tracking.token),
                                   std::pair("tracking.username", tracking.username),
                                   std::pair("tracking.password", tracking.password),
                                   std::pair("tracking.workspace", tracking.workspace)}) {
    if (has_control_characters(value)) {
      fail(draft, key, "holds a line break or another control character");
    }
  }
}

void check_credentials(Draft& draft) {
  TrackingConfig& tracking = draft.loaded.config.tracking;
  check_header_values(draft);
  if (tracking.username.find(':') != std::string::npos) {
    fail(draft, "tracking.username", "holds a ':', which Basic authentication cannot send");
  }
  if (tracking.insecure_tls && !tracking.ca_file.empty()) {
    fail(draft, "tracking.insecure_tls",
         "set together with tracking.ca_file: either verify by that file, or not at all");
  }
  const bool are_known = !has_error_in(draft, "tracking");
  if (are_known && tracking.username.empty() != tracking.password.empty()) {
    warn(draft, tracking.username.empty() ? "tracking.password" : "tracking.username",
         "not used: Basic authentication needs a user name and a password");
    tracking.username.clear();
    tracking.password.clear();
  }
  if (!tracking.username.empty() && !tracking.token.empty()) {
    warn(draft, "tracking.token", "not used: user name and password win over a token");
    tracking.token.clear();
  }
}

bool is_directory(const std::string& path) {
  std::error_code unreadable;  // then reading it as a file tells why
  return std::filesystem::is_directory(path, unreadable);
}

// Their content is the TLS library's matter, when there is a server to talk to.
void check_certificates(Draft& draft) {
  const TrackingConfig& tracking = draft.loaded.config.tracking;
  for (const auto& [key, path] :
       {std::pair("tracking.ca_file", tracking.ca_file),
        std::pair("tracking.client_cert_file", tracking.client_cert_file)}) {
    if (path.empty() || (key == std::string_view("tracking.ca_file") && is_directory(path)))
      continue;
    const auto read = file_content(path, 1);
    if (read) continue;
    const bool secret = draft.loaded.secrets.contains(key);
    fail(draft, key,
         (secret ? "the file that it names" : found_value(draft, key, path)) + " " +
             read.error().message);
  }
}

}  // namespace

ConfigProblem problem_of(const Draft& draft, const std::string& key, std::string message) {
  const auto setting = draft.settings.find(key);
  const Place place =
      setting == draft.settings.end() ? Place{"configuration"} : setting->second.place;
  return place.problem(key, std::move(message));
}

void complete(Draft& draft, const LoadContext& context) {
  fill_paths(draft, context);
  strip_uri(draft.loaded.config.tracking);
  if (draft.file_unknown) return;
  check_paths(draft);
  check_addresses(draft);
  complete_source(draft, context);
  check_model(draft, context.model_required);
  check_version_tag(draft);
  check_uri(draft);
  complete_databricks(draft, context);
  check_mlflow_listener(draft);
  check_credentials(draft);
  check_certificates(draft);
}

}  // namespace tracelink
