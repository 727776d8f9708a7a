#include "net/http/client_parser.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <limits>

namespace gw::http {
namespace {

namespace beast = boost::beast::http;
using boost::system::error_code;

constexpr size_t kLastChunkBytes = 5;

Error refused(const error_code& error) {
  if (error == beast::error::body_limit) return {Errc::too_large, "the answer is too large"};
  if (error == beast::error::header_limit) return {Errc::too_large, "the answer's head is too large"};
  return {Errc::protocol_error, "not an HTTP answer: " + error.message()};
}

}  // namespace

struct ClientParser::Impl {
  beast::response_parser<beast::string_body> parser;
  std::string rest;  // received and not parsed yet: bounded by the head's limit
};

ClientParser::ClientParser(size_t body_bytes_max) : impl_(std::make_unique<Impl>()) {
  impl_->parser.body_limit(body_bytes_max);
  impl_->parser.header_limit(kHeadBytesMax);
  impl_->parser.eager(true);
}

ClientParser::~ClientParser() = default;

Result<bool> ClientParser::put(std::string_view bytes) {
  auto& [parser, rest] = *impl_;
  rest.append(bytes);
  while (!rest.empty() && !parser.is_done()) {
    // Beast 1.81 asserts that it is never asked again about less than a last chunk ("0", CRLF, CRLF).
    if (parser.is_header_done() && parser.chunked() && rest.size() < kLastChunkBytes) break;
    error_code error;
    const size_t used = parser.put(boost::asio::buffer(rest), error);
    rest.erase(0, used);
    if (error == beast::error::need_more) break;
    if (error) return refused(error);
    if (used == 0) break;
  }
  if (!parser.is_done() && rest.size() > kHeadBytesMax) return refused(beast::error::header_limit);
  return parser.is_done();
}

Result<bool> ClientParser::put_end() {
  auto& parser = impl_->parser;
  error_code error;
  if (parser.is_header_done() && !parser.is_done()) parser.put_eof(error);
  if (error || !parser.is_done()) return Error{Errc::unavailable, "the connection ended within an answer"};
  return true;
}

int ClientParser::status() const { return static_cast<int>(impl_->parser.get().result_int()); }

std::string ClientParser::take_body() { return std::move(impl_->parser.get().body()); }

}  // namespace gw::http
