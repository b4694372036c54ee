// The yardstick of the benchmark: how often this disk can append a block to a file and fdatasync
// it.
//
// usage: raw-sync FOLDER BLOCK_BYTES SECONDS

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "tests/bench/latencies.hpp"

namespace {

using tracelink::bench::Latencies;
using Clock = std::chrono::steady_clock;

bool append_and_sync(int file, const std::string& block) {
  return ::write(file, block.data(), block.size()) == static_cast<ssize_t>(block.size()) &&
         ::fdatasync(file) == 0;
}

int measure(int file, const std::string& block, std::chrono::seconds duration) {
  Latencies latencies;
  const auto begin = Clock::now();
  auto now = begin;
  while (now < begin + duration) {
    if (!append_and_sync(file, block)) {
      std::perror("raw-sync");
      return 1;
    }
    const auto ended = Clock::now();
    latencies.add(now, ended);
    now = ended;
  }
  latencies.print(now - begin, 0);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 || std::atoi(argv[2]) <= 0 || std::atoi(argv[3]) <= 0) {
    std::fprintf(stderr, "usage: raw-sync FOLDER BLOCK_BYTES SECONDS\n");
    return 2;
  }
  const std::string path = std::string(argv[1]) + "/raw-sync.tmp";
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) {
    std::perror(path.c_str());
    return 1;
  }
  const std::string block(static_cast<std::size_t>(std::atoi(argv[2])), 'x');
  const int code = measure(file, block, std::chrono::seconds{std::atoi(argv[3])});
  ::close(file);
  ::unlink(path.c_str());
  return code;
}
