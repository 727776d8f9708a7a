#include "engine/redis/client_posts.h"

#include <array>

#include "base/random.h"
#include "engine/redis/errors.h"

namespace gw::redis {
namespace {

using Kind = PostVerdict::Kind;

constexpr std::string_view kCall = "post_call", kAnswer = "posted_call";

constexpr std::array<std::pair<std::string_view, Kind>, 5> kKinds{{{"taken", Kind::taken},
                                                                   {"unknown", Kind::unknown},
                                                                   {"out_of_order", Kind::out_of_order},
                                                                   {"over_rate", Kind::over_rate},
                                                                   {"behind", Kind::behind}}};

std::string_view word_of(Kind kind) {
  for (const auto& [word, known] : kKinds)
    if (known == kind) return word;
  return "unknown";
}

std::optional<std::string> text_in(const json::Object& object, std::string_view name) {
  const json::Value* const value = object.find(name);
  return value ? json::as_string(*value) : std::nullopt;
}

int64_t number_in(const json::Object& object, std::string_view name) {
  const json::Value* const value = object.find(name);
  return value ? json::as_int64(*value).value_or(0) : 0;
}

}  // namespace

// An instance of this name may have asked before us, and its answers may still be on their way.
ClientPosts::ClientPosts(EventLoop& loop, Client& messages, const Keys& keys)
    : loop_(loop),
      messages_(messages),
      keys_(keys),
      last_call_(static_cast<int64_t>(fast_random() >> 12)),
      tick_(loop.every(500ms, [this] { give_up(); })) {}

void ClientPosts::send(const ClientPost& post, Done<PostVerdict> done,
                       std::function<void(Done<void>)> not_heard) {
  if (!messages_.is_up()) return done(not_now());
  if (messages_.is_full() || pending_.size() == kPendingMax)
    return done(Error{Errc::resource_exhausted, "Redis takes messages more slowly than they come"});
  const int64_t call = ++last_call_;
  std::string payload;
  json::Writer(payload)
      .begin_object()
      .member(kCall, call)
      .member("from", keys_.instance())
      .member("send_token", post.token.text())
      .member("seq", post.number)
      .member("list", post.is_list)
      .member("body", post.body)
      .end_object();
  pending_.emplace(call, Pending{loop_.now() + kPatience, std::move(done)});
  messages_.publish(keys_.gateway(post.token.instance), payload,
                    [this, call, not_heard = std::move(not_heard)](const Result<Reply>& reply) {
                      if (!reply) return end(call, reply.error());
                      if (reply->integer() > 0) return;
                      not_heard([this, call](const Result<void>& why) { end(call, why.error()); });
                    });
}

bool ClientPosts::on_heard(const json::Object& message, const Take& take_post) {
  if (message.find(kAnswer)) {
    on_answer(message);
  } else if (message.find(kCall)) {
    take(message, take_post);
  } else {
    return false;
  }
  return true;
}

void ClientPosts::take(const json::Object& post, const Take& take_post) {
  const std::string from = text_in(post, "from").value_or("");
  const auto token = SendToken::parse(text_in(post, "send_token").value_or(""));
  auto body = text_in(post, "body");
  const int64_t number = number_in(post, "seq");
  if (!is_valid_name(from) || !token || !body || number <= 0) return;
  const json::Value* const list = post.find("list");
  const bool is_list = list && json::as_bool(*list).value_or(false);
  take_post({*token, static_cast<uint64_t>(number), is_list, *std::move(body)},
            [this, from, call = number_in(post, kCall)](const Result<PostVerdict>& verdict) {
              answer(from, call, verdict);
            });
}

void ClientPosts::answer(std::string_view instance, int64_t call, const Result<PostVerdict>& verdict) {
  const PostVerdict said = verdict ? *verdict : PostVerdict{Kind::behind};
  std::string payload;
  json::Writer(payload)
      .begin_object()
      .member(kAnswer, call)
      .member("kind", word_of(said.kind))
      .member("next", said.next)
      .end_object();
  // Lost, it is asked for again.
  messages_.publish(keys_.gateway(instance), payload, [](const Result<Reply>&) {});
}

void ClientPosts::on_answer(const json::Object& answer) {
  PostVerdict verdict{Kind::unknown, static_cast<uint64_t>(number_in(answer, "next"))};
  const std::string word = text_in(answer, "kind").value_or("");
  for (const auto& [known, kind] : kKinds)
    if (known == word) verdict.kind = kind;
  end(number_in(answer, kAnswer), verdict);
}

void ClientPosts::end(int64_t call, const Result<PostVerdict>& verdict) {
  auto pending = pending_.extract(call);
  if (!pending.empty()) pending.mapped().done(verdict);
}

void ClientPosts::give_up() {
  while (!pending_.empty() && pending_.begin()->second.until <= loop_.now())
    end(pending_.begin()->first, Error{Errc::timeout, "the connection's instance did not answer in time"});
}

}  // namespace gw::redis
