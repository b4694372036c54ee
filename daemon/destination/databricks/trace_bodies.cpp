#include "daemon/destination/databricks/trace_bodies.hpp"

#include <utility>

#include "daemon/mlflow/rest/rest_json.hpp"
#include "daemon/mlflow/rest/trace_info_json.hpp"
#include "daemon/mlflow/rest/trace_name.hpp"
#include "daemon/mlflow/trace/preview.hpp"
#include "daemon/mlflow/trace/text_limits.hpp"
#include "daemon/mlflow/trace/trace_metadata.hpp"

namespace tracelink {
namespace {

constexpr std::size_t kMaxMetadata = 250;  // of keys and of values
constexpr std::size_t kMaxTag = 4'096;
constexpr char kSchemaVersion[] = "mlflow.trace_schema.version";

using Texts = std::map<std::string, std::string>;

// JSON that is cut is none: it is left out.
bool is_json_value(const std::string& key) { return key == kSizeStatsKey || key == kTokenUsageKey; }

Texts fit_metadata(const Texts& metadata) {
  Texts fitting;
  for (const auto& [key, value] : metadata) {
    const bool is_too_long = first_code_points(value, kMaxMetadata).size() < value.size();
    if (is_too_long && is_json_value(key)) continue;
    fitting[fit_column(key, kMaxMetadata)] = fit_column(value, kMaxMetadata);
  }
  return fitting;
}

Texts metadata_of(const TraceInfo& info, const TraceContext& context, const char* schema) {
  Texts metadata = info.metadata;
  metadata.insert(context.metadata.begin(), context.metadata.end());
  metadata[kSchemaVersion] = schema;
  if (!context.model_id.empty()) metadata[kModelIdKey] = context.model_id;
  if (info.token_usage) metadata[kTokenUsageKey] = info.token_usage->to_json();
  return fit_metadata(metadata);
}

// What the server says about itself by a tag is not repeated to it.
Texts tags_of(const TraceInfo& info, const TraceContext& context) {
  Texts tags;
  for (const auto& [key, value] : info.tags) tags[key] = fit_column(value, kMaxTag);
  for (const auto& [key, value] : context.tags) tags.try_emplace(key, fit_column(value, kMaxTag));
  tags.erase("mlflow.trace.spansLocation");
  tags.erase("mlflow.artifactLocation");
  return tags;
}

Json unity_catalog_location(const TraceStorage& storage) {
  Json place = {{"catalog_name", storage.catalog}, {"schema_name", storage.schema}};
  if (storage.kind == TraceStorage::Kind::schema) {
    // Of its tables the client gives the names without their schema.
    place["otel_spans_table_name"] = storage.spans_table.substr(storage.spans_table.rfind('.') + 1);
    place["otel_logs_table_name"] = "mlflow_experiment_trace_otel_logs";
    return {{"type", "UC_SCHEMA"}, {"uc_schema", place}};
  }
  place["table_prefix"] = storage.prefix;
  place["spans_table_name"] = storage.spans_table;
  return {{"type", "UC_TABLE_PREFIX"}, {"uc_table_prefix", place}};
}

std::string info_json(const TraceInfo& info, const TraceContext& context, TraceInfoForm form) {
  TraceInfo told = info;
  told.tags = tags_of(info, context);
  form.preview_code_points = kLongestPreview;
  return trace_info_json(told, form);
}

}  // namespace

std::string trace_name_in(const TraceStorage& storage, TraceId trace_id) {
  return "trace:/" + storage.location() + "/" + trace_id.hex();
}

std::string experiment_info_body(const TraceInfo& info, const TraceContext& context) {
  return R"({"trace":{"trace_info":)" +
         info_json(info, context,
                   {.trace_id = trace_name(info.trace_id),
                    .location = experiment_location(context.experiment_id),
                    .metadata = metadata_of(info, context, "3")}) +
         "}}";
}

std::string unity_catalog_info_body(const TraceInfo& info, const TraceStorage& storage,
                                    const TraceContext& context) {
  return info_json(info, context,
                   {.trace_id = info.trace_id.hex(),
                    .location = to_text(unity_catalog_location(storage)),
                    .metadata = metadata_of(info, context, "4")});
}

std::string trace_search_body(const TraceStorage& storage, const TraceQuery& query,
                              const std::string& warehouse_id) {
  Json body = {{"locations", Json::array({unity_catalog_location(storage)})},
               {"filter", query.filter},
               {"max_results", query.page_size},
               {"order_by", Json::array({"timestamp_ms DESC"})},
               {"sql_warehouse_id", warehouse_id}};
  if (!query.page_token.empty()) body["page_token"] = query.page_token;
  return to_text(body);
}

}  // namespace tracelink
