#include "engine/redis/sentinels.h"

#include <algorithm>
#include <charconv>

namespace gw::redis {
namespace {

constexpr Duration kAskEvery = 1s;
constexpr Duration kAskTime = 500ms;
// Once most have answered the others get this long.
constexpr Duration kGrace = 100ms;

template <class Number>
bool parse(std::string_view text, Number& number) {
  return std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc();
}

// Not the master's password is at fault.
Error of_sentinel(const HostPort& sentinel, const Error& why) {
  std::string detail =
      "sentinel " + sentinel.text() + ": " + why.detail.substr(0, why.detail.find(" (check"));
  if (detail.find("NOAUTH") != std::string::npos || detail.find("WRONGPASS") != std::string::npos) {
    detail += " (give redis-url ?sentinel_password=, and &sentinel_user= where it has users)";
  }
  return {Errc::unavailable, std::move(detail)};
}

}  // namespace

std::optional<Naming> newest(const std::vector<Naming>& answers, size_t asked,
                             const std::optional<Naming>& known) {
  const auto agreeing = [&](const Naming& naming) {
    return std::count_if(answers.begin(), answers.end(),
                         [&](const Naming& other) { return other.master == naming.master; });
  };
  const auto best = std::max_element(answers.begin(), answers.end(), [&](const Naming& a, const Naming& b) {
    return a.epoch != b.epoch ? a.epoch < b.epoch : agreeing(a) < agreeing(b);
  });
  if (best == answers.end()) return std::nullopt;
  const bool by_most = static_cast<size_t>(agreeing(*best)) > asked / 2;
  if (known && best->epoch <= known->epoch && best->master != known->master && !by_most) return known;
  return *best;
}

// --- One sentinel, asked once
// ------------------------------------------------------------------------------------

class Sentinels::Question : public std::enable_shared_from_this<Question> {
 public:
  Question(EventLoop& loop, const Url& url, const HostPort& sentinel, Done<Naming> done)
      : loop_(loop), url_(url), sentinel_(sentinel), done_(std::move(done)) {}

  void start(const std::string& ca_file) {
    stream_ = Stream::make(loop_, {url_.tls, ca_file});
    stream_->connect(sentinel_, [self = shared_from_this()](Result<void> connected) {
      if (!self->done_) return;
      if (!connected) return self->finish(connected.error());
      self->ask();
    });
  }
  void cancel() {
    done_ = nullptr;
    if (stream_) stream_->close();
    if (const auto link = std::exchange(link_, nullptr)) link->abandon();
  }

 private:
  void ask() {
    const auto self = shared_from_this();
    link_ = std::make_shared<Link>(loop_, stream_, LinkOptions{});
    link_->start({.on_down = [self](const Error& why) { self->finish(why); }, .on_push = {}, .on_error = {}});
    const OnReply must = [self](const Result<Reply>& reply) {
      if (!reply) self->finish(reply.error());
    };
    if (!url_.sentinel_password.empty()) {
      std::vector<std::string_view> words{"AUTH"};
      if (!url_.sentinel_user.empty()) words.push_back(url_.sentinel_user);
      words.push_back(url_.sentinel_password);
      link_->command(words, must);
    }
    // The address as it is even in the middle of a failover, and how new it is.
    link_->command({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", url_.sentinel_master},
                   [self](const Result<Reply>& reply) {
                     if (!reply) return self->finish(reply.error());
                     self->naming_.master.host = (*reply)[0].text();
                     if (!parse((*reply)[1].text(), self->naming_.master.port)) {
                       self->finish(Error{Errc::unavailable, "does not know it"});
                     }
                   });
    link_->command({"SENTINEL", "MASTER", url_.sentinel_master}, [self](const Result<Reply>& reply) {
      if (!reply) return self->finish(reply.error());
      for (size_t i = 0; i + 1 < reply->size(); i += 2) {
        if ((*reply)[i].text() == "config-epoch") parse((*reply)[i + 1].text(), self->naming_.epoch);
      }
      self->finish(self->naming_);
    });
    link_->flush();
  }

  void finish(Result<Naming> result) {
    const auto keep_alive = shared_from_this();
    const Done<Naming> done = std::exchange(done_, nullptr);
    cancel();
    if (done) done(result ? std::move(result) : of_sentinel(sentinel_, result.error()));
  }

  EventLoop& loop_;
  const Url& url_;
  const HostPort sentinel_;
  Done<Naming> done_;
  std::shared_ptr<Stream> stream_;
  std::shared_ptr<Link> link_;
  Naming naming_;
};

// --- All of them
// --------------------------------------------------------------------------------------------------

Sentinels::Sentinels(EventLoop& loop, const Url& url, const std::string& ca_file,
                     std::function<void()> on_moved)
    : loop_(loop), url_(url), ca_file_(ca_file), on_moved_(std::move(on_moved)) {}

Sentinels::~Sentinels() {
  for (const auto& [index, question] : open_) question->cancel();
}

void Sentinels::start() {
  if (url_.sentinel_master.empty()) return;
  tick_ = loop_.every(kAskEvery, [this] { ask([](Result<HostPort>) {}); });
}

void Sentinels::ask(Done<HostPort> done) {
  waiting_.push_back(std::move(done));
  if (waiting_.size() == 1) begin();
}

void Sentinels::begin() {
  answers_.clear();
  last_error_ = {Errc::unavailable, "none has answered"};
  timeout_ = loop_.after(kAskTime, [this] { finish(); });
  for (size_t i = 0; i < url_.hosts.size(); ++i) {
    open_[i] = std::make_shared<Question>(
        loop_, url_, url_.hosts[i], [this, i](Result<Naming> answer) { on_answer(i, std::move(answer)); });
  }
  const auto questions = open_;  // one that fails at once is no longer in it
  for (const auto& [index, question] : questions) question->start(ca_file_);
}

void Sentinels::on_answer(size_t index, Result<Naming> answer) {
  open_.erase(index);
  if (answer) {
    answers_.push_back(std::move(*answer));
  } else {
    last_error_ = answer.error();
  }
  if (open_.empty()) return finish();
  if (answers_.size() > url_.hosts.size() / 2) grace_ = loop_.after(kGrace, [this] { finish(); });
}

void Sentinels::finish() {
  timeout_.reset();
  grace_.reset();
  for (const auto& [index, question] : std::exchange(open_, {})) question->cancel();
  const std::optional<Naming> found = newest(answers_, url_.hosts.size(), known_);
  const bool moved = found && known_ && found->master != known_->master;
  if (found) known_ = found;
  const auto waiting = std::exchange(waiting_, {});
  if (moved) on_moved_();
  for (const Done<HostPort>& done : waiting) {
    if (found) {
      done(found->master);
    } else {
      done(Error{Errc::unavailable,
                 "no sentinel names the master " + url_.sentinel_master + " (" + last_error_.detail + ")"});
    }
  }
}

}  // namespace gw::redis
