#include "net/http/client.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "net/http/client_parser.h"

namespace gw::http {
namespace {

std::string request_text(const ClientRequest& request, const ClientOptions& options) {
  ASSERT(request.target.starts_with('/') && request.target.find_first_of(" \r\n") == std::string::npos);
  std::string text(request.method);
  text.append(" ").append(request.target).append(" HTTP/1.1\r\nHost: ").append(options.server.text());
  text.append("\r\nAccept: application/json\r\nConnection: close\r\n").append(options.extra_head);
  if (!request.body.empty() || request.method != "GET") {
    text.append("Content-Type: application/json\r\nContent-Length: ");
    text.append(std::to_string(request.body.size())).append("\r\n");
  }
  return text.append("\r\n").append(request.body);
}

}  // namespace

struct Client::Exchange {
  explicit Exchange(size_t body_bytes_max) : parser(body_bytes_max) {}

  std::string text;
  Done done;  // empty once it has been called or given up
  std::shared_ptr<Stream> stream;
  ClientParser parser;
  std::array<char, 16 * 1024> buffer;
  EventLoop::Registration deadline;
};

Client::Client(EventLoop& loop, ClientOptions options) : loop_(loop), options_(std::move(options)) {}

Client::~Client() {
  for (const auto& exchange : exchanges_) {
    exchange->deadline.reset();
    if (exchange->stream) exchange->stream->close();
  }
}

void Client::send(ClientRequest request, Done done) {
  auto exchange = std::make_shared<Exchange>(options_.body_bytes_max);
  exchange->text = request_text(request, options_);
  exchange->done = std::move(done);
  exchanges_.push_back(exchange);
  const bool full = exchanges_.size() > options_.pending_max;
  exchange->deadline =
      loop_.after(full ? Duration(0) : options_.timeout, [this, full, waiting = std::weak_ptr(exchange)] {
        const auto late = waiting.lock();
        if (!late) return;
        finish(late, full ? Error{Errc::resource_exhausted, "too many unanswered requests"}
                          : Error{Errc::timeout, "no answer in " + format_duration(options_.timeout)});
      });
  if (!full) connect(exchange);
}

void Client::connect(const std::shared_ptr<Exchange>& exchange) {
  exchange->stream = Stream::make(loop_, options_.tls);
  exchange->stream->connect(options_.server, [this, exchange](Result<void> connected) {
    if (!connected) return finish(exchange, connected.error());
    write(exchange);
    // At once: a server may refuse before it has read everything.
    read(exchange);
  });
}

void Client::write(const std::shared_ptr<Exchange>& exchange) {
  // A failure shows in the read as well, and there after what the server still said.
  exchange->stream->write(exchange->text, [exchange](Result<void>) {});
}

void Client::read(const std::shared_ptr<Exchange>& exchange) {
  exchange->stream->read_some(exchange->buffer,
                              [this, exchange](Result<size_t> bytes) { receive(exchange, bytes); });
}

void Client::receive(const std::shared_ptr<Exchange>& exchange, Result<size_t> bytes) {
  ClientParser& parser = exchange->parser;
  const Result<bool> complete = bytes ? parser.put({exchange->buffer.data(), *bytes}) : parser.put_end();
  // A body may end with the connection; anything else that ends early is the connection's fault.
  if (!complete) return finish(exchange, bytes ? complete.error() : bytes.error());
  if (!*complete) return read(exchange);
  finish(exchange, ClientResponse{parser.status(), parser.take_body()});
}

void Client::finish(const std::shared_ptr<Exchange>& exchange, Result<ClientResponse> result) {
  const auto kept = exchange;  // the argument may be the one of the list
  kept->deadline.reset();
  if (kept->stream) kept->stream->close();
  std::erase(exchanges_, kept);
  // Last: it may destroy this client.
  if (const Done done = std::exchange(kept->done, nullptr)) done(std::move(result));
}

}  // namespace gw::http
