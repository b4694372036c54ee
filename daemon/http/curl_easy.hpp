#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <curl/curl.h>

#include "daemon/http/curl_http_client.hpp"

// What every transfer with libcurl has in common.
namespace tracelink {

CURLM* new_multi();

// The number that its owner knows a transfer by, carried in libcurl's one pointer per transfer.
void set_number(CURL* easy, std::uint64_t number);
std::uint64_t number_of(CURL* easy);

// Proxy, TLS, protocol, and that no signal, resolver or tunnel answer is in the way.
void set_common_options(CURL* easy, const CurlOptions& options, const std::string& url);

// What libcurl says of a failure, without the password of a proxy that it quotes. If the proxy is
// what cannot be used, it begins with kOfProxy and the variable that names it.
std::string error_text(CURL* easy, const CurlOptions& options, const char* error_buffer,
                       CURLcode code);

// A control character: the text cannot be part of a header (RFC 9110 5.5).
bool breaks_a_header(std::string_view text);

}  // namespace tracelink
