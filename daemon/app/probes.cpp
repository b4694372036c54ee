#include "daemon/app/probes.hpp"

#include <string>
#include <string_view>

#include "daemon/app/allowed_host.hpp"
#include "daemon/app/health.hpp"
#include "daemon/app/status_page.hpp"

namespace tracelink {

namespace {

ControlReply text_reply(int status, std::string body) {
  return {status, std::move(body), "text/plain; version=0.0.4; charset=utf-8"};
}

ControlReply health_reply(const ProbeInputs& inputs) {
  const std::string_view fault =
      inputs.delivers ? fault_of(inputs.metrics.forward, inputs.now) : std::string_view();
  return fault.empty() ? text_reply(200, "ok\n") : text_reply(503, std::string(fault) + "\n");
}

// No query has a meaning here, and proxies and scrapers may add one.
std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

ControlReply wrong_host_reply(const ProbeInputs& inputs) {
  return text_reply(403,
                    "the Host header does not name this daemon: ask for it by its address, "
                    "such as " +
                        inputs.address + " (docs/metrics.md#who-may-ask)\n");
}

}  // namespace

ControlReply handle_probe(const ControlRequest& request, const ProbeInputs& inputs) {
  if (!is_allowed_host(request.host, inputs.address, inputs.machine)) {
    return wrong_host_reply(inputs);
  }
  // The server leaves out the body of an answer to HEAD.
  if (request.method != "GET" && request.method != "HEAD") {
    return text_reply(405, "only GET and HEAD are known here\n");
  }
  const std::string_view target = path_of(request.target);
  if (target == "/metrics") return text_reply(200, metrics_text(inputs.metrics));
  if (target == "/") {
    return {200, std::string(status_page()), "text/html; charset=utf-8"};
  }
  if (target == "/status.json") return {200, inputs.status()};
  if (target == "/history.json") return {200, inputs.history()};
  if (target == "/readyz") {
    return inputs.serving ? text_reply(200, "ok\n") : text_reply(503, "the socket is closed\n");
  }
  if (target == "/healthz") return health_reply(inputs);
  return text_reply(404,
                    "known are /, /status.json, /history.json, /metrics, /healthz and /readyz\n");
}

}  // namespace tracelink
