#include "daemon/cli/terminal.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "daemon/cli/output.hpp"

namespace tracelink::cli {
namespace {

// The alternate screen, no cursor, no wrapping of lines that are too long; and back.
constexpr const char* kEnter = "\x1b[?1049h\x1b[?25l\x1b[?7l";
constexpr const char* kLeave = "\x1b[?7h\x1b[?25h\x1b[?1049l";

sigset_t watched_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH}) ::sigaddset(&set, signal);
  return set;
}

Error failure(const char* what) {
  return {ErrorCode::io, std::string(what) + ": " + std::strerror(errno)};
}

void write_now(std::string_view text) {
  write_out(text);
  std::fflush(stdout);
}

}  // namespace

Key KeyReader::feed(char byte) {
  constexpr char kEscape = '\x1b';
  if (byte == kEscape) {
    state_ = State::escape;
    return Key::none;
  }
  if (state_ == State::escape) {
    state_ = byte == '[' || byte == 'O' ? State::sequence : State::plain;
    return Key::none;
  }
  if (state_ == State::sequence) {
    const bool is_last = byte >= '@' && byte <= '~';
    if (is_last) state_ = State::plain;
    return byte == 'A' ? Key::up : byte == 'B' ? Key::down : Key::none;
  }
  if (byte == 'k') return Key::up;
  if (byte == 'j') return Key::down;
  return byte == 'q' || byte == 'Q' ? Key::quit : Key::none;
}

bool Terminal::is_there() {
  const char* name = std::getenv("TERM");
  const bool knows_escapes = name != nullptr && *name != '\0' && std::string_view(name) != "dumb";
  return knows_escapes && ::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0;
}

Result<std::unique_ptr<Terminal>> Terminal::open() {
  termios before{};
  if (::tcgetattr(STDIN_FILENO, &before) != 0) return failure("terminal");
  const sigset_t set = watched_signals();
  const int signals = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (signals < 0) return failure("signalfd");
  std::unique_ptr<Terminal> terminal(new Terminal(before, signals));
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  termios drawing = before;
  drawing.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  // A process that is stopped would leave the screen to the shell as it is.
  drawing.c_cc[VSUSP] = _POSIX_VDISABLE;
  if (::tcsetattr(STDIN_FILENO, TCSAFLUSH, &drawing) != 0) return failure("terminal");
  write_now(kEnter);
  return terminal;
}

Terminal::Terminal(const termios& before, int signals) : before_(before), signals_(signals) {}

Terminal::~Terminal() {
  write_now(kLeave);
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  ::close(signals_);
  const sigset_t set = watched_signals();
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

ScreenSize Terminal::size() const {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
    return {};
  }
  return {.columns = size.ws_col, .rows = size.ws_row};
}

void Terminal::draw(const TopScreen& screen) const {
  std::string text = "\x1b[H";
  for (std::size_t i = 0; i < screen.lines.size(); ++i) {
    const bool is_highlighted = screen.highlighted == i;
    // Erased first: behind a line that fills its row the cursor is still on its last character.
    text += i > 0 ? "\r\n\x1b[2K" : "\x1b[2K";
    text += is_highlighted ? "\x1b[7m" + screen.lines[i] + "\x1b[0m" : screen.lines[i];
  }
  if (screen.lines.size() < size().rows) text += "\r\n\x1b[J";
  write_now(text);
}

Terminal::Event Terminal::wait(std::chrono::milliseconds longest) {
  if (!pending_.empty()) return read_keys();
  std::array<pollfd, 2> sources{{{STDIN_FILENO, POLLIN, 0}, {signals_, POLLIN, 0}}};
  if (::poll(sources.data(), sources.size(), static_cast<int>(longest.count())) <= 0) {
    return Event::nothing;
  }
  if (sources[1].revents != 0) return read_signal();
  std::array<char, 256> bytes{};
  const ssize_t count = ::read(STDIN_FILENO, bytes.data(), bytes.size());
  if (count <= 0) return Event::quit;  // the terminal is gone
  pending_.assign(bytes.data(), static_cast<std::size_t>(count));
  return read_keys();
}

Terminal::Event Terminal::read_keys() {
  while (!pending_.empty()) {
    const Key key = keys_.feed(pending_.front());
    pending_.erase(0, 1);
    switch (key) {
      case Key::up:
        return Event::up;
      case Key::down:
        return Event::down;
      case Key::quit:
        return Event::quit;
      case Key::none:
        break;
    }
  }
  return Event::nothing;
}

Terminal::Event Terminal::read_signal() {
  signalfd_siginfo info{};
  if (::read(signals_, &info, sizeof(info)) != sizeof(info)) return Event::nothing;
  if (info.ssi_signo == SIGWINCH) return Event::resized;
  ended_by_ = static_cast<int>(info.ssi_signo);
  return Event::quit;
}

}  // namespace tracelink::cli
