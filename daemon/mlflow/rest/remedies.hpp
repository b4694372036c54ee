#pragma once

#include <string_view>

// What an operator does about each configuration failure: shown by status and log.
namespace tracelink::remedy {

inline constexpr std::string_view kCredentials =
    "The server wants other credentials: set tracking.username and tracking.password, or "
    "tracking.token (MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD, MLFLOW_TRACKING_TOKEN).";
inline constexpr std::string_view kPermission =
    "The server's user may not do this: give it EDIT permission on the experiment.";
inline constexpr std::string_view kAllowedHosts =
    "The server does not accept the host name in tracking.uri: start it with --allowed-hosts (or "
    "MLFLOW_SERVER_ALLOWED_HOSTS) naming that host with its port, or use an address it accepts.";
inline constexpr std::string_view kWorkspace =
    "The server has no such workspace: correct tracking.workspace (MLFLOW_WORKSPACE), or create "
    "it.";
inline constexpr std::string_view kNoWorkspaces =
    "The server has no workspaces: unset tracking.workspace (MLFLOW_WORKSPACE), or start the "
    "server "
    "with --enable-workspaces.";
inline constexpr std::string_view kUnknownExperiment =
    "The experiment does not exist on this server: correct experiment.id, or set experiment.name, "
    "which is created when missing.";
inline constexpr std::string_view kDeletedExperiment =
    "The experiment is deleted: restore it (mlflow experiments restore), or choose another one.";
inline constexpr std::string_view kExperimentName =
    "The server refuses the experiment's name: choose one of at most 256 characters without NUL.";
inline constexpr std::string_view kReadOnlyDatabase =
    "The server's database is read-only: point the server at the primary database, or wait for the "
    "failover to end.";
inline constexpr std::string_view kDatabaseDown =
    "The server cannot reach its database: start the database, or correct the server's "
    "--backend-store-uri.";
inline constexpr std::string_view kDatabaseFull =
    "The database has no connection left for the server: raise the database's limit, or let the "
    "server take fewer (--workers, MLFLOW_SQLALCHEMYSTORE_POOL_SIZE).";
inline constexpr std::string_view kDatabaseSetup =
    "The server cannot use its database: check its --backend-store-uri, the database's user and "
    "rights, and run mlflow db upgrade.";
inline constexpr std::string_view kRoute =
    "This address does not serve MLflow's REST API: check tracking.uri, its path prefix "
    "(--static-prefix of the server) and the proxies in front of it.";
inline constexpr std::string_view kNotMlflow =
    "Something other than MLflow answers: check tracking.uri and its path prefix (--static-prefix "
    "of the server), and that each proxy in front sends /api, /version and /v1/traces to the "
    "MLflow "
    "server.";
inline constexpr std::string_view kSpansElsewhere =
    "The spans go to something other than MLflow, such as an OpenTelemetry Collector or a "
    "catch-all: "
    "make the proxy in front send /v1/traces to the MLflow server, as it does /api, or set "
    "tracking.uri to the server's own address.";
inline constexpr std::string_view kRedirect =
    "The address redirects elsewhere: set tracking.uri to the final address; a redirect to a login "
    "page means that a proxy wants credentials.";
inline constexpr std::string_view kSqlStore =
    "The server keeps traces in files, which cannot take OpenTelemetry spans: start it with "
    "--backend-store-uri naming a database (sqlite:///mlflow.db will do).";
inline constexpr std::string_view kServerTooOld =
    "Upgrade the MLflow server to 3.6 or newer: older ones store OpenTelemetry spans but never "
    "show "
    "them.";
inline constexpr std::string_view kContent =
    "The server refuses the form of the request: check that no proxy changes Content-Type or "
    "Content-Encoding, and that the server is MLflow 3.6 or newer.";
inline constexpr std::string_view kUnsendable =
    "The request cannot be sent: check tracking.uri, and that token, user name, password, "
    "workspace "
    "and experiment id hold no line break.";
inline constexpr std::string_view kTls =
    "The server's certificate is not trusted: set tracking.ca_file "
    "(MLFLOW_TRACKING_SERVER_CERT_PATH) to the authority's certificate.";
inline constexpr std::string_view kModelName =
    "The server refuses this model name: avoid / : . % \" ' in model.name and model.version, or "
    "set "
    "model.name_policy to auto or portable.";
inline constexpr std::string_view kAmbiguousName =
    "Name one of them by its id in model.id (MLFLOW_ACTIVE_MODEL_ID), or by the name that it was "
    "made for, or delete the other one.";
inline constexpr std::string_view kModelGone =
    "No model has this id on this server, or it is deleted: correct model.id "
    "(MLFLOW_ACTIVE_MODEL_ID), or name the model by model.name.";
inline constexpr std::string_view kNeighbourGone =
    "The models that traces name belong into the experiment of the configured model, which is not "
    "on this server: correct model.id (MLFLOW_ACTIVE_MODEL_ID), or set experiment.name.";
inline constexpr std::string_view kModelFailed =
    "The model's status says that its registration failed: delete it on the server, or choose "
    "another model.name or model.version.";
inline constexpr std::string_view kRefusedValue =
    "The server refuses a value of the model: names and types hold at most 500 characters, keys of "
    "params and tags 255, run ids 32, and none may hold a NUL character.";

// The same of what a trace named: not the daemon's configuration is wrong.
inline constexpr std::string_view kNamedModelName =
    "The server refuses this model name: avoid / : . % \" ' in mlflow.modelName where the "
    "application sets it (resource or root span) and in the attributes that model.name is made of, "
    "or set model.name_policy to auto or portable; 'tracelink models relink NAME NEW' moves the "
    "traces that are kept.";
inline constexpr std::string_view kNamedAmbiguousName =
    "Name one of them by mlflow.modelId where the application sets mlflow.modelName (resource or "
    "root span), or by the name that it was made for, or delete the other one.";
inline constexpr std::string_view kNamedModelGone =
    "No model has this id on this server, or it is deleted: correct mlflow.modelId where the "
    "application sets it (resource or root span); 'tracelink models relink ID NEW' moves the "
    "traces that are kept.";
inline constexpr std::string_view kNamedModelFailed =
    "The model's status says that its registration failed: delete it on the server, or name "
    "another one by mlflow.modelName or mlflow.modelId where the application sets it (resource or "
    "root span); 'tracelink models relink OLD NEW' moves the traces that are kept.";

inline constexpr std::string_view kDeletedElsewhere =
    "The trace is not in the experiment that its deletion names: the application deletes it there.";
inline constexpr std::string_view kChangedTraceUnknown =
    "The trace was deleted on the server, never came here, or is a dead letter itself: replay that "
    "one first, then this change.";

}  // namespace tracelink::remedy
