#include "daemon/destination/databricks/remedies.hpp"

#include <vector>

namespace tracelink::remedy {
namespace {

std::string quoted(const std::string& name) { return "`" + name + "`"; }

std::string table(const TraceStorage& storage, const std::string& name) {
  return quoted(storage.catalog) + "." + quoted(storage.schema) + "." + quoted(name);
}

// The last part of a full name.
std::string last_part(const std::string& name) { return name.substr(name.rfind('.') + 1); }

std::string tables_of(const TraceStorage& storage) {
  const std::string spans = table(storage, last_part(storage.spans_table));
  if (storage.kind == TraceStorage::Kind::schema) return spans;
  return spans + ", and on " + table(storage, storage.prefix + "_otel_annotations");
}

bool is_of_tables(const DatabricksRequest& request) {
  const bool of_tables =
      request.call == DatabricksCall::trace_info || request.call == DatabricksCall::spans;
  return of_tables && request.storage.in_unity_catalog();
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
  if (!is_of_tables(request)) {
    return "The daemon's principal may not do this: give it CAN EDIT on the experiment.";
  }
  return "Grant the daemon's principal, by name (ALL PRIVILEGES does not do): GRANT USE CATALOG ON "
         "CATALOG " +
         quoted(storage.catalog) + " TO `principal`; GRANT USE SCHEMA ON SCHEMA " +
         quoted(storage.catalog) + "." + quoted(storage.schema) +
         " TO `principal`; GRANT MODIFY, SELECT ON TABLE " + tables_of(storage) +
         " TO `principal`.";
}

std::string missing(const DatabricksRequest& request) {
  if (request.call == DatabricksCall::volume) {
    return "There is no " + request.volume +
           ": the volume that holds the experiment's artifacts is gone, or was renamed.";
  }
  if (is_of_tables(request)) {
    return "There are no trace tables at " + request.storage.location() +
           ": bind the experiment to a Unity Catalog location that exists, or correct "
           "databricks.trace_location.";
  }
  return "The experiment does not exist in this workspace: correct experiment.id, or set "
         "experiment.name to a workspace path such as /Shared/agent.";
}

std::string upload_refused() {
  return "Object storage refuses the upload of spans: check that this host may reach it (firewall, "
         "proxy, Private Link), that its clock is right, and the rights of the workspace's "
         "storage.";
}

}  // namespace tracelink::remedy
