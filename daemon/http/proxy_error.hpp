#pragma once

#include <string_view>

namespace tracelink {

// How the message of an error begins that is the proxy's, not the server's; the variable that names
// the proxy follows.
inline constexpr std::string_view kOfProxy = "cannot use the proxy of ";
// What an operator does about it.
inline constexpr std::string_view kProxyRemedy =
    "If the address is right, make the proxy take connections. Else write the variable that the "
    "reason names as http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT with the special "
    "characters of user and password as %XX; or unset it, or name the server's host in no_proxy; "
    "then restart tracelinkd.";

}  // namespace tracelink
