#pragma once

#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tracelink::test {

// What `work` returns in a forked child, for code that changes its process: descriptors, user,
// environment. The descriptor of the way back is out of reach (100 and above).
template <class Work>
std::string result_in_child(Work work) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    const int back = fcntl(ends[1], F_DUPFD, 100);
    close(ends[0]);
    close(ends[1]);
    const std::string result = work();
    const auto written = write(back, result.data(), result.size());
    _exit(written == static_cast<ssize_t>(result.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::string result;
  char buffer[256];
  for (ssize_t n = 0; (n = read(ends[0], buffer, sizeof buffer)) > 0;) {
    result.append(buffer, static_cast<std::size_t>(n));
  }
  close(ends[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << "the child died";
  return result;
}

}  // namespace tracelink::test
