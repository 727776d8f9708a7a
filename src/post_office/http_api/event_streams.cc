#include "post_office/http_api/event_streams.h"

#include "base/log.h"
#include "post_office/authorized_post_office.h"
#include "post_office/fields.h"

namespace gw::http_api {
namespace {

// Shorter than what proxies and NAT boxes take for a dead connection.
constexpr Duration kKeepAlivePeriod = 15s;
constexpr std::string_view kKeepAlive = ": keep-alive\n\n";
// To an agent that came back with Last-Event-ID (WHATWG HTML 9.2.4) where that cannot be gone on from.
constexpr std::string_view kGap =
    "event: gap\ndata: {\"reason\":\"messages since Last-Event-ID may be missing\"}\n\n";

http::Response stream_head() {
  http::Response head;
  head.content_type = "text/event-stream";
  head.header("X-Accel-Buffering", "no");  // nginx would hold events back
  return head;
}

}  // namespace

void append_event(std::string& out, std::string_view id, std::string_view data) {
  out.append("id: ").append(id).append("\n");
  while (true) {
    const size_t end = data.find_first_of("\r\n");
    out.append("data: ").append(data.substr(0, end)).append("\n");
    if (end == std::string_view::npos) break;
    data.remove_prefix(end + (data.substr(end).starts_with("\r\n") ? 2 : 1));
  }
  out.append("\n");
}

// One agent's stream. Its head goes out once the engine has taken the subscription, so that an agent that
// has seen a 200 misses nothing.
class EventStreams::Feed final : public AgentSink, public std::enable_shared_from_this<Feed> {
 public:
  Feed(EventStreams& owner, http::Responder responder) : owner_(owner), responder_(std::move(responder)) {}

  bool deliver(std::string_view id, std::string_view envelope) override {
    // An envelope is one line, unless a client has sent JSON with line ends in it. Two searches:
    // find_first_of() makes a call for every byte, which was a quarter of what a routed message costs.
    if (envelope.find('\n') == std::string_view::npos && envelope.find('\r') == std::string_view::npos) {
      return stream_.write({"id: ", id, "\ndata: ", envelope, "\n\n"});
    }
    std::string event;
    append_event(event, id, envelope);
    return stream_.write(event);
  }

  bool missed() override { return stream_.write(kGap); }

  void fell_behind() override {
    log::warn("agent_stream_ended", {{"reason", "it reads too slowly"}});
    stream_.drop();
    owner_.drop(shared_from_this());
  }

  void open() {
    stream_ = responder_.stream(stream_head());
    stream_.write(": subscribed\n\n");
  }

  void keep_alive() {
    if (stream_.buffered_bytes() == 0) stream_.write(kKeepAlive);
  }

  http::Responder& responder() { return responder_; }
  http::Stream& stream() { return stream_; }

  SubscriptionHandle subscription;
  bool confirmed = false;

 private:
  EventStreams& owner_;
  http::Responder responder_;
  http::Stream stream_;
};

EventStreams::EventStreams(EventLoop& loop, PostOffice& post_office)
    : post_office_(post_office), keep_alive_(loop.every(kKeepAlivePeriod, [this] {
        for (const std::shared_ptr<Feed>& feed : feeds_) feed->keep_alive();
      })) {}

EventStreams::~EventStreams() = default;

void EventStreams::subscribe(ApiRequest call) {
  QueryFields fields(call.request.query);
  const std::string channel = fields.text("channel");
  const std::string group = fields.optional_name("group").value_or("");
  if (fields.fault()) return refuse(call.responder, *fields.fault());
  const Result<ChannelIndex> granted = granted_channel(*call.key, post_office_.channels(), channel);
  if (!granted) return refuse(call.responder, granted.error());
  if (closed_) return refuse(call.responder, {Errc::unavailable, "the gateway is about to end"});
  const auto last_event_id = call.request.field("Last-Event-ID");
  open({*granted, group, call.key->tenant_id, std::string(last_event_id.value_or(""))},
       std::move(call.responder));
}

void EventStreams::open(AgentSubscription subscription, http::Responder responder) {
  const auto feed = std::make_shared<Feed>(*this, std::move(responder));
  feeds_.insert(feed);
  feed->subscription =
      post_office_.subscribe(std::move(subscription), feed,
                             [this, weak = std::weak_ptr<Feed>(feed)](const Result<void>& subscribed) {
                               if (const std::shared_ptr<Feed> answered = weak.lock())
                                 on_subscribed(answered, subscribed);
                             });
}

void EventStreams::on_subscribed(const std::shared_ptr<Feed>& feed, const Result<void>& subscribed) {
  if (!subscribed) {
    refuse(feed->responder(), subscribed.error());
    return drop(feed);
  }
  feed->confirmed = true;
  feed->open();
  // It may have left meanwhile, and a HEAD request never stays.
  if (!feed->stream().is_open()) return drop(feed);
  feed->stream().on_close([this, weak = std::weak_ptr<Feed>(feed)] {
    if (const std::shared_ptr<Feed> closed = weak.lock()) drop(closed);
  });
}

// It may still be within subscribe(), which then gives it a handle that ends with it.
void EventStreams::drop(std::shared_ptr<Feed> feed) {
  feed->subscription.reset();
  feeds_.erase(feed);
}

void EventStreams::close_all() {
  closed_ = true;
  for (const std::shared_ptr<Feed>& feed : std::exchange(feeds_, {})) {
    if (feed->confirmed) {
      feed->stream().close();
    } else {
      refuse(feed->responder(), {Errc::unavailable, "the gateway is about to end"});
    }
  }
}

}  // namespace gw::http_api
