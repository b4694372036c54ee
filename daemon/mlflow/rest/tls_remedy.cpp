#include "daemon/mlflow/rest/tls_remedy.hpp"

#include "daemon/mlflow/rest/remedies.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kFile =
    "A certificate file cannot be used: tracking.ca_file (MLFLOW_TRACKING_SERVER_CERT_PATH) is in "
    "PEM, and so is tracking.client_cert_file (MLFLOW_TRACKING_CLIENT_CERT_PATH), with certificate "
    "and key.";
constexpr std::string_view kClient =
    "The server wants a certificate of the client: set tracking.client_cert_file "
    "(MLFLOW_TRACKING_CLIENT_CERT_PATH) to a PEM file with certificate and key.";
constexpr std::string_view kHost =
    "The server's certificate names other hosts: use one of them in tracking.uri.";
constexpr std::string_view kTime =
    "The server's certificate has expired or is not valid yet: renew it there, or look at the "
    "clock of this machine.";

struct Cause {
  std::string_view text, remedy;
};
// The first that fits.
constexpr Cause kCauses[] = {
    {"error setting certificate", kFile},
    {"could not load PEM client certificate", kFile},
    {"unable to set private key file", kFile},
    {"alert certificate required", kClient},
    {"alert bad certificate", kClient},
    {"subject name matches", kHost},
    {"certificate has expired", kTime},
    {"certificate is not yet valid", kTime},
    {"certificate", remedy::kTls},
};

}  // namespace

std::string_view tls_remedy(std::string_view message) {
  for (const Cause& cause : kCauses) {
    if (message.find(cause.text) != std::string_view::npos) return cause.remedy;
  }
  return {};
}

}  // namespace tracelink
