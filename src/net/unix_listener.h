// Listening on a path. The file goes with whoever made it.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>

#include "base/error.h"
#include "net/listen_address.h"
#include "net/socket.h"

namespace gw {

// The file of a Unix socket that this process has bound. Removed at the end, unless it is somebody else's by
// then.
class UnixSocketFile {
 public:
  UnixSocketFile(std::string path, dev_t device, ino_t inode)
      : path_(std::move(path)), device_(device), inode_(inode) {}
  UnixSocketFile(UnixSocketFile&& other) noexcept
      : path_(std::exchange(other.path_, {})), device_(other.device_), inode_(other.inode_) {}
  UnixSocketFile& operator=(UnixSocketFile&&) = delete;
  ~UnixSocketFile();

 private:
  std::string path_;  // empty: not its owner any more
  const dev_t device_;
  const ino_t inode_;
};

struct UnixListener {
  UniqueFd fd;  // non-blocking
  UnixSocketFile file;
};

// A file that a dead process has left there is replaced. already_exists: somebody listens there, or it is no
// socket. The error's detail names the path and the reason.
Result<UnixListener> listen_on_unix(const UnixPath& where, int backlog = ListenOptions().backlog);

}  // namespace gw
