#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "config/config.hpp"
#include "config/load.hpp"
#include "daemon/base/result.hpp"

namespace tracelink::cli {

// Exit codes of every command (docs/cli.md).
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kUnreachable = 3;

// What the global options say.
struct Context {
  std::string config_file;     // --config
  std::string control_socket;  // --control
  bool json = false;           // --json
};

// Nobody is there now, or answers in time: kUnreachable.
bool is_away(const Error& error);

// Prints "tracelink: <message>" to standard error and returns `code`.
int fail(int code, std::string_view message);
// The same for an Error: kUnreachable where is_away(), else kFailed.
int fail(const Error& error);

// What the loader sees: this process, and --config.
LoadContext load_context(const Context& context);

// The configuration for talking to a tracking server; a missing model is fine here, anything else
// must be valid.
Result<Config> load_for_tracking(const Context& context);

// The daemon's sockets by its configuration; what is wrong elsewhere in it does not matter here. A
// user who configured none finds the system's daemon where none of their own runs. Errors:
// `invalid`, when a file that was named cannot be read or the socket's own key is wrong: another
// daemon may be behind the default socket.
Result<std::string> intake_socket(const Context& context);
Result<std::string> control_socket(const Context& context);  // --control, if it is given

// One exchange with the daemon's control socket; the body of a 200. `json`: what to send, or empty.
// `rejected` carries the daemon's own message.
Result<std::string> ask_daemon(const Context& context, std::string_view method,
                               std::string_view target, std::string json = {});

// The same with a GET of the intake socket, which whoever may send may ask.
Result<std::string> ask_intake(const Context& context, std::string_view target);

// What the daemon behind that intake socket tells of itself: an object. Errors: those of
// unix_http_request(), and `rejected` for a user whom it does not take, with its own message, and
// for a socket of something else.
Result<nlohmann::json> about_intake(const std::string& socket);

}  // namespace tracelink::cli
