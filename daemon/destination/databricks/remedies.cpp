#include "daemon/destination/databricks/remedies.hpp"

#include <array>
#include <utility>
#include <vector>

#include "daemon/mlflow/rest/remedies.hpp"

namespace tracelink::remedy {
namespace {

// As SQL has it, also of a name that holds the quote.
std::string quoted(std::string_view name) {
  std::string text = "`";
  for (const char c : name) text += c == '`' ? std::string("``") : std::string(1, c);
  return text + "`";
}

// Of a full name "catalog.schema.table".
std::string quoted_parts(std::string_view name) {
  const auto dot = name.find('.');
  if (dot == std::string_view::npos) return quoted(name);
  return quoted(name.substr(0, dot)) + "." + quoted_parts(name.substr(dot + 1));
}

std::string grant_on_table(const std::string& rights, const std::string& table) {
  return "GRANT " + rights + " ON TABLE " + quoted_parts(table) + " TO `principal`";
}

// Statements that can be run as they are, but for the principal.
std::string grants(const std::string& rights, const TraceStorage& storage) {
  std::string text = "GRANT USE CATALOG ON CATALOG " + quoted(storage.catalog) +
                     " TO `principal`; GRANT USE SCHEMA ON SCHEMA " + quoted(storage.catalog) +
                     "." + quoted(storage.schema) + " TO `principal`; " +
                     grant_on_table(rights, storage.spans_table);
  if (storage.kind == TraceStorage::Kind::table_prefix) {
    text += "; " + grant_on_table(rights, storage.location() + "_otel_annotations");
  }
  return text + ".";
}

bool is_of_tables(const DatabricksRequest& request) {
  const bool of_tables =
      request.call == DatabricksCall::trace_info || request.call == DatabricksCall::spans;
  return of_tables && request.storage.in_unity_catalog();
}

bool is_query(const DatabricksRequest& request) {
  return request.call == DatabricksCall::query && request.storage.in_unity_catalog();
}

// "/Volumes/catalog/schema/volume/…"
std::string volume_permission(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at != std::string::npos && parts.size() < 5;) {
    const std::size_t end = path.find('/', at);
    parts.push_back(path.substr(at, end - at));
    at = end == std::string::npos ? end : end + 1;
  }
  parts.resize(5);
  const std::string schema = quoted(parts[2]) + "." + quoted(parts[3]);
  return "The experiment's artifacts lie in a volume. Grant the daemon's principal: GRANT USE "
         "CATALOG ON CATALOG " +
         quoted(parts[2]) + " TO `principal`; GRANT USE SCHEMA ON SCHEMA " + schema +
         " TO `principal`; GRANT READ VOLUME, WRITE VOLUME ON VOLUME " + schema + "." +
         quoted(parts[4]) + " TO `principal`.";
}

}  // namespace

std::string permission(const DatabricksRequest& request) {
  const TraceStorage& storage = request.storage;
  if (request.call == DatabricksCall::volume) return volume_permission(request.volume);
  if (is_query(request)) {
    return "The principal may not read: give it CAN USE on the SQL warehouse of "
           "databricks.warehouse_id, and by name (ALL PRIVILEGES does not do): " +
           grants("SELECT", storage);
  }
  if (!is_of_tables(request)) {
    return "The daemon's principal may not do this: give it CAN EDIT on the experiment.";
  }
  return "Grant the daemon's principal, by name (ALL PRIVILEGES does not do): " +
         grants("MODIFY, SELECT", storage);
}

std::string missing(const DatabricksRequest& request) {
  if (request.call == DatabricksCall::volume) {
    return "There is no " + request.volume +
           ": the volume that holds the experiment's artifacts is gone, or was renamed.";
  }
  if (is_query(request)) {
    return "There is no such SQL warehouse, or there are no trace tables at " +
           request.storage.location() +
           ": correct databricks.warehouse_id (MLFLOW_TRACING_SQL_WAREHOUSE_ID), or bind the "
           "experiment to a Unity Catalog location that exists.";
  }
  if (is_of_tables(request)) {
    return "There are no trace tables at " + request.storage.location() +
           ": bind the experiment to a Unity Catalog location that exists, or correct "
           "databricks.trace_location.";
  }
  return "The experiment does not exist in this workspace: correct experiment.id, or set "
         "experiment.name to a workspace path whose folder exists, such as /Shared/agent.";
}

std::string upload_refused() {
  return "Object storage refuses the upload of spans: check that this host may reach it (firewall, "
         "proxy, Private Link), that its clock is right, and the rights of the workspace's "
         "storage.";
}

std::string in_databricks_words(const std::string& remedy) {
  const DatabricksRequest of_experiment{DatabricksCall::experiment, {}};
  const std::array<std::pair<std::string_view, std::string>, 9> words{{
      {kPermission, permission(of_experiment)},
      {kUnknownExperiment, missing(of_experiment)},
      {kDeletedExperiment,
       "The experiment is deleted: restore it in the workspace, or choose "
       "another one."},
      {kExperimentName,
       "The workspace refuses the experiment's name: it is a path whose folder "
       "exists, such as /Shared/agent."},
      {kCredentials, std::string(kDatabricksCredentials)},
      {kRedirect, std::string(kWorkspaceRedirect)},
      {kRoute, std::string(kNotDatabricks)},
      {kNotMlflow, std::string(kNotDatabricks)},
      {kUnsendable,
       "The request cannot be sent: check databricks.host, and that no credential "
       "holds a line break."},
  }};
  for (const auto& [of_mlflow, of_databricks] : words) {
    if (remedy == of_mlflow) return of_databricks;
  }
  return remedy;
}

}  // namespace tracelink::remedy
