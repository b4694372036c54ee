#include "daemon/base/listening_socket.hpp"

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <optional>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace tracelink {
namespace {

Error system_error(const std::string& what) {
  return Error{ErrorCode::io, what + ": " + std::strerror(errno)};
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Result<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  constexpr std::size_t kMaxPath = sizeof address.sun_path - 1;
  if (path.empty() || path.size() > kMaxPath) {
    return Error{ErrorCode::invalid,
                 "socket path \"" + path + "\" has " + std::to_string(path.size()) +
                     " bytes; a Unix socket's path has 1 to " + std::to_string(kMaxPath)};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// Makes sure that nothing is in the way at `path`. Precondition: we hold the lock.
Result<void> remove_stale(const std::string& path, const sockaddr_un& address) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return system_error(path);
  }
  if (!S_ISSOCK(status.st_mode)) {
    return Error{ErrorCode::invalid, path +
                                         " exists and is not a socket; remove it or choose "
                                         "another path"};
  }
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return system_error("socket");
  const int result = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = result == 0 ? 0 : errno;
  ::close(probe);
  errno = error;
  // EAGAIN: its queue of connections is full, so a process is there.
  if (error == 0 || error == EAGAIN) {
    return Error{ErrorCode::unavailable, path + ": somebody answers on this socket"};
  }
  if (error != ECONNREFUSED) return system_error(path);
  if (::unlink(path.c_str()) != 0) return system_error(path);
  return {};
}

// What another user left at `path` is no obstacle: daemons of this user lock `own` instead, and
// those of others are kept away by the socket itself, which is asked whether somebody answers.
Result<FileLock> acquire_either(const std::string& path, const std::string& own) {
  auto lock = FileLock::acquire(path);
  if (lock || lock.error().code != ErrorCode::io) return lock;
  auto instead = FileLock::acquire(own);
  const bool is_telling = instead || instead.error().code != ErrorCode::io;
  return is_telling ? std::move(instead) : std::move(lock);
}

Result<uid_t> user_id(const std::string& owner) {
  if (owner.empty()) return static_cast<uid_t>(-1);
  if (const auto number = parse_number<uid_t>(owner)) return *number;
  const passwd* const entry = ::getpwnam(owner.c_str());
  if (entry == nullptr) return Error{ErrorCode::invalid, "socket owner: no user \"" + owner + "\""};
  return entry->pw_uid;
}

Result<gid_t> group_id(const std::string& name) {
  if (name.empty()) return static_cast<gid_t>(-1);
  if (const auto number = parse_number<gid_t>(name)) return *number;
  const group* const entry = ::getgrnam(name.c_str());
  if (entry == nullptr) return Error{ErrorCode::invalid, "socket group: no group \"" + name + "\""};
  return entry->gr_gid;
}

// The file gets the socket's mode (less the umask): closed to others until it is ours to open.
Result<void> bind_closed(int fd, const std::string& path, const sockaddr_un& address) {
  if (::fchmod(fd, 0600) != 0 ||
      ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return system_error(path);
  }
  return {};
}

struct TcpAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

std::optional<TcpAddress> loopback_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_number<std::uint16_t>(text.substr(colon + 1));
  if (!port) return std::nullopt;
  std::string host(text.substr(0, colon));
  TcpAddress address;
  if (host == "[::1]") {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_addr = in6addr_loopback;
    v6.sin6_port = htons(*port);
    address.size = sizeof v6;
    return address;
  }
  if (host == "localhost") host = "127.0.0.1";
  auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
  v4.sin_family = AF_INET;
  v4.sin_port = htons(*port);
  address.size = sizeof v4;
  const bool parsed = ::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1;
  const bool loopback = (ntohl(v4.sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
  if (!parsed || !loopback) return std::nullopt;
  return address;
}

}  // namespace

bool is_bound_to(int fd, const std::string& tcp_address) {
  const auto wanted = loopback_address(tcp_address);
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  const bool is_known = ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) == 0;
  return is_known && wanted && size == wanted->size &&
         std::memcmp(&bound, &wanted->storage, wanted->size) == 0;
}

std::string socket_path(int fd) {
  sockaddr_un address{};
  socklen_t size = sizeof address;
  const bool is_known = ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  if (!is_known || address.sun_family != AF_UNIX || size <= offsetof(sockaddr_un, sun_path)) {
    return {};
  }
  const std::size_t room = size - offsetof(sockaddr_un, sun_path);
  return {address.sun_path, ::strnlen(address.sun_path, room)};
}

Result<ListeningSocket> ListeningSocket::open_unix(const UnixSocketOptions& options) {
  ListeningSocket socket;
  socket.options_ = options;
  if (const auto address = unix_address(options.path); !address) return address.error();
  if (auto ok = socket.find_owner(); !ok) return std::move(ok).error();
  if (auto ok = socket.lock(); !ok) return std::move(ok).error();
  if (auto ok = socket.bind(); !ok) return std::move(ok).error();
  return socket;
}

// Once: a name service may be slow, and nobody waits for it when the file has to be made again.
Result<void> ListeningSocket::find_owner() {
  const auto uid = user_id(options_.owner);
  if (!uid) return uid.error();
  const auto gid = group_id(options_.group);
  if (!gid) return gid.error();
  uid_ = *uid;
  gid_ = *gid;
  return {};
}

Result<void> ListeningSocket::open_to_peers() {
  if (::lchown(options_.path.c_str(), uid_, gid_) != 0 ||
      ::chmod(options_.path.c_str(), static_cast<mode_t>(options_.mode)) != 0) {
    return system_error(options_.path + ": owner and mode");
  }
  if (::listen(fd_, SOMAXCONN) != 0) return system_error(options_.path);
  return {};
}

Result<void> ListeningSocket::lock() {
  const std::string path = options_.path + ".lock";
  const std::string own = path + "." + std::to_string(::geteuid());
  if (lock_ && (lock_->is_at(path) || lock_->is_at(own))) return {};
  auto lock = acquire_either(path, own);
  if (!lock) return std::move(lock).error();
  lock_.emplace(*std::move(lock));
  return {};
}

Result<void> ListeningSocket::bind() {
  const auto address = unix_address(options_.path);
  if (!address) return address.error();
  if (auto ok = remove_stale(options_.path, *address); !ok) return ok;
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return system_error("socket");
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
  if (auto ok = bind_closed(fd_, options_.path, *address); !ok) return ok;
  path_ = options_.path;
  if (auto ok = open_to_peers(); !ok) return ok;
  note_file();
  return {};
}

void ListeningSocket::note_file() { file_ = file_at(options_.path); }

std::optional<ListeningSocket::File> ListeningSocket::file_at(const std::string& path) {
  struct stat status{};
  if (path.empty() || ::lstat(path.c_str(), &status) != 0) return std::nullopt;
  return File{.device = status.st_dev, .inode = status.st_ino};
}

bool ListeningSocket::is_found() const {
  if (!file_) return true;
  const auto now = file_at(options_.path);
  // What cannot be looked at is not gone.
  return now ? *now == *file_ : errno != ENOENT && errno != ENOTDIR;
}

Result<void> ListeningSocket::open_again() {
  if (path_.empty()) {
    return Error{ErrorCode::invalid, options_.path +
                                         " was removed, and systemd made it: restart its socket "
                                         "unit (systemctl restart tracelinkd.socket)"};
  }
  if (auto ok = lock(); !ok) return ok;
  return bind();
}

Result<ListeningSocket> ListeningSocket::open_tcp(const std::string& text) {
  const auto address = loopback_address(text);
  if (!address) {
    return Error{ErrorCode::invalid, "\"" + text +
                                         "\" is not a loopback address with a port, like "
                                         "127.0.0.1:4318"};
  }
  ListeningSocket socket;
  socket.fd_ = ::socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket.fd_ < 0) return system_error("socket");
  const int on = 1;  // a restart need not wait for old connections to be forgotten
  if (::setsockopt(socket.fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(socket.fd_, reinterpret_cast<const sockaddr*>(&address->storage), address->size) !=
          0 ||
      ::listen(socket.fd_, SOMAXCONN) != 0) {
    return system_error(text);
  }
  return socket;
}

Result<ListeningSocket> ListeningSocket::adopt(int fd) {
  int listening = 0;
  socklen_t size = sizeof listening;
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0) {
    return Error{ErrorCode::invalid,
                 "descriptor " + std::to_string(fd) + " is not a listening socket"};
  }
  ListeningSocket socket;
  socket.fd_ = fd;
  socket.options_.path = socket_path(fd);
  socket.note_file();
  return socket;
}

