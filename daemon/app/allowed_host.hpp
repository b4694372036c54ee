#pragma once

#include <string_view>

namespace tracelink {

// Whether the Host header of a request is one that a client of `address` ("host:port", as
// configured) may send. A page in a browser can reach the daemon under a name of its own (DNS
// rebinding), but never under an address: so every address is allowed, and of names `localhost`,
// the one in `address`, and `machine`. So is no header at all, which browsers never send. Pure.
bool is_allowed_host(std::string_view host, std::string_view address, std::string_view machine);

}  // namespace tracelink
