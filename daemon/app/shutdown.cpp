#include "daemon/app/shutdown.hpp"

#include <csignal>
#include <cstdint>
#include <string>
#include <utility>

#include "daemon/app/exit_deadline.hpp"
#include "daemon/report/log_event.hpp"

namespace tracelink {
namespace {

constexpr std::chrono::milliseconds kDrainCheck{50};
constexpr std::chrono::milliseconds kPatience{2'500};
constexpr std::chrono::milliseconds kHurriedPatience{500};
// From the end of the drain to the end of the process. The systemd unit allows five seconds.
constexpr std::chrono::milliseconds kLongestClose{4'000};

}  // namespace

Shutdown::Shutdown(boost::asio::io_context& io, const Clock& clock, Steps steps)
    : clock_(clock),
      steps_(std::move(steps)),
      signals_(io, SIGINT, SIGTERM, SIGHUP),
      drain_timer_(io),
      patience_(kPatience) {}

void Shutdown::await_signals(std::chrono::milliseconds grace) {
  grace_ = grace;
  await_next();
}

void Shutdown::await_next() {
  signals_.async_wait([this](auto error, int signal) {
    if (error) return;
    on_signal(signal);
    await_next();
  });
}

void Shutdown::on_signal(int signal) {
  if (signal == SIGHUP) return steps_.reload();
  was_signalled_ = true;
  if (stopping_) {
    hurry();
  } else {
    begin("signal " + std::to_string(signal), grace_);
  }
}

void Shutdown::begin(const std::string& reason, std::chrono::milliseconds grace, int overdue) {
  if (std::exchange(stopping_, true)) return;
  overdue_ = overdue;
  LogEvent("stopping")
      .text("reason", reason)
      .number("grace_ms", static_cast<std::uint64_t>(grace.count()))
      .info();
  drain_until_ = clock_.steady() + grace;
  steps_.drain(drain_until_);
  check_drained();
}

void Shutdown::hurry() {
  drain_until_ = clock_.steady();
  patience_ = kHurriedPatience;
  if (closing_) steps_.close_sockets(patience_);
}

void Shutdown::check_drained() {
  if (closing_) return;
  if (steps_.drained() || clock_.steady() >= drain_until_) return close();
  drain_timer_.expires_after(kDrainCheck);
  drain_timer_.async_wait([this](auto error) {
    if (!error) check_drained();
  });
}

void Shutdown::close() {
  closing_ = true;
  exit_within(kLongestClose, overdue_);
  steps_.close_sockets(patience_);
}

}  // namespace tracelink
