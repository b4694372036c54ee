#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <curl/curl.h>

#include "daemon/http/curl_http_client.hpp"
#include "daemon/http/relay.hpp"

namespace tracelink {

// One relayed request on one easy handle. Neither copies nor moves: libcurl holds pointers into it.
// Lifetime: `options` outlives it; it is destroyed only when no multi handle holds the easy handle.
// Threads: the relay's.
class RelayTransfer {
 public:
  RelayTransfer(const std::string& uri, const CurlOptions& options, RelayRequest request,
                std::shared_ptr<RelayTarget> target);
  ~RelayTransfer();
  RelayTransfer(const RelayTransfer&) = delete;
  RelayTransfer& operator=(const RelayTransfer&) = delete;

  // `invalid` if a header holds what cannot be sent.
  Result<void> prepare();
  CURL* easy() const { return easy_; }

  void send(std::string_view bytes, bool last);
  void taken(std::size_t bytes);
  void end(Result<void> result) { target_->on_end(std::move(result)); }
  // What `code` from libcurl means.
  Result<void> result_of(CURLcode code) const;

 private:
  static std::size_t on_read(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_write(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);

  // libcurl, once it sends a body, waits for that of the answer, which HEAD has not.
  bool drops_body() const { return request_.method == "HEAD"; }
  void set_connection_options();
  void set_method_and_body();
  Result<void> set_headers();
  void add_header(const std::string& line);
  bool count_header(std::size_t bytes);
  void take_header_line(std::string_view line);
  void leave_out_unused_length();

  const CurlOptions& options_;
  const std::string url_;
  RelayRequest request_;
  const std::shared_ptr<RelayTarget> target_;
  std::string outgoing_;         // of the body
  std::size_t outgoing_at_ = 0;  // libcurl has what is before
  bool all_given_ = false;
  bool sending_paused_ = false;
  std::size_t untaken_ = 0;  // of the answer's body
  bool receiving_paused_ = false;
  std::size_t header_bytes_ = 0;  // of the answer, with those of 1xx answers and trailers
  RelayAnswer answer_;
  bool answered_ = false;
  CURL* easy_;
  curl_slist* header_list_ = nullptr;
  std::array<char, CURL_ERROR_SIZE> error_text_{};
};

}  // namespace tracelink
