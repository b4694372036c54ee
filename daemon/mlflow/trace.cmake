# What a trace is told to MLflow as: no I/O, no requests.
tracelink_library(
  NAME mlflow_trace
  SOURCES
    any_value.cpp
    json_to_any_value.cpp
    mlflow_attributes.cpp
    model_naming.cpp
    preview.cpp
    python_json.cpp
    size_stats.cpp
    span_view.cpp
    text_limits.cpp
    text_repair.cpp
    token_usage.cpp
    trace_info.cpp
    traces_data.cpp
  DEPS tracelink::base tracelink::types tracelink::codec nlohmann_json::nlohmann_json)
