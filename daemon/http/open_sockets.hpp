#pragma once

#include <set>

#include <curl/curl.h>

namespace tracelink {

// The sockets of a client's connections, idle ones too. Lifetime: outlives the easy handles that it
// observes and the multi handle that keeps their connections. Threads: one.
class OpenSockets {
 public:
  void observe(CURL* easy);

  // What has come is acknowledged now instead of up to 40 ms later (README.md: Nagle).
  void acknowledge() const;

 private:
  static int on_open(void* self, curl_socket_t socket, curlsocktype purpose);
  static int on_close(void* self, curl_socket_t socket);

  std::set<curl_socket_t> sockets_;
};

}  // namespace tracelink
