#include "daemon/app/exit_deadline.hpp"

#include <cstdlib>
#include <thread>

#include <spdlog/spdlog.h>

namespace tracelink {

namespace {

constexpr std::chrono::milliseconds kToWriteTheLog{100};

}  // namespace

void exit_within(std::chrono::milliseconds limit, int exit_code) {
  std::thread([limit, exit_code] {
    std::this_thread::sleep_for(limit - kToWriteTheLog);
    spdlog::warn("stopping took too long: the process ends now, what was acknowledged is on disk");
    std::this_thread::sleep_for(kToWriteTheLog);
    std::_Exit(exit_code);
  }).detach();
}

}  // namespace tracelink
