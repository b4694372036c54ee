#include "daemon/app/process_stats.hpp"

#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/temp_directory.hpp"

namespace tracelink {
namespace {

class ProcessStatsTest : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& content) {
    std::filesystem::create_directories((proc.path() / name).parent_path());
    std::ofstream(proc.path() / name) << content;
  }
  TempDirectory proc;
};

TEST_F(ProcessStatsTest, AreReadBehindACommandWithBracketsAndSpaces) {
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  write("self/stat",
        "42 (a) S 1) S 1 42 42 0 -1 4194560 500 0 0 0 300 200 0 0 20 0 7 0 1000 4096000 25 "
        "18446744073709551615\n");
  write("stat", "cpu  1 2 3\nbtime 1700000000\nprocesses 9\n");
  write("self/fd/0", "");
  write("self/fd/1", "");
  const ProcessStats stats = process_stats(proc.path());
  EXPECT_DOUBLE_EQ(stats.cpu_seconds.value(), 500 / ticks);
  EXPECT_EQ(stats.threads, 7u);
  EXPECT_EQ(stats.virtual_bytes, 4096000u);
  EXPECT_EQ(stats.resident_bytes, 25u * static_cast<unsigned long>(::sysconf(_SC_PAGESIZE)));
  EXPECT_EQ(stats.open_files, 2u);
  EXPECT_DOUBLE_EQ(stats.start_time.value(), 1'700'000'000 + 1000 / ticks);
}

TEST_F(ProcessStatsTest, AreAbsentWhereTheKernelDoesNotSay) {
  const ProcessStats stats = process_stats(proc.path());
  EXPECT_FALSE(stats.cpu_seconds || stats.resident_bytes || stats.open_files || stats.start_time);
  EXPECT_TRUE(stats.max_files);
}

}  // namespace
}  // namespace tracelink
