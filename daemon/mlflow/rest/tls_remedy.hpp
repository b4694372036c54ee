#pragma once

#include <string_view>

namespace tracelink {

// What an operator does about a TLS handshake that fails, by what libcurl and OpenSSL write; empty
// if `message` is about something else.
std::string_view tls_remedy(std::string_view message);

}  // namespace tracelink
