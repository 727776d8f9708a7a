// Agents' Server-Sent Events (WHATWG HTML 9.2): one inbound envelope an event. A stream that can take no more
// refuses, and the engine keeps what it has for later or for others.
#pragma once

#include <memory>
#include <unordered_set>

#include "core/agent_delivery.h"
#include "net/event_loop.h"
#include "post_office/http_api/api_request.h"
#include "post_office/post_office.h"

namespace gw::http_api {

class EventStreams {
 public:
  // Both outlive it; it outlives the HTTP server.
  EventStreams(EventLoop& loop, PostOffice& post_office);
  ~EventStreams();

  void subscribe(ApiRequest call);
  // Ends every stream after what it holds, and refuses new ones from then on.
  void close_all();
  size_t size() const { return feeds_.size(); }

 private:
  class Feed;

  void open(AgentSubscription subscription, http::Responder responder);
  void on_subscribed(const std::shared_ptr<Feed>& feed, const Result<void>& subscribed);
  void drop(std::shared_ptr<Feed> feed);

  PostOffice& post_office_;
  std::unordered_set<std::shared_ptr<Feed>> feeds_;
  bool closed_ = false;
  EventLoop::Registration keep_alive_;
};

// One event, its data on as many lines as it has (CR, LF and CRLF end a line alike).
void append_event(std::string& out, std::string_view id, std::string_view data);

}  // namespace gw::http_api
