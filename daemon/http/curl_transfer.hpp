#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <curl/curl.h>

#include "daemon/http/curl_http_client.hpp"
#include "daemon/http/easy_handles.hpp"
#include "daemon/http/http_client.hpp"

namespace tracelink {

// One request on one easy handle, from its options to its result. Neither copies nor moves: libcurl
// holds pointers into it. Lifetime: `options` and `handles` outlive it; it is destroyed only when
// no multi handle holds the easy handle.
class CurlTransfer {
 public:
  CurlTransfer(const CurlOptions& options, EasyHandles& handles, HttpRequest request,
               HttpClient::Handler handler);
  ~CurlTransfer();
  CurlTransfer(const CurlTransfer&) = delete;
  CurlTransfer& operator=(const CurlTransfer&) = delete;

  // `invalid` if the request holds what cannot be sent (a header with a line break).
  Result<void> prepare();
  CURL* easy() const { return easy_; }
  const HttpClient::Handler& handler() const { return handler_; }

  // What `code` from libcurl means; takes the response.
  Result<HttpResponse> finish(CURLcode code);

 private:
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
  static int on_request(void* self, char* remote, char* local, int remote_port, int local_port);

  void set_connection_options();
  void set_method_and_body();
  Result<void> set_headers();
  bool add_header(const std::string& line);
  bool count_bytes(std::size_t count);
  std::optional<Error> refusal_of_proxy() const;
  Error not_http() const;
  void take_header_line(std::string_view line);

  const CurlOptions& options_;
  EasyHandles& handles_;
  HttpRequest request_;
  HttpClient::Handler handler_;
  HttpResponse response_;
  std::size_t received_bytes_ = 0;
  bool too_large_ = false;
  bool requested_ = false;  // the connection was given the request
  bool status_line_seen_ = false;
  std::string foreign_;  // the first bytes of an answer that is no HTTP
  CURL* easy_;
  curl_slist* header_list_ = nullptr;
  std::array<char, CURL_ERROR_SIZE> error_text_{};
};

}  // namespace tracelink
