#include "systemd/journal.hpp"

#include <cstdlib>
#include <string>
#include <system_error>

#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION  // the place of a call says nothing to an operator
#include <systemd/sd-journal.h>

namespace tracelink::systemd {

bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status{};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &status) != 0) return false;
  return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino) == stream;
}

bool journal_is_reachable() { return ::access("/run/systemd/journal/socket", W_OK) == 0; }

Result<void> send_to_journal(const std::vector<std::string_view>& fields) {
  std::vector<iovec> parts;
  parts.reserve(fields.size());
  for (const std::string_view field : fields) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): the journal only reads it
    parts.push_back({const_cast<char*>(field.data()), field.size()});
  }
  const int sent = ::sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
  if (sent >= 0) return {};
  return Error{ErrorCode::io, "the journal: " + std::generic_category().message(-sent)};
}

}  // namespace tracelink::systemd
