#include "net/passed_sockets.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace gw {
namespace {

constexpr int kFirst = 3;  // SD_LISTEN_FDS_START

int option_of(int fd, int name) {
  int value = -1;
  socklen_t size = sizeof(value);
  ::getsockopt(fd, SOL_SOCKET, name, &value, &size);
  return value;
}

// Null: clients can be accepted from it.
const char* fault_of(int fd) {
  if (option_of(fd, SO_TYPE) != SOCK_STREAM || option_of(fd, SO_ACCEPTCONN) != 1)
    return "it is no listening stream socket (ListenStream=, Accept=no)";
  const int domain = option_of(fd, SO_DOMAIN);
  if (domain != AF_INET && domain != AF_INET6 && domain != AF_UNIX)
    return "it is neither of IP nor a Unix socket";
  return nullptr;
}

// Its other owners share the flag: they do not accept.
bool make_ours(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  return flags >= 0 && ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 && ::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

}  // namespace

PassedSockets::PassedSockets(size_t count, std::string_view names) {
  for (size_t i = 0; i < count; ++i) {
    const size_t colon = names.find(':');
    sockets_.push_back({UniqueFd(kFirst + static_cast<int>(i)), std::string(names.substr(0, colon))});
    names.remove_prefix(colon == std::string_view::npos ? names.size() : colon + 1);
  }
}

void PassedSockets::reserve(const std::vector<ListenAddress>& addresses) {
  for (const ListenAddress& address : addresses) {
    const auto* const passed = std::get_if<PassedSocket>(&address.place);
    if (passed && !passed->name.empty()) reserved_.push_back(passed->name);
  }
}

bool PassedSockets::is_meant(const Socket& socket, const PassedSocket& which) const {
  if (!which.name.empty()) return socket.name == which.name;
  return std::find(reserved_.begin(), reserved_.end(), socket.name) == reserved_.end();
}

Result<std::vector<UniqueFd>> PassedSockets::take(const PassedSocket& which) {
  std::vector<UniqueFd> taken;
  for (Socket& socket : sockets_) {
    if (!socket.fd || !is_meant(socket, which)) continue;
    const std::string what =
        "the passed socket " + std::to_string(socket.fd.get()) + " \"" + socket.name + "\": ";
    if (const char* fault = fault_of(socket.fd.get())) return Error{Errc::invalid_argument, what + fault};
    if (!make_ours(socket.fd.get())) return Error{Errc::unavailable, what + std::strerror(errno)};
    set_no_delay(socket.fd.get());  // accepted sockets inherit it
    taken.push_back(std::move(socket.fd));
  }
  if (!taken.empty()) return taken;
  std::string there;
  for (const std::string& name : names_left()) there += (there.empty() ? "" : ", ") + name;
  return Error{Errc::not_found,
               "no such socket was passed (LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES, from a .socket "
               "unit); there is " +
                   (there.empty() ? "none" : there)};
}

std::vector<std::string> PassedSockets::names_left() const {
  std::vector<std::string> names;
  for (const Socket& socket : sockets_)
    if (socket.fd) names.push_back(socket.name);
  return names;
}

}  // namespace gw
