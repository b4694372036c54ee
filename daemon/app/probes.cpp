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
  if (request.method != "GET") return text_reply(405, "only GET is known here\n");
  if (request.target == "/metrics") return text_reply(200, metrics_text(inputs.metrics));
  if (request.target == "/") {
    return {200, std::string(status_page()), "text/html; charset=utf-8"};
  }
  if (request.target == "/status.json") return {200, inputs.status()};
  if (request.target == "/history.json") return {200, inputs.history()};
  if (request.target == "/readyz") {
    return inputs.serving ? text_reply(200, "ok\n") : text_reply(503, "the socket is closed\n");
  }
  if (request.target == "/healthz") return health_reply(inputs);
  return text_reply(404,
                    "known are /, /status.json, /history.json, /metrics, /healthz and /readyz\n");
}

}  // namespace tracelink
