#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <sys/types.h>

#include "daemon/base/file_lock.hpp"
#include "daemon/base/result.hpp"

namespace tracelink {

struct UnixSocketOptions {
  std::string path;           // at most 107 bytes; its directory exists
  std::uint32_t mode = 0660;  // applied before anybody can connect
  std::string owner, group;   // names or numbers; empty: the process's
};

// An open listening socket and, for a Unix path, the lock file beside it (`<path>.lock[.<uid>]`).
//
// A socket file is replaced only when nobody answers on it and the lock is ours. The lock file is
// never removed: another process may hold it open. Close removes the socket file that we made.
class ListeningSocket {
 public:
  // Errors: `invalid` (path too long, not a socket, unknown owner), `rejected` (another daemon has
  // the lock), `unavailable` (another process answers on it), `io`.
  static Result<ListeningSocket> open_unix(const UnixSocketOptions& options);
  // "127.0.0.1:4318", "[::1]:4318" or "localhost:4318"; `invalid` for anything that is not
  // loopback.
  static Result<ListeningSocket> open_tcp(const std::string& address);
  // A listening socket that another process made and keeps (systemd); its file is left alone.
  static Result<ListeningSocket> adopt(int fd);
  // A socket that the process before kept open (release()), as open_unix() and open_tcp() would
  // make it. One that is elsewhere is closed, and another one opened. `fd` is taken over.
  static Result<ListeningSocket> resume_unix(int fd, const UnixSocketOptions& options);
  static Result<ListeningSocket> resume_tcp(int fd, const std::string& address);

  ListeningSocket(ListeningSocket&& other) noexcept;
  ListeningSocket& operator=(ListeningSocket&&) = delete;
  ~ListeningSocket();

  // Whether clients still find it: the file of a Unix socket was not removed or replaced.
  bool is_found() const;
  // Another socket in its place, with another descriptor. Errors as open_unix(); `invalid`: only
  // the process that made it can make it again.
  Result<void> open_again();

  // The descriptor, which is the caller's now, for a successor. The socket file stays; the lock
  // ends with this object.
  int release();

  int fd() const { return fd_; }
  int family() const;
  std::uint16_t tcp_port() const;

 private:
  struct File {
    std::uint64_t device = 0, inode = 0;
    bool operator==(const File&) const = default;
  };

  ListeningSocket() = default;
  Result<void> find_owner();
  Result<void> lock();
  Result<void> bind();
  Result<void> open_to_peers();
  void note_file();
  static std::optional<File> file_at(const std::string& path);

  std::optional<FileLock> lock_;  // outlives the file, which it guards
  int fd_ = -1;
  std::string path_;  // removed at the end; empty: not ours
  UnixSocketOptions options_;
  uid_t uid_ = static_cast<uid_t>(-1);  // of the options; -1: the process's
  gid_t gid_ = static_cast<gid_t>(-1);
  std::optional<File> file_;  // as it was made; nothing if that is not known
};

// Whether it is bound to that address, of the form that ListeningSocket::open_tcp() takes.
bool is_bound_to(int fd, const std::string& tcp_address);

// The path that a Unix socket is bound to; empty for other sockets, and for those without a path.
std::string socket_path(int fd);

}  // namespace tracelink
