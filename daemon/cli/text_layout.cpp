#include "daemon/cli/text_layout.hpp"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include <sys/ioctl.h>
#include <unistd.h>

namespace tracelink::cli {
namespace {

constexpr std::size_t kUsualColumns = 80;  // of a terminal that does not say
constexpr std::size_t kFewestColumns = 40;

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

}  // namespace

TextLayout layout_of_output() {
  if (::isatty(STDOUT_FILENO) == 0) return {};
  winsize size{};
  const bool says = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return {.columns = says ? std::max<std::size_t>(size.ws_col, kFewestColumns) : kUsualColumns,
          .colour = variable("NO_COLOR").empty() && variable("TERM") != "dumb"};
}

}  // namespace tracelink::cli
