#include <algorithm>
#include <array>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <string_view>

#include <pwd.h>
#include <spdlog/fmt/fmt.h>

#include "daemon/cli/examination.hpp"

// The parts of an examination that need nothing but what they are given.
namespace tracelink::cli {
namespace {

using State = Finding::State;

// As much as tokens, certificates and people's reading of times bear.
constexpr std::chrono::seconds kBearableSkew{30};

// What libcurl and OpenSSL write where the TLS handshake fails; the first that fits.
struct TlsCause {
  std::string_view text, remedy;
};
constexpr std::array kTlsCauses{
    TlsCause{"wrong version number",
             "the server speaks plain HTTP: write tracking.uri with http://"},
    TlsCause{"packet length", "the server speaks plain HTTP: write tracking.uri with http://"},
    TlsCause{"has expired", "the server's certificate has expired: renew it there"},
    TlsCause{"not yet valid",
             "the server's certificate is not valid yet: look at the clock of this machine"},
    TlsCause{"subject name matches",
             "the server's certificate names other hosts: use one of them in tracking.uri"},
    TlsCause{"setting certificate",
             "the file of tracking.ca_file or tracking.client_cert_file is no certificate in PEM"},
    TlsCause{"certificate required",
             "the server wants a certificate of the client: name it in tracking.client_cert_file"},
    TlsCause{"certificate",
             "the authority that signed the server's certificate is not known here: name its "
             "certificate in tracking.ca_file"},
    TlsCause{"SSL", "the TLS handshake fails: look at the server's TLS and at proxies in between"},
};

}  // namespace

std::string remedy_of_no_answer(const std::string& message, const std::string& uri,
                                const std::string& proxy) {
  const auto says = [&](std::string_view text) { return message.find(text) != std::string::npos; };
  std::string by_proxy =
      "requests go by the proxy that " + proxy + " names: correct it, or add the host to no_proxy";
  if (says("proxy") || says("CONNECT")) return by_proxy;
  for (const TlsCause& cause : kTlsCauses) {
    if (says(cause.text)) return std::string(cause.remedy);
  }
  const bool is_cut = says("HTTP/0.9") || says("Empty reply") || says("Recv failure");
  if (is_cut && uri.starts_with("http:")) {
    return "there is no answer in plain HTTP: if the server speaks TLS, write tracking.uri with "
           "https://";
  }
  if (!proxy.empty()) return by_proxy;
  if (says("resolve host")) return "correct the host of tracking.uri, or the name service";
  if (says("refused") || says("connect")) {
    return "start the server at " + uri + ", or correct tracking.uri";
  }
  return "look at the server, and at what lies between";
}

Finding clock_finding(std::chrono::seconds ahead) {
  const auto size = std::chrono::abs(ahead);
  const std::string message = fmt::format("the server's clock is {} s {} this machine's",
                                          size.count(), ahead.count() < 0 ? "behind" : "ahead of");
  if (size <= kBearableSkew) return {"clock", State::ok, message};
  return {"clock", State::warning, message,
          "have both set by the network (timedatectl set-ntp true): times of traces, tokens and "
          "certificates are judged by them"};
}

std::string origin_of_credentials(const LoadedConfig& loaded) {
  const TrackingConfig& tracking = loaded.config.tracking;
  if (tracking.token.empty() && tracking.username.empty()) return "";
  const std::string key = tracking.token.empty() ? "tracking.username" : "tracking.token";
  const auto found = loaded.origins.find(key);
  std::string origin = found == loaded.origins.end() ? "default" : found->second;
  if (origin == "default") return key + " of tracking.uri";
  if (origin.starts_with("file:")) origin = loaded.file + origin.substr(4);
  return key + " of " + origin;
}

std::string user_name(std::uint32_t uid) {
  const passwd* const entry = ::getpwuid(uid);
  return entry == nullptr ? "uid " + std::to_string(uid) : std::string(entry->pw_name);
}

}  // namespace tracelink::cli
