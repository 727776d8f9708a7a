#include "net/unix_listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "base/assert.h"

namespace gw {
namespace {

sockaddr_un raw_address(const std::string& path) {
  sockaddr_un raw{};
  raw.sun_family = AF_UNIX;
  ASSERT(path.size() < sizeof(raw.sun_path));
  std::memcpy(raw.sun_path, path.data(), path.size());
  return raw;
}

Error refusal(const UnixPath& where, Errc code, const std::string& reason) {
  return Error{code, "cannot listen on unix:" + where.path + ": " + reason};
}

Error refusal(const UnixPath& where, int error) {
  return refusal(where, error == EACCES || error == EPERM ? Errc::permission_denied : Errc::unavailable,
                 std::strerror(error));
}

UniqueFd make_socket() { return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }

bool bind_to(int fd, const std::string& path) {
  const sockaddr_un raw = raw_address(path);
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&raw), sizeof(raw)) == 0;
}

// Why nobody may take what is at this path; empty: it is what somebody who died has left.
std::optional<std::string> who_is_there(const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return std::nullopt;  // gone meanwhile
  if (!S_ISSOCK(found.st_mode)) return "a file that is no socket is there";
  const UniqueFd probe = make_socket();
  const sockaddr_un raw = raw_address(path);
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&raw), sizeof(raw)) == 0 || errno == EAGAIN)
    return "somebody listens there";
  if (errno != ECONNREFUSED && errno != ENOENT)
    return std::string("a socket is there that can't be asked: ") + std::strerror(errno);
  return std::nullopt;
}

Result<void> bind_or_replace(int fd, const UnixPath& where) {
  if (bind_to(fd, where.path)) return {};
  if (errno != EADDRINUSE) return refusal(where, errno);
  if (const auto reason = who_is_there(where.path)) return refusal(where, Errc::already_exists, *reason);
  if (::unlink(where.path.c_str()) != 0 && errno != ENOENT) return refusal(where, errno);
  if (bind_to(fd, where.path)) return {};
  return refusal(where, errno);
}

}  // namespace

UnixSocketFile::~UnixSocketFile() {
  struct stat found {};
  if (path_.empty() || ::lstat(path_.c_str(), &found) != 0) return;
  if (found.st_dev == device_ && found.st_ino == inode_) ::unlink(path_.c_str());
}

Result<UnixListener> listen_on_unix(const UnixPath& where, int backlog) {
  UniqueFd fd = make_socket();
  if (!fd) return refusal(where, errno);
  // Linux makes the file with the socket's own mode, less the umask: it is never open to more than it shall
  // be.
  if (::fchmod(fd.get(), where.mode) != 0) return refusal(where, errno);
  if (const Result<void> bound = bind_or_replace(fd.get(), where); !bound) return bound.error();
  struct stat made {};
  if (::lstat(where.path.c_str(), &made) != 0) return refusal(where, errno);
  UnixSocketFile file(where.path, made.st_dev, made.st_ino);
  if (::chmod(where.path.c_str(), where.mode) != 0) return refusal(where, errno);
  if (::listen(fd.get(), backlog) != 0) return refusal(where, errno);
  return UnixListener{std::move(fd), std::move(file)};
}

}  // namespace gw
