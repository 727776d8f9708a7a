#include "net/http/call.h"

#include <array>
#include <utility>

namespace gw::http {

class Call::Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(EventLoop& loop, CallOptions options, std::string request, Events events)
      : loop_(loop),
        options_(std::move(options)),
        request_(std::move(request)),
        events_(std::move(events)),
        stream_(gw::Stream::make(loop, options_.tls)) {}

  void begin() {
    expect_within(options_.head_timeout);
    stream_->only_to(options_.may_connect_to);
    // In a turn of its own: a socket may fail at once.
    start_ = loop_.after(Duration(0), [self = weak_from_this()] {
      if (const auto exchange = self.lock()) exchange->connect();
    });
  }
  void close() {
    is_over_ = true;
    deadline_.reset();
    start_.reset();
    stream_->close();
  }
  void pause() { is_paused_ = true; }
  void resume() {
    if (!std::exchange(is_paused_, false) || !is_waiting_) return;
    is_waiting_ = false;
    expect_within(options_.silence_timeout);
    read();
  }

 private:
  void expect_within(Duration time) {
    deadline_ = loop_.after(time, [self = weak_from_this(), time] {
      if (const auto exchange = self.lock())
        exchange->end(Error{Errc::timeout, "nothing came in " + format_duration(time)});
    });
  }

  void connect() {
    stream_->connect(options_.server, [self = shared_from_this()](const Result<void>& connected) {
      if (!connected) return self->end(connected.error());
      // A failure shows in the read as well, and there after what the server still said.
      self->stream_->write(self->request_, [self](const Result<void>&) {});
      self->read();
    });
  }

  void read() {
    stream_->read_some(buffer_,
                       [self = shared_from_this()](const Result<size_t>& bytes) { self->receive(bytes); });
  }

  void receive(const Result<size_t>& bytes) {
    const bool had_head = parser_.head() != nullptr;
    const Result<void> put = bytes ? parser_.put({buffer_.data(), *bytes}) : parser_.put_end();
    if (!had_head && parser_.head()) events_.on_head(*parser_.head());
    if (is_over_) return;
    if (const std::string piece = parser_.take_body(); !piece.empty()) events_.on_body(piece);
    if (is_over_) return;
    if (!put) return end(bytes ? put.error() : bytes.error());
    if (parser_.is_complete()) return end({});
    if (parser_.head()) expect_within(options_.silence_timeout);
    if (!is_paused_) return read();
    is_waiting_ = true;
    deadline_.reset();
  }

  void end(const Result<void>& how) {
    if (is_over_) return;
    close();
    events_.on_end(how);
  }

  EventLoop& loop_;
  const CallOptions options_;
  const std::string request_;
  const Events events_;
  const std::shared_ptr<gw::Stream> stream_;
  AnswerParser parser_;
  std::array<char, 16 * 1024> buffer_;
  EventLoop::Registration start_;
  EventLoop::Registration deadline_;
  bool is_paused_ = false;
  bool is_waiting_ = false;  // for resume(), to read on
  bool is_over_ = false;
};

Call::Call(EventLoop& loop, CallOptions options, std::string request, Events events)
    : exchange_(std::make_shared<Exchange>(loop, std::move(options), std::move(request), std::move(events))) {
  exchange_->begin();
}

Call::~Call() { exchange_->close(); }

void Call::pause() { exchange_->pause(); }

void Call::resume() { exchange_->resume(); }

}  // namespace gw::http
