#include "daemon/cli/sdk_variables.hpp"

#include <string_view>
#include <utility>

#include "daemon/text/ascii_case.hpp"

namespace tracelink::cli {

namespace {

using State = Finding::State;
using Variables = std::map<std::string, std::string>;

constexpr const char* kByTracelink = "tracelink run, or eval \"$(tracelink env --shell)\"";

// The variable that counts and its value: that for traces, else that for all signals; an empty one
// counts as unset, as OpenTelemetry has it.
std::pair<std::string, std::string> setting(const Variables& variables, const std::string& what) {
  for (const std::string& name :
       {"OTEL_EXPORTER_OTLP_TRACES_" + what, "OTEL_EXPORTER_OTLP_" + what}) {
    const auto found = variables.find(name);
    if (found != variables.end() && !found->second.empty()) return *found;
  }
  return {};
}

std::string value(const Variables& variables, const std::string& name) {
  const auto found = variables.find(name);
  return found == variables.end() ? std::string() : found->second;
}

// The address alone, or a path there.
bool is_at(std::string_view url, std::string_view address) {
  if (!url.starts_with(address)) return false;
  return url.size() == address.size() || url[address.size()] == '/';
}

// Of an SDK that is pointed at the socket.
void examine_dialing(const Variables& variables, std::vector<Finding>& findings) {
  const auto [protocol_name, protocol] = setting(variables, "PROTOCOL");
  if (protocol != "grpc") {
    findings.push_back({"SDK", State::warning,
                        protocol.empty()
                            ? "no OTLP protocol is set, and many SDKs send by HTTP then"
                            : protocol_name + " is " + protocol,
                        "SDKs dial a Unix socket by grpc only: use " + std::string(kByTracelink)});
  }
  const auto [insecure_name, insecure] = setting(variables, "INSECURE");
  if (!equal_ignoring_case(insecure, "true")) {
    findings.push_back({"SDK", State::warning,
                        insecure.empty() ? "OTEL_EXPORTER_OTLP_TRACES_INSECURE is not set"
                                         : insecure_name + " is " + insecure,
                        "SDKs then speak TLS, which the socket does not: set it to true"});
  }
}

void examine_recording(const Variables& variables, std::vector<Finding>& findings) {
  const auto warn = [&](const std::string& name, const std::string& remedy) {
    findings.push_back({"SDK", State::warning,
                        name + " is " + value(variables, name) + ": nothing is sent", remedy});
  };
  if (equal_ignoring_case(value(variables, "OTEL_SDK_DISABLED"), "true")) {
    warn("OTEL_SDK_DISABLED", "unset it");
  }
  const std::string exporters = value(variables, "OTEL_TRACES_EXPORTER");
  if (!exporters.empty() && exporters.find("otlp") == std::string::npos) {
    warn("OTEL_TRACES_EXPORTER", "unset it, or set it to otlp");
  }
  if (value(variables, "OTEL_TRACES_SAMPLER").ends_with("always_off")) {
    warn("OTEL_TRACES_SAMPLER", "unset it");
  }
}

}  // namespace

std::vector<Finding> examine_sdk_variables(const Variables& variables, const std::string& socket,
                                           const std::string& tcp) {
  std::vector<Finding> findings;
  const auto [name, endpoint] = setting(variables, "ENDPOINT");
  const bool is_tcp = !tcp.empty() && is_at(endpoint, "http://" + tcp);
  if (endpoint.empty()) {
    findings.push_back({"SDK", State::ok, "no OTLP endpoint is set in this environment",
                        "start programs with " + std::string(kByTracelink)});
  } else if (endpoint == "unix://" + socket || is_tcp) {
    findings.push_back({"SDK", State::ok, name + " is " + endpoint});
    if (!is_tcp) examine_dialing(variables, findings);
  } else {
    findings.push_back(
        {"SDK", State::warning, name + " is " + endpoint + ", not unix://" + socket,
         "programs of this environment send elsewhere: unset it, or use tracelink run"});
  }
  examine_recording(variables, findings);
  return findings;
}

}  // namespace tracelink::cli
