#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace tracelink {

// What the kernel says about this process; nothing where it does not say.
struct ProcessStats {
  std::optional<double> cpu_seconds;
  std::optional<std::uint64_t> resident_bytes, virtual_bytes;
  std::optional<std::uint64_t> threads;
  std::optional<std::uint64_t> open_files, max_files;
  std::optional<double> start_time;  // seconds since 1970
};

// Reads `proc`, as /proc of proc(5).
ProcessStats process_stats(const std::filesystem::path& proc);

}  // namespace tracelink
