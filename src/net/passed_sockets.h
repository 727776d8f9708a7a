// Listening sockets that whoever started us has opened and keeps: systemd's socket activation
// (sd_listen_fds(3)). While we are away, those who connect wait in their backlog.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "net/listen_address.h"
#include "net/socket.h"

namespace gw {

class PassedSockets {
 public:
  // None.
  PassedSockets() = default;
  // As LISTEN_FDS says how many, and LISTEN_FDNAMES how they are called, separated by colons. Takes them
  // over.
  PassedSockets(size_t count, std::string_view names);

  // Those that are asked for, once. The error's detail says what is wrong with them, or which there are
  // instead.
  Result<std::vector<UniqueFd>> take(const PassedSocket& which);
  // Of those that nobody has taken.
  std::vector<std::string> names_left() const;

  // Before anybody takes them: who asks for "systemd" alone gets none that one of these names.
  void reserve(const std::vector<ListenAddress>& addresses);

 private:
  struct Socket {
    UniqueFd fd;
    std::string name;
  };
  bool is_meant(const Socket& socket, const PassedSocket& which) const;

  std::vector<Socket> sockets_;
  std::vector<std::string> reserved_;
};

}  // namespace gw
