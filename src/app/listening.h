// Which sockets this process was passed, and where health and metrics are served.
#pragma once

#include <vector>

#include "net/http/server.h"
#include "net/listen_address.h"
#include "net/passed_sockets.h"
#include "net/unix_listener.h"

namespace gw {

// By the variables that sd_listen_fds(3) describes. Once: it takes the descriptors over.
PassedSockets sockets_passed_to_us(const std::vector<ListenAddress>& listen,
                                   const std::vector<ListenAddress>& ops_listen);
// One that nobody asks for is most likely a setting that was forgotten.
void tell_of_unused(const PassedSockets& passed);

class OpsListeners {
 public:
  Result<void> open(const std::vector<ListenAddress>& addresses, PassedSockets& passed, http::Server& server);

 private:
  std::vector<UnixSocketFile> files_;
};

}  // namespace gw
