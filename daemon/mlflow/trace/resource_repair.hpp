#pragma once

#include <string>

#include "daemon/mlflow/trace/text_repair.hpp"

namespace tracelink {

// The fields of a ResourceSpans without its scopes, such that servers can store them: they write
// the resource as JSON with a writer that knows no bytes (measured on 3.17.2), which costs the
// whole request, so bytes in an attribute become base64 text, as in OTLP's own JSON. All else keeps
// its bytes. Throws protozero::exception for what is no OTLP.
std::string repair_resource(std::string fields, Repairs& repairs);

}  // namespace tracelink
