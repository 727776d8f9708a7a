// Who has connected and is not a connection yet: what becomes of the bytes that came, and how many strangers
// an address may have. Pure.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "gateway/address_counts.h"
#include "gateway/client_table.h"
#include "gateway/upgrade.h"

namespace gw {

struct HandshakeOptions {
  UpgradeOptions upgrade;
  Duration timeout = 5s;
  size_t strangers_per_address = 0;  // handshakes and connections without a session; 0: no bound
};

namespace handshake {

// The head is not whole yet.
struct Incomplete {};
// Its first request asks for no connection.
struct NotForUs {};
// What it sends is TLS: the bytes that have come are the beginning.
struct BeginTls {};
// It gets this answer, and the connection ends.
struct Refusal {
  http::Response answer;
  bool head_only = false;
  bool at_once = false;         // without waiting for the peer to read it
  std::string bad_origin = {};  // of its page, when that is why
  std::string bad_proxy = {};   // what is wrong about its PROXY header, when that is why
  bool not_tls = false;         // it speaks in clear where it should not
};
struct InOrder {
  Upgrade upgrade;
  std::string origin;     // of its page; empty: no browser
  size_t head_bytes = 0;  // of what came; the rest is for the connection
};

using Verdict = std::variant<Incomplete, NotForUs, BeginTls, Refusal, InOrder>;

}  // namespace handshake

class Handshakes {
 public:
  explicit Handshakes(const HandshakeOptions& options)
      : options_(options), strangers_(options.strangers_per_address) {}

  // Who is here already stays.
  void reconfigure(const HandshakeOptions& options) {
    options_ = options;
    strangers_.set_most(options.strangers_per_address);
  }
  // Counts the newcomer. Until when its head may take; empty: its address has so many that it is not heard.
  std::optional<TimePoint> begin(const IpAddress& peer, Stranger& stranger, TimePoint now);
  // Whether its bytes begin with a PROXY header, where the listener takes them.
  Handshaking::FromProxy expect_proxy_header(const IpAddress& peer, bool proxy_protocol) const;
  // `ready`: this instance takes connections now. A PROXY header is taken off, and changes its arrival.
  handshake::Verdict judge(Handshaking& client, Stranger& stranger, TimePoint now, bool ready);
  // It has shown a session, or goes.
  void forget(Stranger& stranger);

 private:
  std::optional<handshake::Verdict> take_proxy_header(Handshaking& client, Stranger& stranger, TimePoint now);
  void count(const IpAddress& address, Stranger& stranger);

  HandshakeOptions options_;
  AddressCounts strangers_;
};

}  // namespace gw
