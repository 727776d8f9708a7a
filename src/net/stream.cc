#include "net/stream.h"

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <vector>

#include "net/asio_guests.h"

namespace gw {

class TlsTrust {
 public:
  boost::asio::ssl::context context{boost::asio::ssl::context::tls_client};
};

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Socket = asio::generic::stream_protocol::socket;
using Endpoint = asio::generic::stream_protocol::endpoint;

Error failed(std::string_view what, const error_code& error) {
  return {Errc::unavailable, std::string(what) + ": " + error.message()};
}

IpAddress ip_of(const asio::ip::address& address) {
  IpAddress ip = *IpAddress::parse("::ffff:0.0.0.0");
  if (address.is_v6()) {
    ip.bytes = address.to_v6().to_bytes();
  } else {
    const auto bytes = address.to_v4().to_bytes();
    std::copy(bytes.begin(), bytes.end(), ip.bytes.end() - bytes.size());
  }
  return ip;
}

class SocketStream final : public Stream {
 public:
  SocketStream(EventLoop& loop, const TlsOptions& tls)
      : tls_options_(tls), stay_(loop.guests()), resolver_(stay_.context()), socket_(stay_.context()) {}

  void connect(const HostPort& to, Done done) override {
    host_ = to.host;
    resolver_.async_resolve(
        to.host, std::to_string(to.port),
        [self = self(), done = std::move(done)](const error_code& error,
                                                const asio::ip::tcp::resolver::results_type& found) mutable {
          if (self->closed_) return;
          if (error) return done(failed("can't resolve " + self->host_, error));
          for (const auto& entry : found) {
            if (self->may_connect_to(ip_of(entry.endpoint().address())))
              self->endpoints_.emplace_back(entry.endpoint());
          }
          if (self->endpoints_.empty())
            return done(
                Error{Errc::permission_denied, "no address of " + self->host_ + " may be connected to"});
          self->connect_next(std::move(done));
        });
  }

  void connect_unix(const std::string& path, Done done) override {
    if (path.size() >= sizeof(sockaddr_un::sun_path)) {
      return done(Error{Errc::invalid_argument, "the path of the socket is too long: " + path});
    }
    endpoints_.emplace_back(asio::local::stream_protocol::endpoint(path));
    connect_next(std::move(done));
  }

  void read_some(std::span<char> into, Read done) override {
    auto handler = [self = self(), done = std::move(done)](const error_code& error, size_t bytes) {
      if (self->closed_) return;
      if (error) return done(failed("connection lost", error));
      done(bytes);
    };
    const auto buffer = asio::buffer(into.data(), into.size());
    if (tls_) return tls_->async_read_some(buffer, std::move(handler));
    socket_.async_read_some(buffer, std::move(handler));
  }

  void write(std::string_view data, Done done) override {
    auto handler = [self = self(), done = std::move(done)](const error_code& error, size_t) {
      if (self->closed_) return;
      if (error) return done(failed("connection lost", error));
      done({});
    };
    const auto buffer = asio::buffer(data.data(), data.size());
    if (tls_) return asio::async_write(*tls_, buffer, std::move(handler));
    asio::async_write(socket_, buffer, std::move(handler));
  }

  void close() override {
    closed_ = true;
    error_code ignored;
    resolver_.cancel();
    socket_.close(ignored);
  }

 private:
  std::shared_ptr<SocketStream> self() { return std::static_pointer_cast<SocketStream>(shared_from_this()); }

  void connect_next(Done done) {
    if (next_ >= endpoints_.size()) return done(failed("can't connect", last_error_));
    const Endpoint endpoint = endpoints_[next_++];
    error_code ignored;
    socket_.close(ignored);
    socket_.async_connect(endpoint,
                          [self = self(), endpoint, done = std::move(done)](const error_code& error) mutable {
                            if (self->closed_) return;
                            if (error) {
                              self->last_error_ = error;
                              return self->connect_next(std::move(done));
                            }
                            self->on_connected(endpoint, std::move(done));
                          });
  }

  void on_connected(const Endpoint& endpoint, Done done) {
    error_code ignored;
    // Everything is gathered before it is written.
    if (endpoint.protocol().family() != AF_UNIX) socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    if (!tls_options_.enabled) return done({});
    if (const Result<void> prepared = prepare_tls(); !prepared) return done(prepared.error());
    tls_->async_handshake(asio::ssl::stream_base::client,
                          [self = self(), done = std::move(done)](const error_code& error) {
                            if (self->closed_) return;
                            if (error) return done(failed("TLS handshake with " + self->host_, error));
                            done({});
                          });
  }

  Result<void> prepare_tls() {
    Result<std::shared_ptr<TlsTrust>> trust = tls_options_.trust;
    if (!tls_options_.trust) trust = read_tls_trust(tls_options_.ca_file);
    if (!trust) return trust.error();
    trust_ = *trust;
    error_code error;
    tls_.emplace(socket_, trust_->context);
    tls_->set_verify_mode(asio::ssl::verify_peer, error);
    tls_->set_verify_callback(asio::ssl::host_name_verification(host_), error);
    SSL_set_tlsext_host_name(tls_->native_handle(), host_.c_str());
    return {};
  }

  const TlsOptions tls_options_;
  const AsioGuests::Stay stay_;
  asio::ip::tcp::resolver resolver_;
  Socket socket_;
  std::shared_ptr<TlsTrust> trust_;
  std::optional<asio::ssl::stream<Socket&>> tls_;
  std::string host_;
  std::vector<Endpoint> endpoints_;
  size_t next_ = 0;
  error_code last_error_;
  bool closed_ = false;
};

}  // namespace

Result<std::shared_ptr<TlsTrust>> read_tls_trust(const std::string& ca_file) {
  const auto trust = std::make_shared<TlsTrust>();
  error_code error;
  if (ca_file.empty()) {
    trust->context.set_default_verify_paths(error);
  } else {
    trust->context.load_verify_file(ca_file, error);
  }
  if (error) return failed("certificates of " + ca_file, error);
  return trust;
}

std::string HostPort::text() const {
  const bool ipv6 = host.find(':') != std::string::npos;
  return (ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::shared_ptr<Stream> Stream::make(EventLoop& loop, const TlsOptions& tls) {
  if (VirtualMachine* const machine = loop.virtual_machine()) return machine->make_stream(loop, tls);
  return std::make_shared<SocketStream>(loop, tls);
}

}  // namespace gw
