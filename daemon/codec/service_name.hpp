#pragma once

#include <string_view>

namespace tracelink {

// `service.name` of the first resource that has one; empty if there is none, or if it is not a
// text. `traces_data`: an OTLP TracesData message; the name is a view of it.
std::string_view service_name(std::string_view traces_data);

}  // namespace tracelink
