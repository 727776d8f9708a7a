#include "post_office/mcp/polls.h"

#include <list>

#include "base/log.h"
#include "base/random.h"
#include "json/json.h"

namespace gw::mcp {
namespace {

constexpr Duration kSweepPeriod = 1s;
// What waits in the channel's queue comes to a new listener within this; the first poll waits for it.
constexpr Duration kSettleTime = 500ms;
constexpr size_t kEpochBytes = 8;

std::string page_body(const MessageLog::Page& page) {
  std::string body;
  json::Writer writer(body);
  writer.begin_object().key("messages").begin_array();
  for (const auto& envelope : page.envelopes) writer.raw(*envelope);
  writer.end_array()
      .member("cursor", page.cursor.text())
      .member("more", page.more)
      .member("gap", page.gap.has_value());
  if (page.gap) writer.member("gap_reason", to_string(*page.gap));
  writer.end_object();
  return body;
}

Error about_to_end() { return {Errc::unavailable, "the gateway is about to end"}; }

}  // namespace

// One channel's log for one tenant, and who waits at it.
class Polls::Listener final : public AgentSink, public std::enable_shared_from_this<Listener> {
 public:
  Listener(Polls& owner, Key key)
      : owner_(owner),
        key_(std::move(key)),
        log_(secure_random_hex(kEpochBytes), owner.limits_.log, owner.loop_.wall_now()) {}

  bool deliver(std::string_view id, std::string_view envelope) override {
    if (!log_.append(id, envelope, owner_.loop_.now(), owner_.loop_.wall_now())) return false;
    wake();
    return true;
  }

  void fell_behind() override {
    log::warn("mcp_log_full", {{"channel", channel_name()}});
    log_.lose(LogGap::overflow);
    wake();
  }

  void poll(const Poll& poll, http::Responder asker, Done<std::string> done) {
    if (waits_.size() >= owner_.limits_.waiting_max)
      return done(Error{Errc::resource_exhausted, "too many polls wait on this channel; try again later"});
    const Result<MessageLog::Start> start = log_.start(poll.cursor);
    if (!start) return done(start.error());
    last_poll_ = owner_.loop_.now();
    const bool listens = state_ == State::open;
    const Duration wait = listens ? poll.wait : std::max(poll.wait, kSettleTime);
    const auto entry =
        waits_.insert(waits_.end(), Wait{*start, poll.messages_max, std::move(asker), std::move(done), {}});
    if (listens && (log_.has_news(*start) || wait == Duration::zero())) return answer(entry);
    entry->deadline = owner_.loop_.after(wait, [this, entry] { answer(entry); });
    if (state_ == State::closed) open();
  }

  // Whoever has gone needs no answer, and keeps no place.
  void sweep() {
    for (auto entry = waits_.begin(); entry != waits_.end();) {
      const auto next = std::next(entry);
      if (!entry->asker.is_waiting() || entry->asker.peer_ended()) answer(entry);
      entry = next;
    }
    const TimePoint now = owner_.loop_.now();
    if (const size_t lost = log_.expire(now); lost > 0)
      log::warn("mcp_messages_expired", {{"channel", channel_name()}, {"count", lost}});
    if (state_ == State::open && waits_.empty() && now - last_poll_ >= owner_.limits_.listening_time) close();
  }

  void end() {
    answer_all();
    if (state_ == State::open) close();
  }

  bool is_idle() const { return state_ == State::closed && waits_.empty() && log_.empty(); }
  size_t waiting() const { return waits_.size(); }
  size_t logged() const { return log_.size(); }

 private:
  enum class State { closed, opening, open };
  struct Wait {
    MessageLog::Start start;
    size_t messages_max;
    http::Responder asker;
    Done<std::string> done;
    EventLoop::Registration deadline;
  };
  using Entry = std::list<Wait>::iterator;

  void open() {
    state_ = State::opening;
    subscription_ = owner_.post_office_.subscribe({key_.first, {}, key_.second}, weak_from_this(),
                                                  [this](const Result<void>& opened) { on_opened(opened); });
    if (state_ == State::closed) subscription_.reset();  // answered, and ended, within the call
  }

  void on_opened(const Result<void>& opened) {
    if (!opened) {
      state_ = State::closed;
      return fail_all(opened.error());
    }
    state_ = State::open;
    if (was_read_) log_.lose(LogGap::not_listening);
    was_read_ = true;
    if (owner_.closed_) return end();
    wake();
  }

  void close() {
    state_ = State::closed;
    subscription_.reset();
  }

  // At the end of the turn: what arrives together is told together, and the engine is not called back from
  // within its own call.
  void wake() {
    if (waits_.empty() || std::exchange(waking_, true)) return;
    wake_ = owner_.loop_.after(Duration::zero(), [this] {
      waking_ = false;
      for (auto entry = waits_.begin(); entry != waits_.end();) {
        const auto next = std::next(entry);
        if (state_ == State::open && log_.has_news(entry->start)) answer(entry);
        entry = next;
      }
    });
  }

  void answer(Entry entry) {
    Wait wait = std::move(*entry);
    waits_.erase(entry);
    last_poll_ = owner_.loop_.now();
    // A cursor given before the subscription is there claims what nobody listens to yet.
    if (state_ != State::open) was_read_ = true;
    const MessageLog::Page page =
        log_.read(wait.start, wait.messages_max, owner_.limits_.page_bytes_max, owner_.loop_.wall_now());
    wait.done(page_body(page));
  }

  void answer_all() {
    while (!waits_.empty()) answer(waits_.begin());
  }

  void fail_all(const Error& error) {
    for (Wait& wait : std::exchange(waits_, {})) wait.done(error);
  }

  const std::string& channel_name() const { return owner_.post_office_.channels().name(key_.first); }

  Polls& owner_;
  const Key key_;
  MessageLog log_;
  State state_ = State::closed;
  SubscriptionHandle subscription_;
  bool was_read_ = false;  // there may be cursors that are older than the subscription
  TimePoint last_poll_;
  std::list<Wait> waits_;
  bool waking_ = false;
  EventLoop::Registration wake_;
};

Polls::Polls(EventLoop& loop, PostOffice& post_office, const PollLimits& limits)
    : loop_(loop),
      post_office_(post_office),
      limits_(limits),
      sweeps_(loop.every(kSweepPeriod, [this] { sweep(); })) {}

Polls::~Polls() = default;

void Polls::poll(Poll poll, http::Responder asker, Done<std::string> done) {
  if (closed_) return done(about_to_end());
  std::shared_ptr<Listener>& listener = listeners_[{poll.channel, poll.tenant_id}];
  if (!listener) listener = std::make_shared<Listener>(*this, Key{poll.channel, poll.tenant_id});
  listener->poll(poll, std::move(asker), std::move(done));
}

void Polls::close_all() {
  closed_ = true;
  for (const auto& [key, listener] : listeners_) listener->end();
}

size_t Polls::waiting() const {
  size_t count = 0;
  for (const auto& [key, listener] : listeners_) count += listener->waiting();
  return count;
}

size_t Polls::logged() const {
  size_t count = 0;
  for (const auto& [key, listener] : listeners_) count += listener->logged();
  return count;
}

void Polls::sweep() {
  for (const auto& [key, listener] : listeners_) listener->sweep();
  std::erase_if(listeners_, [](const auto& item) { return item.second->is_idle(); });
}

}  // namespace gw::mcp
