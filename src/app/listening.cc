#include "app/listening.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "base/log.h"
#include "base/overload.h"
#include "config/values.h"

namespace gw {
namespace {

constexpr uint64_t kPassedMax = 64;  // more than listen and ops-listen may name

std::string_view variable(const char* name) {
  const char* const value = std::getenv(name);
  return value ? value : "";
}

void tell(const std::string& address) { log::info("ops_listening", {{"address", address}}); }

Result<void> open_ip(const SocketAddress& address, bool with_ipv4, bool tls, http::Server& server) {
  const Result<SocketAddress> bound = server.listen_ops(address, with_ipv4, tls);
  if (!bound) return bound.error();
  tell(bound->text());
  return {};
}

Result<void> open_passed(const PassedSocket& which, bool tls, PassedSockets& passed, http::Server& server) {
  const std::string name = ListenAddress{which}.text();
  Result<std::vector<UniqueFd>> sockets = passed.take(which);
  if (!sockets)
    return Error{sockets.error().code, "cannot listen on " + name + ": " + sockets.error().detail};
  for (UniqueFd& socket : *sockets) server.listen_ops(std::move(socket), tls);
  tell(name);
  return {};
}

}  // namespace

PassedSockets sockets_passed_to_us(const std::vector<ListenAddress>& listen,
                                   const std::vector<ListenAddress>& ops_listen) {
  // Inherited through somebody whom they were meant for, they are not ours.
  if (parse_count(variable("LISTEN_PID")) != static_cast<uint64_t>(getpid())) return {};
  const uint64_t count = std::min(parse_count(variable("LISTEN_FDS")).value_or(0), kPassedMax);
  PassedSockets passed(count, variable("LISTEN_FDNAMES"));
  passed.reserve(listen);
  passed.reserve(ops_listen);
  return passed;
}

void tell_of_unused(const PassedSockets& passed) {
  for (const std::string& name : passed.names_left())
    log::warn("passed_socket_unused", {{"name", name}, {"hint", "name it in listen, as systemd:NAME"}});
}

Result<void> OpsListeners::open(const std::vector<ListenAddress>& addresses, PassedSockets& passed,
                                http::Server& server) {
  const std::vector<SocketAddress> all = ip_addresses(addresses);
  for (const ListenAddress& wanted : addresses) {
    const Result<void> opened = std::visit(
        Overload{
            [&](const SocketAddress& address) {
              return open_ip(address, serves_ipv4_too(address, all), wanted.tls, server);
            },
            [&](const UnixPath& path) -> Result<void> {
              Result<UnixListener> listener = listen_on_unix(path);
              if (!listener) return listener.error();
              files_.push_back(std::move(listener->file));
              server.listen_ops(std::move(listener->fd), wanted.tls);
              tell("unix:" + path.path);
              return {};
            },
            [&](const PassedSocket& which) { return open_passed(which, wanted.tls, passed, server); },
        },
        wanted.place);
    if (!opened) return opened;
  }
  return {};
}

}  // namespace gw
