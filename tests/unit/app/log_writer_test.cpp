#include "daemon/app/log_writer.hpp"

#include <chrono>
#include <csignal>
#include <functional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace tracelink {
namespace {

using std::chrono::seconds;

constexpr std::size_t kBytes = 4096;

// The reading end of a pipe of one page whose other end is `writer`.
class Pipe {
 public:
  Pipe() {
    EXPECT_EQ(::pipe2(ends_, O_CLOEXEC), 0);
    ::fcntl(ends_[1], F_SETPIPE_SZ, kBytes);
  }
  ~Pipe() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  int writer() const { return ends_[1]; }

  void fill() const {
    const std::string filling(kBytes, 'x');
    EXPECT_EQ(::write(ends_[1], filling.data(), filling.size()), static_cast<ssize_t>(kBytes));
  }
  // Reads until the text ends with `end`.
  std::string read_to(const std::string& end) const {
    return read_until([&](const std::string& text) { return text.ends_with(end); });
  }
  std::string read_until(const std::function<bool(const std::string&)>& is_all) const {
    std::string text;
    char part[kBytes];
    while (!is_all(text)) {
      const ssize_t size = ::read(ends_[0], part, sizeof part);
      if (size <= 0) return text + "<end>";
      text.append(part, static_cast<std::size_t>(size));
    }
    return text;
  }
  void close_reader() {
    ::close(ends_[0]);
    ends_[0] = -1;
  }

 private:
  int ends_[2]{};
};

LogWriter::Options options(int fd) {
  return {.fd = fd, .max_bytes = 700, .dropped_line = [](std::uint64_t lines) {
            return std::to_string(lines) + " dropped\n";
          }};
}

TEST(LogWriter, WritesLinesInTheirOrder) {
  const Pipe pipe;
  LogWriter writer(options(pipe.writer()));
  writer.push("one\n");
  writer.push("two\n");
  EXPECT_EQ(pipe.read_to("two\n"), "one\ntwo\n");
  EXPECT_TRUE(writer.flush(seconds(60)));
  EXPECT_EQ(writer.dropped_for_room(), 0u);
}

struct Told {
  std::uint64_t lines = 0, dropped = 0;
};
Told told_in(const std::string& text) {
  Told told;
  std::istringstream read(text);
  for (std::string line; std::getline(read, line);) {
    line == "line" ? ++told.lines : told.dropped += std::stoull(line);
  }
  return told;
}

// How many were dropped may be told in two parts: before the writer waits for the pipe, and after.
TEST(LogWriter, APipeThatNobodyReadsDropsAndCounts) {
  const Pipe pipe;
  pipe.fill();
  LogWriter writer(options(pipe.writer()));
  constexpr std::uint64_t kLines = 100;
  for (std::uint64_t i = 0; i < kLines; ++i) writer.push("line\n");
  const std::uint64_t dropped = writer.dropped_for_room();
  EXPECT_GE(dropped, kLines - 20) << "ten wait, as many are being written";
  EXPECT_FALSE(writer.flush(std::chrono::milliseconds(0)));

  const std::string text = pipe.read_until([&](const std::string& read) {
    if (read.size() <= kBytes || !read.ends_with('\n')) return false;
    const Told told = told_in(read.substr(kBytes));
    return told.lines + told.dropped >= kLines;
  });
  const Told told = told_in(text.substr(kBytes));
  EXPECT_EQ(told.dropped, dropped);
  EXPECT_EQ(told.lines, kLines - dropped) << "each line is written or counted";
}

TEST(LogWriter, WhatCannotBeWrittenIsCountedAndToldOnceItCan) {
  std::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  pipe.close_reader();
  LogWriter writer(options(pipe.writer()));
  writer.push("one\n");
  EXPECT_TRUE(writer.flush(seconds(60)));
  writer.push("two\n");
  EXPECT_TRUE(writer.flush(seconds(60)));
  EXPECT_EQ(writer.dropped_by_errors(), 2u);
}

TEST(LogWriter, AFullDiskStopsNothing) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  LogWriter writer(options(full));
  writer.push("one\n");
  EXPECT_TRUE(writer.flush(seconds(60)));
  EXPECT_EQ(writer.dropped_by_errors(), 1u);
  ::close(full);
}

TEST(LogWriter, AVeryLongLineIsCut) {
  const Pipe pipe;
  LogWriter::Options large = options(pipe.writer());
  large.max_bytes = 1u << 20;
  LogWriter writer(std::move(large));
  writer.push(std::string(100'000, 'x') + "\n");
  EXPECT_EQ(pipe.read_to("(cut)\n").size(), 16u << 10);
}

TEST(LogWriter, WritesWhereItIsToldAndCountsWhatIsNotTaken) {
  std::vector<std::string> taken;
  LogWriter::Options told = options(-1);
  told.write = [&](const std::string& line) {
    taken.push_back(line);
    return line != "no";
  };
  LogWriter writer(std::move(told));
  writer.push("yes");
  EXPECT_TRUE(writer.flush(seconds(60)));
  writer.push("no");
  EXPECT_TRUE(writer.flush(seconds(60)));
  writer.push("yes");
  EXPECT_TRUE(writer.flush(seconds(60)));
  EXPECT_EQ(writer.dropped_by_errors(), 1u);
  EXPECT_EQ(taken, (std::vector<std::string>{"yes", "no", "yes", "1 dropped\n"}));
}

}  // namespace
}  // namespace tracelink
