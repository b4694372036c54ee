#pragma once

#include <string_view>

namespace tracelink {

// Whether two listeners at these addresses ("host:port") would be one: of one port, and of hosts
// that are the same or of which one means all. Port 0 is a free one each time. Pure. Precondition:
// both are addresses that the configuration takes.
bool meet(std::string_view one, std::string_view other);

}  // namespace tracelink
