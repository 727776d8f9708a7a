// One request of our own whose answer is taken as it comes, on a connection of its own. Control loop only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "net/event_loop.h"
#include "net/http/answer_parser.h"
#include "net/stream.h"

namespace gw::http {

struct CallOptions {
  HostPort server;
  TlsOptions tls;
  gw::Stream::AddressCheck may_connect_to;
  Duration head_timeout = 30s;     // from here to the answer's head
  Duration silence_timeout = 30s;  // of its body
};

class Call {
 public:
  // Any of them may end the call.
  struct Events {
    std::function<void(const AnswerHead&)> on_head;
    std::function<void(std::string_view piece)> on_body;
    // Last. Empty: the answer is whole.
    std::function<void(Result<void>)> on_end;
  };

  // `request` is its text, whole. No event comes before the constructor returns.
  Call(EventLoop& loop, CallOptions options, std::string request, Events events);
  // No event comes any more.
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // Nothing more is read until resume(); what was read already still comes.
  void pause();
  void resume();

 private:
  class Exchange;
  const std::shared_ptr<Exchange> exchange_;
};

}  // namespace gw::http
