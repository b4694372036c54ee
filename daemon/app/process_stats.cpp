#include "daemon/app/process_stats.hpp"

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

namespace tracelink {

namespace {

std::string content_of(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// The fields behind the command, which may hold spaces and brackets: the first is the state.
std::vector<std::string> fields_of(const std::string& stat) {
  const std::size_t end = stat.rfind(')');
  if (end == std::string::npos) return {};
  std::istringstream rest(stat.substr(end + 1));
  return {std::istream_iterator<std::string>(rest), {}};
}

std::optional<double> boot_time(const std::string& stat) {
  const std::string key = "\nbtime ";
  const std::size_t at = stat.find(key);
  if (at == std::string::npos) return std::nullopt;
  return std::stod(stat.substr(at + key.size()));
}

std::optional<std::uint64_t> files_in(const std::filesystem::path& directory) {
  std::error_code error;
  const std::filesystem::directory_iterator begin(directory, error);
  if (error) return std::nullopt;
  return static_cast<std::uint64_t>(std::distance(begin, {}));
}

std::optional<std::uint64_t> max_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
  return limit.rlim_cur;
}

}  // namespace

ProcessStats process_stats(const std::filesystem::path& proc) {
  // Places of proc(5), less the two before the state.
  constexpr std::size_t kUserTime = 11, kSystemTime = 12, kThreads = 17, kStart = 19, kVirtual = 20,
                        kResident = 21;
  ProcessStats stats;
  stats.open_files = files_in(proc / "self/fd");
  stats.max_files = max_files();
  const std::vector<std::string> fields = fields_of(content_of(proc / "self/stat"));
  if (fields.size() <= kResident) return stats;
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  stats.cpu_seconds = (std::stod(fields[kUserTime]) + std::stod(fields[kSystemTime])) / ticks;
  stats.threads = std::stoull(fields[kThreads]);
  stats.virtual_bytes = std::stoull(fields[kVirtual]);
  stats.resident_bytes = std::stoull(fields[kResident]) * page;
  if (const auto boot = boot_time(content_of(proc / "stat"))) {
    stats.start_time = *boot + std::stod(fields[kStart]) / ticks;
  }
  return stats;
}

}  // namespace tracelink
