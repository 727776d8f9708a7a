// One byte stream to a server of somebody else's: TCP, TLS or a Unix socket behind the same four verbs.
// Control loop only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/ip.h"
#include "net/event_loop.h"

namespace gw {

struct HostPort {
  std::string host;  // a name or an IP address; IPv6 without its brackets
  uint16_t port = 0;

  std::string text() const;
  friend bool operator==(const HostPort&, const HostPort&) = default;
};

// Certificates that were read once, for many connections.
class TlsTrust;
// Empty `ca_file`: the system's.
Result<std::shared_ptr<TlsTrust>> read_tls_trust(const std::string& ca_file);

struct TlsOptions {
  bool enabled = false;
  std::string ca_file;                        // empty: the system's certificates
  std::shared_ptr<TlsTrust> trust = nullptr;  // in its place
};

// Callbacks hold the stream alive; none runs after close().
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  using Done = std::function<void(Result<void>)>;
  using Read = std::function<void(Result<size_t>)>;

  static std::shared_ptr<Stream> make(EventLoop& loop, const TlsOptions& tls);
  virtual ~Stream() = default;

  // Before connect(): of a name's addresses only these. permission_denied: there is none.
  using AddressCheck = std::function<bool(const IpAddress&)>;
  void only_to(AddressCheck check) { check_ = std::move(check); }
  // Tries every address of the name in turn.
  virtual void connect(const HostPort& to, Done done) = 0;
  virtual void connect_unix(const std::string& path, Done done) = 0;
  // At least one byte. unavailable: the peer has gone.
  virtual void read_some(std::span<char> into, Read done) = 0;
  // All of it; `data` stays valid until `done`.
  virtual void write(std::string_view data, Done done) = 0;
  virtual void close() = 0;

 protected:
  bool may_connect_to(const IpAddress& address) const { return !check_ || check_(address); }

 private:
  AddressCheck check_;
};

}  // namespace gw
