#include "daemon/git/small_file.hpp"

#include <fstream>

namespace tracelink {
namespace {

constexpr std::size_t kMaxBytes = 1 << 20;
constexpr const char* kWhitespace = " \t\r\n";

}  // namespace

Result<std::optional<std::string>> read_small_file(const std::filesystem::path& path) {
  std::error_code failed;
  const auto status = std::filesystem::status(path, failed);
  if (status.type() == std::filesystem::file_type::none) {
    return Error{ErrorCode::io, path.string() + ": " + failed.message()};
  }
  if (!std::filesystem::is_regular_file(status)) return std::optional<std::string>{};

  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) {
    return Error{ErrorCode::io, path.string() + " cannot be read: may this user read it?"};
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMaxBytes) return Error{ErrorCode::corrupt, path.string() + " is too large"};
  text.erase(text.find_last_not_of(kWhitespace) + 1);
  return std::optional(std::move(text));
}

}  // namespace tracelink