Result<ListeningSocket> ListeningSocket::resume_unix(int fd, const UnixSocketOptions& options) {
  auto socket = adopt(fd);
  if (!socket) return socket;
  const auto bound = socket_path(fd);
  if (bound != options.path) {
    if (!bound.empty()) ::unlink(bound.c_str());
    return open_unix(options);
  }
  socket->options_ = options;
  if (auto ok = socket->find_owner(); !ok) return std::move(ok).error();
  if (auto ok = socket->lock(); !ok) return std::move(ok).error();
  socket->path_ = options.path;
  if (auto ok = socket->open_to_peers(); !ok) return std::move(ok).error();
  return socket;
}

Result<ListeningSocket> ListeningSocket::resume_tcp(int fd, const std::string& text) {
  auto socket = adopt(fd);
  if (!socket) return socket;
  return is_bound_to(fd, text) ? std::move(socket) : open_tcp(text);
}

int ListeningSocket::release() {
  path_.clear();
  return std::exchange(fd_, -1);
}

ListeningSocket::ListeningSocket(ListeningSocket&& other) noexcept
    : lock_(std::move(other.lock_)),
      fd_(std::exchange(other.fd_, -1)),
      path_(std::exchange(other.path_, {})),
      options_(std::move(other.options_)),
      uid_(other.uid_),
      gid_(other.gid_),
      file_(other.file_) {}

ListeningSocket::~ListeningSocket() {
  if (!path_.empty() && is_found()) ::unlink(path_.c_str());
  if (fd_ >= 0) ::close(fd_);
}

int ListeningSocket::family() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0) return AF_UNIX;
  return address.ss_family;
}

std::uint16_t ListeningSocket::tcp_port() const {
  sockaddr_in address{};  // the port has the same place for IPv6
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(fd_, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return 0;
  std::memcpy(&address, &storage, sizeof address);
  return ntohs(address.sin_port);
}

}  // namespace tracelink
