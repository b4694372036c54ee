#pragma once

#include <string>
#include <string_view>

#include "daemon/destination/databricks/databricks_failure.hpp"

// What an operator does about each configuration failure of Databricks.
namespace tracelink::remedy {

inline constexpr std::string_view kDatabricksCredentials =
    "Databricks refuses the credentials: check databricks.* (DATABRICKS_*), and that the token or "
    "secret has not expired. For traces in Unity Catalog use a service principal (client id and "
    "secret): personal access tokens were refused there.";
inline constexpr std::string_view kWorkspaceRedirect =
    "The address redirects elsewhere: set databricks.host to the workspace's own address. A "
    "redirect to a login page that says private-link-validation-error means that the workspace is "
    "reachable by Private Link only.";
inline constexpr std::string_view kNotDatabricks =
    "Something other than a Databricks workspace answers: check databricks.host and the proxies in "
    "front of it.";
inline constexpr std::string_view kWebPage =
    "A web page refuses in the workspace's place: check databricks.host, the proxies in front of "
    "it, and whether the workspace's IP access list admits this host.";
inline constexpr std::string_view kUnityCatalogSwitch =
    "The workspace has no traces in Unity Catalog: an administrator switches on the preview "
    "\"OpenTelemetry on Databricks\" (Previews, in the workspace's menu); without it, or in a "
    "region "
    "that lacks it, use an experiment that is not bound to a Unity Catalog location.";
inline constexpr std::string_view kExperimentFull =
    "The experiment holds as many traces as it may (100,000 unless Databricks raised it): delete "
    "old traces, choose another experiment.name, or bind one to Unity Catalog, which has no such "
    "limit.";

// The right that the daemon's principal lacks.
std::string permission(const DatabricksRequest& request);
// What is not there.
std::string missing(const DatabricksRequest& request);
std::string upload_refused();

// The same advice for a workspace where `remedy` is that for an MLflow server
// (daemon/mlflow/rest/remedies.hpp), else `remedy`: models and experiments are registered by the
// requests of both.
std::string in_databricks_words(const std::string& remedy);

}  // namespace tracelink::remedy
