#include "daemon/destination/databricks/remedies.hpp"

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

}  // namespace

std::string permission(DatabricksCall call, const TraceStorage& storage) {
  const bool of_tables = call == DatabricksCall::trace_info || call == DatabricksCall::spans;
  if (!of_tables || !storage.in_unity_catalog()) {
    return "The daemon's principal may not do this: give it CAN EDIT on the experiment.";
  }
  return "Grant the daemon's principal, by name (ALL PRIVILEGES does not do): GRANT USE CATALOG ON "
         "CATALOG " +
         quoted(storage.catalog) + " TO `principal`; GRANT USE SCHEMA ON SCHEMA " +
         quoted(storage.catalog) + "." + quoted(storage.schema) +
         " TO `principal`; GRANT MODIFY, SELECT ON TABLE " + tables_of(storage) +
         " TO `principal`.";
}

std::string missing(DatabricksCall call, const TraceStorage& storage) {
  const bool of_tables = call == DatabricksCall::trace_info || call == DatabricksCall::spans;
  if (of_tables && storage.in_unity_catalog()) {
    return "There are no trace tables at " + storage.location() +
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
