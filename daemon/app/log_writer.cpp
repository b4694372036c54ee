#include "daemon/app/log_writer.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <condition_variable>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <unistd.h>

#include "daemon/base/mutex.hpp"

namespace tracelink {

namespace {

constexpr std::size_t kLongestLineBytes = 16u << 10;
constexpr std::size_t kLineOverheadBytes = 64;  // of a string and its place in the list

void cut(std::string& line) {
  constexpr std::string_view kCut = " … (cut)\n";
  if (line.size() <= kLongestLineBytes) return;
  std::size_t end = kLongestLineBytes - kCut.size();
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;
  line.replace(end, std::string::npos, kCut);
}

// The bytes that were written before an error. A descriptor that is ready takes PIPE_BUF bytes
// without blocking, so that only this thread ever waits, and only in poll().
std::size_t write_text(int fd, std::string_view text) {
  std::size_t written = 0;
  while (written < text.size()) {
    pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
    if (::poll(&ready, 1, -1) < 0 && errno != EINTR) return written;
    const std::size_t part = std::min<std::size_t>(text.size() - written, PIPE_BUF);
    const ssize_t count = ::write(fd, text.data() + written, part);
    if (count < 0 && errno != EINTR && errno != EAGAIN) return written;
    if (count > 0) written += static_cast<std::size_t>(count);
  }
  return written;
}

}  // namespace

struct LogWriter::State {
  explicit State(Options given) : options(std::move(given)) {}

  void run();
  // Whether the whole line is in the log.
  bool write(const std::string& line);

  const Options options;
  Mutex mutex;
  std::condition_variable_any changed;
  std::vector<std::string> lines GUARDED_BY(mutex);
  std::size_t bytes GUARDED_BY(mutex) = 0;  // of `lines`
  bool writing GUARDED_BY(mutex) = false;
  std::uint64_t for_room GUARDED_BY(mutex) = 0;   // dropped since the start
  std::uint64_t by_errors GUARDED_BY(mutex) = 0;  // dropped since the start
  // Of the thread:
  std::uint64_t told = 0;  // of the dropped ones
  bool torn = false;       // the last thing written is a part of a line
};

void LogWriter::State::run() {
  mutex.lock();
  while (true) {
    changed.wait(mutex, [this]() REQUIRES(mutex) { return !lines.empty(); });
    std::vector<std::string> batch = std::exchange(lines, {});
    bytes = 0;
    // Lines that found no room came after those of the batch.
    const std::uint64_t dropped = for_room + by_errors;
    const std::uint64_t untold = dropped - told;
    if (untold > 0) batch.push_back(options.dropped_line(untold));
    writing = true;
    mutex.unlock();
    std::uint64_t failed = 0;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const bool is_notice = untold > 0 && i + 1 == batch.size();
      const bool is_written = write(batch[i]);
      if (!is_written && !is_notice) ++failed;
      if (is_written && is_notice) told = dropped;
    }
    mutex.lock();
    by_errors += failed;
    writing = false;
    changed.notify_all();
  }
}

bool LogWriter::State::write(const std::string& line) {
  if (options.write) return options.write(line);
  const std::string text = torn ? "\n" + line : line;
  const std::size_t written = write_text(options.fd, text);
  if (written > 0) torn = text[written - 1] != '\n';
  return written == text.size();
}

LogWriter::LogWriter(Options options) : state_(std::make_shared<State>(std::move(options))) {
  std::thread([state = state_] { state->run(); }).detach();
}

void LogWriter::push(std::string line) {
  cut(line);
  const MutexLock lock(state_->mutex);
  const std::size_t cost = line.size() + kLineOverheadBytes;
  if (state_->bytes + cost > state_->options.max_bytes) {
    ++state_->for_room;
    return;
  }
  state_->bytes += cost;
  state_->lines.push_back(std::move(line));
  state_->changed.notify_all();
}

bool LogWriter::flush(std::chrono::milliseconds limit) {
  const MutexLock lock(state_->mutex);
  return state_->changed.wait_for(state_->mutex, limit, [this]() REQUIRES(state_->mutex) {
    return state_->lines.empty() && !state_->writing;
  });
}

std::uint64_t LogWriter::dropped_for_room() const {
  const MutexLock lock(state_->mutex);
  return state_->for_room;
}

std::uint64_t LogWriter::dropped_by_errors() const {
  const MutexLock lock(state_->mutex);
  return state_->by_errors;
}

}  // namespace tracelink
