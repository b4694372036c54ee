#include "config/key_table.hpp"

#include <algorithm>
#include <array>
#include <type_traits>

#include "config/nearest.hpp"
#include "config/text.hpp"
#include "daemon/text/ascii_case.hpp"

namespace tracelink {
namespace {

template <class Member>
struct MemberType;
template <class Owner, class T>
struct MemberType<T Owner::*> {
  using type = T;
};
template <auto... Path>
struct LastMember;
template <auto Last>
struct LastMember<Last> : MemberType<decltype(Last)> {};
template <auto First, auto... Rest>
struct LastMember<First, Rest...> : LastMember<Rest...> {};

template <auto... Path>
typename LastMember<Path...>::type& at(Config& config) {
  return (config.*....*Path);
}

template <auto... Path>
Word word_at(Config& config) {
  auto& value = at<Path...>(config);
  using Enum = std::remove_reference_t<decltype(value)>;
  return {static_cast<std::size_t>(value),
          [&value](std::size_t number) { value = static_cast<Enum>(number); }};
}

template <auto Member>
constexpr auto kModel = &at<&Config::model, Member>;
template <auto Member>
constexpr auto kExperiment = &at<&Config::experiment, Member>;
template <auto Member>
constexpr auto kTracking = &at<&Config::tracking, Member>;
template <auto Member>
constexpr auto kDatabricks = &at<&Config::databricks, Member>;
template <auto Member>
constexpr auto kSocket = &at<&Config::listen, &ListenConfig::socket, Member>;
template <auto Member>
constexpr auto kListen = &at<&Config::listen, Member>;
template <auto Member>
constexpr auto kForward = &at<&Config::forward, Member>;

constexpr bool kSecret = true;

constexpr std::uint64_t kKiB = 1u << 10;
constexpr std::uint64_t kMiB = kKiB << 10;
constexpr std::uint64_t kGiB = kMiB << 10;
constexpr std::uint64_t kSecond = 1'000;
constexpr std::uint64_t kHour = 3'600 * kSecond;
constexpr std::uint64_t kDay = 24 * kHour;
constexpr std::uint64_t kUnbounded = Range().most;

constexpr auto kKeys = std::to_array<Key>({
    {"model.id", Syntax::text, kModel<&ModelConfig::id>, "", false,
     "Id of an existing LoggedModel (`m-` and 32 hex digits); checked against the server. Not "
     "together with `model.name`."},
    {"model.name", Syntax::name_template, kModel<&ModelConfig::name>, "", false,
     "Name of the LoggedModel that traces are linked to; found, or created."},
    {"model.version", Syntax::name_template, kModel<&ModelConfig::version>, "", false,
     "The model is then called `<name>-<version>`; `git` stands for `git-` and the first 8 digits "
     "of the commit."},
    {"model.git", Syntax::word_or_path, kModel<&ModelConfig::git>, "auto | off", false,
     "Where commit, branch and repository come from: `auto` reads the variables of CI systems, a "
     "path is a work tree that is read. They become tags when the model is created."},
    {"model.type", Syntax::text, kModel<&ModelConfig::type>, "", false,
     "The LoggedModel's `model_type`, such as `agent`."},
    {"model.source_run_id", Syntax::text, kModel<&ModelConfig::source_run_id>, "", false,
     "The MLflow run that made the model."},
    {"model.description", Syntax::lines, kModel<&ModelConfig::description>, "", false,
     "Text that MLflow's page of the model shows, in Markdown; written when the model is created."},
    {"model.source", Syntax::text, kModel<&ModelConfig::source>, "", false,
     "Name that MLflow's page shows as the model's source; empty: the CI job, service unit or "
     "container that creates it, else the repository."},
    {"model.params", Syntax::map, kModel<&ModelConfig::params>, "", false,
     "Parameters of the model; every value is kept as the text that is written."},
    {"model.tags", Syntax::map, kModel<&ModelConfig::tags>, "", false, "Tags of the model."},
    {"model.name_policy", Syntax::word, &word_at<&Config::model, &ModelConfig::name_policy>,
     "auto | exact | portable", false,
     "What to do when the server refuses the characters of the name: `auto` then uses the "
     "portable name, `exact` fails, `portable` never tries the exact one."},
    {"model.delete_twins", Syntax::boolean, kModel<&ModelConfig::delete_twins>, "", false,
     "Whether PENDING models of the same name that this daemon created itself, and that lost to an "
     "older one, are deleted; only those without traces."},
    {"model.from_traces", Syntax::word, &word_at<&Config::model, &ModelConfig::from_traces>,
     "names | ids | off", false,
     "Whether traces may name their own model by `mlflow.modelName` and `mlflow.modelId`: `ids` "
     "takes the id of an existing one only, `off` neither."},
    {"model.max_names",
     Syntax::count,
     kModel<&ModelConfig::max_names>,
     "",
     false,
     "Models in use at a time whose name or id comes from traces; more are held.",
     {1, 10'000}},
    {"experiment.id", Syntax::text, kExperiment<&ExperimentConfig::id>, "", false,
     "Id of an existing experiment. Not together with `experiment.name`."},
    {"experiment.name", Syntax::text, kExperiment<&ExperimentConfig::name>, "", false,
     "Name of the experiment; created if it is missing. Neither: the model's own when it is given "
     "by id, else MLflow's `Default`."},
    {"destination", Syntax::word, &word_at<&Config::destination>, "mlflow | file", false,
     "Where traces go: the tracking server, or files in `archive.dir`."},
    {"tracking.uri", Syntax::tracking_uri, kTracking<&TrackingConfig::uri>, "", false,
     "The MLflow tracking server, `http://` or `https://`, or `databricks`, or "
     "`databricks://PROFILE`. None: traces are accepted and kept until there is one."},
    {"tracking.timeout",
     Syntax::duration,
     kTracking<&TrackingConfig::timeout>,
     "",
     false,
     "For one request to the tracking server.",
     {kSecond / 10, kHour}},
    {"tracking.token", Syntax::header_text, kTracking<&TrackingConfig::token>, "", kSecret,
     "Bearer token. Not used when there are a user name and a password."},
    {"tracking.username", Syntax::header_text, kTracking<&TrackingConfig::username>, "", false,
     "User name for Basic authentication; needs the password too."},
    {"tracking.password", Syntax::header_text, kTracking<&TrackingConfig::password>, "", kSecret,
     "Password for Basic authentication."},
    {"tracking.workspace", Syntax::header_text, kTracking<&TrackingConfig::workspace>, "", false,
     "MLflow workspace, sent with every request."},
    {"tracking.insecure_tls", Syntax::boolean, kTracking<&TrackingConfig::insecure_tls>, "", false,
     "Do not verify the server's certificate. Not together with `tracking.ca_file`."},
    {"tracking.ca_file", Syntax::text, kTracking<&TrackingConfig::ca_file>, "", false,
     "PEM file of the authorities that may sign the server's certificate, or a directory of such "
     "files (`openssl rehash`)."},
    {"tracking.client_cert_file", Syntax::text, kTracking<&TrackingConfig::client_cert_file>, "",
     false, "PEM file with our certificate and its key."},
    {"databricks.profile", Syntax::text, kDatabricks<&DatabricksValues::profile>, "", false,
     "Section of the profile file; `databricks://PROFILE` says the same. Empty: `default_profile` "
     "of its `[__settings__]`, else `[DEFAULT]`."},
    {"databricks.config_file", Syntax::text, kDatabricks<&DatabricksValues::config_file>, "", false,
     "The profile file of Databricks' SDK. Empty: `~/.databrickscfg`, if it is there."},
    {"databricks.host", Syntax::header_text, kDatabricks<&DatabricksValues::host>, "", false,
     "Address of the workspace, such as `https://dbc-a1b2345c-d6e7.cloud.databricks.com`."},
    {"databricks.auth_type", Syntax::header_text, kDatabricks<&DatabricksValues::auth_type>, "",
     false,
     "Which credential counts where there are several: `pat`, `basic`, `oauth-m2m`, `env-oidc`, "
     "`file-oidc` or `azure-client-secret`."},
    {"databricks.account_id", Syntax::header_text, kDatabricks<&DatabricksValues::account_id>, "",
     false,
     "Id of the account, where the host does not tell it and its token endpoint is the account's."},
    {"databricks.workspace_id", Syntax::header_text, kDatabricks<&DatabricksValues::workspace_id>,
     "", false, "Id of the workspace, sent with every request. Empty: what the host tells."},
    {"databricks.discovery_url", Syntax::header_text, kDatabricks<&DatabricksValues::discovery_url>,
     "", false,
     "Metadata of the authorization server that gives tokens. Empty: what the host tells, else "
     "tokens come from `/oidc/v1/token` there."},
    {"databricks.scopes", Syntax::header_text, kDatabricks<&DatabricksValues::scopes>, "", false,
     "OAuth scopes, separated by blanks or commas. Empty: `all-apis`."},
    {"databricks.group_id", Syntax::header_text, kDatabricks<&DatabricksValues::group_id>, "",
     false, "Group whose rights an OAuth token gets in place of the principal's."},
    {"databricks.token", Syntax::header_text, kDatabricks<&DatabricksValues::token>, "", kSecret,
     "Personal access token."},
    {"databricks.username", Syntax::header_text, kDatabricks<&DatabricksValues::username>, "",
     false, "User name of the legacy Basic authentication; needs the password too."},
    {"databricks.password", Syntax::header_text, kDatabricks<&DatabricksValues::password>, "",
     kSecret, "Its password."},
    {"databricks.client_id", Syntax::header_text, kDatabricks<&DatabricksValues::client_id>, "",
     false,
     "Client id of a service principal: with `databricks.client_secret`, or for a federated "
     "token."},
    {"databricks.client_secret", Syntax::header_text, kDatabricks<&DatabricksValues::client_secret>,
     "", kSecret, "OAuth secret of the service principal."},
    {"databricks.oidc_token_env", Syntax::header_text,
     kDatabricks<&DatabricksValues::oidc_token_env>, "", false,
     "Variable that holds a JWT to exchange for a token. Empty: `DATABRICKS_OIDC_TOKEN`, if it is "
     "set."},
    {"databricks.oidc_token_filepath", Syntax::text,
     kDatabricks<&DatabricksValues::oidc_token_filepath>, "", false,
     "File that holds a JWT to exchange for a token, read again at each exchange."},
    {"databricks.azure_workspace_resource_id", Syntax::header_text,
     kDatabricks<&DatabricksValues::azure_workspace_resource_id>, "", false,
     "Azure's id of the workspace, for a principal that the workspace does not know yet."},
    {"databricks.azure_client_id", Syntax::header_text,
     kDatabricks<&DatabricksValues::azure_client_id>, "", false,
     "Application id of a service principal of Microsoft Entra."},
    {"databricks.azure_client_secret", Syntax::header_text,
     kDatabricks<&DatabricksValues::azure_client_secret>, "", kSecret, "Its client secret."},
    {"databricks.azure_tenant_id", Syntax::header_text,
     kDatabricks<&DatabricksValues::azure_tenant_id>, "", false,
     "Its tenant. Empty: the one that the workspace's login page names."},
    {"databricks.azure_environment", Syntax::header_text,
     kDatabricks<&DatabricksValues::azure_environment>, "", false,
     "`PUBLIC`, `USGOVERNMENT` or `CHINA`, where the host's name does not tell."},
    {"databricks.trace_location", Syntax::header_text,
     kDatabricks<&DatabricksConfig::trace_location>, "", false,
     "Unity Catalog tables, `catalog.schema.prefix` or `catalog.schema`, for the traces of "
     "experiments that are bound to none. Empty: such traces are stored beside their experiment."},
    {"databricks.warehouse_id", Syntax::header_text, kDatabricks<&DatabricksConfig::warehouse_id>,
     "", false,
     "SQL warehouse by which commands read traces in Unity Catalog. The daemon needs none."},
    {"archive.dir", Syntax::absolute_path, &at<&Config::archive, &ArchiveConfig::dir>, "", false,
     "Directory of the files that `destination: file` writes."},
    {"archive.max_bytes",
     Syntax::size,
     &at<&Config::archive, &ArchiveConfig::max_bytes>,
     "",
     false,
     "Bound of that directory.",
     {kMiB, kUnbounded}},
    {"state_dir", Syntax::absolute_path, &at<&Config::state_dir>, "", false,
     "Durable state: queue, models, dead letters, quarantine, archive, lock."},
    {"listen.socket.path", Syntax::absolute_path, kSocket<&SocketConfig::path>, "", false,
     "The Unix socket that takes traces; at most 107 bytes."},
    {"listen.socket.mode", Syntax::file_mode, kSocket<&SocketConfig::mode>, "", false,
     "Its permissions."},
    {"listen.socket.owner", Syntax::text, kSocket<&SocketConfig::owner>, "", false,
     "Its owner; empty: the daemon's user."},
    {"listen.socket.group", Syntax::text, kSocket<&SocketConfig::group>, "", false,
     "Its group; empty: the daemon's group."},
    {"listen.socket.allow_uids", Syntax::number_list, kSocket<&SocketConfig::allow_uids>, "", false,
     "Users that may send; both lists empty: whoever can open the socket."},
    {"listen.socket.allow_gids", Syntax::number_list, kSocket<&SocketConfig::allow_gids>, "", false,
     "Groups that may send."},
    {"listen.tcp", Syntax::loopback_address, kListen<&ListenConfig::tcp>, "", false,
     "Second listener, for SDKs that cannot dial a Unix socket. Loopback only: it knows no users."},
    {"listen.mlflow", Syntax::loopback_address, kListen<&ListenConfig::mlflow>, "", false,
     "Listener that is a tracking server to MLflow's SDK (MLFLOW_TRACKING_URI). Loopback only."},
    {"listen.max_request_bytes",
     Syntax::size,
     &at<&Config::limits, &Limits::max_request_bytes>,
     "",
     false,
     "Largest request, before and after decompression.",
     {64 * kKiB, kGiB}},
    {"limits.memory",
     Syntax::size,
     &at<&Config::limits, &Limits::memory>,
     "",
     false,
     "Bytes in flight between the sockets and the disk.",
     {kMiB, kUnbounded}},
    {"limits.connections",
     Syntax::count,
     &at<&Config::limits, &Limits::connections>,
     "",
     false,
     "Open connections of clients.",
     {1, 100'000}},
    {"queue.max_bytes",
     Syntax::size,
     &at<&Config::queue, &QueueConfig::max_bytes>,
     "",
     false,
     "Bound of the queue on disk, with journals and dead letters.",
     {64 * kKiB, kUnbounded}},
    {"queue.on_full", Syntax::word, &word_at<&Config::queue, &QueueConfig::on_full>,
     "wait | reject | drop_oldest", false,
     "At the bound: hold clients back, refuse at once, or drop the oldest segments (counted)."},
    {"forward.connections",
     Syntax::count,
     kForward<&ForwardConfig::connections>,
     "",
     false,
     "Connections to the tracking server.",
     {1, 100}},
    {"forward.max_traces_per_batch",
     Syntax::count,
     kForward<&ForwardConfig::max_traces_per_batch>,
     "",
     false,
     "Traces sent in one request.",
     {1, 10'000}},
    {"forward.max_batch_bytes",
     Syntax::size,
     kForward<&ForwardConfig::max_batch_bytes>,
     "",
     false,
     "Bytes sent in one request.",
     {4 * kKiB, kGiB}},
    {"forward.max_traces_per_second",
     Syntax::count,
     kForward<&ForwardConfig::max_traces_per_second>,
     "",
     false,
     "Traces sent in one second at most. 0: as many as the server takes. After an answer of 429 "
     "fewer are sent, until the server takes more.",
     {0, 100'000}},
    {"forward.trace_grace",
     Syntax::duration,
     kForward<&ForwardConfig::trace_grace>,
     "",
     false,
     "Wait for more spans of a trace after its root has ended.",
     {0, kHour}},
    {"forward.trace_idle",
     Syntax::duration,
     kForward<&ForwardConfig::trace_idle>,
     "",
     false,
     "A trace without its root is sent after this time without a new span.",
     {kSecond / 10, 7 * kDay}},
    {"forward.version_tag", Syntax::text, kForward<&ForwardConfig::version_tag>, "", false,
     "Key of the tag that names the version on each linked trace; empty: no tag."},
    {"shutdown_grace",
     Syntax::duration_or_empty,
     &at<&Config::shutdown_grace>,
     "",
     false,
     "Time to deliver what is queued when told to stop. Empty: 0s with a socket handed over by "
     "systemd, else 5s.",
     {0, kHour}},
    {"control.socket", Syntax::absolute_path, &at<&Config::control, &ControlConfig::socket>, "",
     false, "The Unix socket of the command line; at most 107 bytes."},
    {"control.http", Syntax::address, &at<&Config::control, &ControlConfig::http>, "", false,
     "Address of the status page, `/metrics`, `/healthz` and `/readyz`; empty: none."},
    {"log.level", Syntax::word, &word_at<&Config::log, &LogConfig::level>,
     "trace | debug | info | warn | error", false, "Least important events that are logged."},
    {"log.format", Syntax::word, &word_at<&Config::log, &LogConfig::format>,
     "auto | text | json | journald", false, "`auto`: journald under systemd, else text."},
});

std::string bound_of(const Key& key, std::uint64_t value) {
  if (key.syntax == Syntax::count) return std::to_string(value);
  if (key.syntax == Syntax::size) return format_size(value);
  return format_duration(std::chrono::milliseconds(value));
}

// " from 1 to 100"; nothing for what has no bounds.
std::string from_to(const Key& key) {
  std::string text;
  if (key.range.least > 0) text += " from " + bound_of(key, key.range.least);
  if (key.range.most < kUnbounded) {
    text += (text.empty() ? " up to " : " to ") + bound_of(key, key.range.most);
  }
  return text.empty() || key.syntax == Syntax::count ? text : "," + text;
}

}  // namespace

std::span<const Key> key_table() { return kKeys; }

const Key* find_key(std::string_view path) {
  const auto key = std::ranges::find(kKeys, path, &Key::path);
  return key == kKeys.end() ? nullptr : &*key;
}

bool is_section(std::string_view path) {
  return std::ranges::any_of(kKeys, [&](const Key& key) {
    return key.path.size() > path.size() && key.path.starts_with(path) &&
           key.path[path.size()] == '.';
  });
}

std::string variable_name(const Key& key) {
  std::string name = "TRACELINK_";
  for (const char c : key.path) {
    if (c == '.') {
      name += "__";
    } else {
      name += ascii_upper(c);
    }
  }
  return name;
}

std::string expected(const Key& key) {
  switch (key.syntax) {
    case Syntax::text:
    case Syntax::tracking_uri:
    case Syntax::header_text:
      return "text";
    case Syntax::lines:
      return "text, of several lines too";
    case Syntax::name_template:
      return "text, with {attribute} for an attribute of the traces' resource";
    case Syntax::word:
      return std::string(key.words);
    case Syntax::word_or_path:
      return std::string(key.words) + " | an absolute path";
    case Syntax::boolean:
      return "true | false";
    case Syntax::count:
      return "an integer" + from_to(key);
    case Syntax::size:
      return "a size such as 512KiB, 64MiB, 10GiB" + from_to(key);
    case Syntax::duration:
      return "a duration such as 500ms, 30s, 5m, 1h" + from_to(key);
    case Syntax::duration_or_empty:
      return "a duration such as 500ms, 30s, 5m, 1h" + from_to(key) + ", or empty";
    case Syntax::file_mode:
      return "an octal mode such as 0660";
    case Syntax::absolute_path:
      return "an absolute path";
    case Syntax::address:
      return "host:port";
    case Syntax::loopback_address:
      return "host:port with 127.x.x.x, [::1] or localhost";
    case Syntax::number_list:
      return "a list of numbers from 0 to 4294967294";
    case Syntax::map:
      return "a map of texts";
  }
  return "";
}

std::string nearest_key(std::string_view path) {
  std::vector<std::string_view> paths;
  for (const Key& key : kKeys) {
    paths.push_back(key.path);
    for (auto dot = key.path.find('.'); dot != key.path.npos; dot = key.path.find('.', dot + 1)) {
      paths.push_back(key.path.substr(0, dot));
    }
  }
  return nearest_path(path, paths);
}

}  // namespace tracelink
