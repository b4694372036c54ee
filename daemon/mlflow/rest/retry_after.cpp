#include "daemon/mlflow/rest/retry_after.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <iomanip>
#include <locale>
#include <sstream>
#include <string>

namespace tracelink {
namespace {

constexpr std::chrono::seconds kLongest{3'600};

std::optional<std::chrono::seconds> parse_seconds(std::string_view text) {
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || end != text.data() + text.size()) return std::nullopt;
  if (error != std::errc::result_out_of_range) return std::chrono::seconds(seconds);
  return text.front() == '-' ? std::chrono::seconds(0) : kLongest;
}

std::optional<std::chrono::seconds> until_date(const HttpResponse& response,
                                               std::string_view text) {
  const auto then = parse_http_date(text);
  const auto now = parse_http_date(response.header("date").value_or(""));
  if (!then || !now) return std::nullopt;
  return *then - *now;
}

}  // namespace

std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text) {
  std::tm parts{};
  std::istringstream stream{std::string(text)};
  stream.imbue(std::locale::classic());
  stream >> std::get_time(&parts, "%a, %d %b %Y %H:%M:%S GMT");
  if (stream.fail()) return std::nullopt;
  return std::chrono::sys_seconds(std::chrono::seconds(::timegm(&parts)));
}

std::optional<std::chrono::milliseconds> retry_after(const HttpResponse& response) {
  const auto text = response.header("retry-after");
  if (!text) return std::nullopt;
  auto delay = parse_seconds(*text);
  if (!delay) delay = until_date(response, *text);
  if (!delay) return std::nullopt;
  return std::clamp(*delay, std::chrono::seconds(0), kLongest);
}

}  // namespace tracelink
