#include "daemon/http/curl_easy.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "daemon/http/no_proxy.hpp"
#include "daemon/http/proxy_error.hpp"
#include "daemon/text/control.hpp"

namespace tracelink {
namespace {

// libcurl quotes the address of a proxy that it cannot use, with the password in it. Which of its
// characters are the password is what the two do not agree on, so all up to the host goes.
std::string without_password(std::string text) {
  const auto at = text.rfind('@');
  if (at == std::string::npos) return text;
  const auto quote = text.find('\'');
  const auto begin = quote < at ? quote + 1 : 0;
  return text.replace(begin, at - begin, "***");
}

std::string_view url_of(CURL* easy) {
  const char* url = nullptr;
  curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &url);
  return url == nullptr ? "" : url;
}

// "Failed to connect to HOST port PORT …", of another address than the URL's.
bool names_another_address(std::string_view text, std::string_view url) {
  constexpr std::string_view kBefore = "connect to ", kBetween = " port ";
  const auto begin = text.find(kBefore);
  const auto end = text.find(kBetween);
  if (begin == std::string_view::npos || end == std::string_view::npos) return false;
  const std::string host(text.substr(begin + kBefore.size(), end - begin - kBefore.size()));
  const auto port = text.substr(end + kBetween.size());
  const std::string number(port.substr(0, port.find_first_not_of("0123456789")));
  const bool by_default = number == "80" || number == "443";
  return url.find(by_default ? host : host + ":" + number) == std::string_view::npos;
}

bool is_about_proxy(CURLcode code, std::string_view text, std::string_view url) {
  return code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_PROXY ||
         text.find("proxy") != std::string_view::npos ||
         text.find("CONNECT tunnel") != std::string_view::npos || names_another_address(text, url);
}

// In place of the system's. Looked at for each request: a file may be put there, or replaced by a
// directory, while the daemon runs.
void set_authorities(CURL* easy, const std::string& path) {
  std::error_code unreadable;
  const bool is_directory = std::filesystem::is_directory(path, unreadable);
  const char* none = nullptr;
  curl_easy_setopt(easy, CURLOPT_CAPATH, is_directory ? path.c_str() : none);
  curl_easy_setopt(easy, CURLOPT_CAINFO, is_directory ? none : path.c_str());
}

}  // namespace

CURLM* new_multi() {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  CURLM* multi = initialised == CURLE_OK ? curl_multi_init() : nullptr;
  if (multi == nullptr) std::abort();  // out of memory
  return multi;
}

void set_number(CURL* easy, std::uint64_t number) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): never dereferenced.
  curl_easy_setopt(easy, CURLOPT_PRIVATE, reinterpret_cast<void*>(std::uintptr_t{number}));
}

std::uint64_t number_of(CURL* easy) {
  void* number = nullptr;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &number);
  return reinterpret_cast<std::uintptr_t>(number);
}

void set_common_options(CURL* easy, const CurlOptions& options, const std::string& url) {
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  // Also the empty one, or libcurl would read the variables by itself. NO_PROXY still counts.
  curl_easy_setopt(easy, CURLOPT_PROXY, proxy_for(url, options.http_proxy).c_str());
  if (const auto excepted = no_proxy_variable()) {
    curl_easy_setopt(easy, CURLOPT_NOPROXY, no_proxy_for(url, *excepted).c_str());
  }
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  // Without this an aborted transfer waits for the resolver's thread, up to the DNS timeout.
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (options.insecure_tls) {
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (!options.ca_file.empty()) set_authorities(easy, options.ca_file);
}

std::string error_text(CURL* easy, const CurlOptions& options, const char* error_buffer,
                       CURLcode code) {
  std::string text =
      without_password(error_buffer[0] != '\0' ? error_buffer : curl_easy_strerror(code));
  const std::string_view url = url_of(easy);
  const std::string variable = proxy_variable(url, options.http_proxy);
  if (variable.empty() || !is_about_proxy(code, text, url)) return text;
  return std::string(kOfProxy) + variable + ": " + text;
}

bool breaks_a_header(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return is_control(c) && c != '\t'; });
}

}  // namespace tracelink
