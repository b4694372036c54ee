#include "daemon/app/probes.hpp"

#include <chrono>
#include <string>

#include "daemon/app/status_page.hpp"

namespace tracelink {

namespace {

// The forwarder does a round each second; much longer than that is a thread that hangs.
constexpr std::chrono::seconds kLongestRound{60};

ControlReply text_reply(int status, std::string body) {
  return {status, std::move(body), "text/plain; version=0.0.4; charset=utf-8"};
}

}  // namespace

ControlReply handle_probe(const ControlRequest& request, const ProbeInputs& inputs) {
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
  if (request.target == "/healthz") {
    const bool hangs =
        inputs.delivers && inputs.now - inputs.metrics.forward.stepped_at > kLongestRound;
    if (hangs) return text_reply(503, "the forwarder thread hangs\n");
    if (inputs.delivers && inputs.metrics.forward.is_stuck) {
      return text_reply(503, "traces could be delivered, and none is\n");
    }
    return text_reply(200, "ok\n");
  }
  return text_reply(404, "known are /, /metrics, /healthz and /readyz\n");
}

}  // namespace tracelink
