#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <termios.h>

#include "daemon/base/result.hpp"
#include "daemon/cli/top_screen.hpp"

namespace tracelink::cli {

enum class Key { none, up, down, quit };

// Bytes of a terminal as keys: arrows in both of their forms, k and j, q. An escape sequence may
// come in pieces.
class KeyReader {
 public:
  Key feed(char byte);

 private:
  enum class State { plain, escape, sequence };
  State state_ = State::plain;
};

// The terminal of this process for a command that draws whole screens: the alternate screen, no
// echo, no cursor. As it was before when this object is gone.
//
// SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGWINCH are blocked meanwhile and come as events, so that
// none of them leaves the terminal as it is drawn on. ANSI escapes alone, no library: what is drawn
// is lines of text, and every terminal in use knows these (docs/cli.md#top).
class Terminal {
 public:
  enum class Event { nothing, up, down, resized, quit };

  // Whether standard input and output are a terminal that knows escapes.
  static bool is_there();
  // Precondition: is_there(). `io`: the terminal went away.
  static Result<std::unique_ptr<Terminal>> open();
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  ScreenSize size() const;
  void draw(const TopScreen& screen) const;
  // At most so long.
  Event wait(std::chrono::milliseconds longest);
  // The signal that asked to quit; nothing: a key did.
  std::optional<int> ended_by() const { return ended_by_; }

 private:
  Terminal(const termios& before, int signals);
  Event read_keys();
  Event read_signal();

  const termios before_;
  const int signals_;  // a signalfd
  KeyReader keys_;
  std::string pending_;  // keys that came together
  std::optional<int> ended_by_;
};

}  // namespace tracelink::cli
