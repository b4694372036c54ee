#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/http/http_client.hpp"

namespace tracelink {

class CurlTransfer;
class EasyHandles;
class OpenSockets;

struct CurlOptions {
  bool insecure_tls = false;
  std::string ca_file{};           // PEM bundle, or directory of such, instead of the system's
  std::string client_cert_file{};  // one PEM with certificate and key
  std::string http_proxy{};        // of http:// URLs; empty: libcurl's own variables
  std::size_t max_response_bytes = std::size_t{16} << 20;  // headers and body
  long connections_per_host = 2;  // further requests wait, their timeout already running
  // What a kept connection took before it ended without an answer is sent once more over a new one,
  // though it may have been done.
  bool sends_again = true;
};

// What HTTP_PROXY says, unless http_proxy is set (also to nothing: then there is no proxy).
std::string upper_case_http_proxy();
// Which variable requests to the URL take their proxy from, as libcurl reads them; empty: none.
// `http_proxy` as in CurlOptions.
std::string proxy_variable(std::string_view url, std::string_view http_proxy);
// What that variable says; empty: no proxy.
std::string proxy_for(std::string_view url, std::string_view http_proxy);

// HttpClient on one libcurl multi handle: HTTP/1.1, connections kept alive, redirects not followed.
// Proxies come from libcurl's own variables (http_proxy, HTTPS_PROXY, ALL_PROXY, NO_PROXY), and
// from HTTP_PROXY in capitals, which libcurl ignores for the sake of CGI programs and MLflow's own
// client uses; all of them without white space at their ends, which files of secrets have.
//
// Errors: beside HttpClient's, `invalid` for a URL or header that cannot be sent.
// Lifetime: destruction aborts what is left without calling handlers. Handlers may call send() and
// cancel(). The process ignores SIGPIPE (libcurl's TLS writes raise it).
class CurlHttpClient final : public HttpClient {
 public:
  explicit CurlHttpClient(CurlOptions options);
  ~CurlHttpClient() override;
  CurlHttpClient(const CurlHttpClient&) = delete;
  CurlHttpClient& operator=(const CurlHttpClient&) = delete;

  RequestId send(HttpRequest request, Handler handler) override;
  void cancel(RequestId id) override;
  void cancel_all() override;
  void poll(std::chrono::milliseconds timeout) override;
  void wakeup() override;

 private:
  struct Finished {
    Handler handler;
    Result<HttpResponse> result;
  };

  void collect_finished();
  void finish(RequestId id, Result<HttpResponse> result);
  std::unique_ptr<CurlTransfer> detach(RequestId id);
  bool call_handlers();

  CurlOptions options_;
  std::unique_ptr<OpenSockets> sockets_;
  std::unique_ptr<EasyHandles> handles_;
  void* multi_;
  RequestId next_id_ = 1;
  std::map<RequestId, std::unique_ptr<CurlTransfer>> transfers_;
  std::vector<Finished> finished_;  // their handlers are due
};

}  // namespace tracelink
