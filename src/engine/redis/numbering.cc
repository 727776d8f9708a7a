#include "engine/redis/numbering.h"

#include "base/log.h"

namespace gw::redis {
namespace {

constexpr Duration kLookEvery = 5s;
constexpr std::string_view kKeptSeconds = "60";
constexpr Duration kLogEvery = 30s;

}  // namespace

Numbering::Numbering(EventLoop& loop, Client& commands, const Keys& keys, size_t index, size_t count)
    : loop_(loop),
      commands_(commands),
      key_(keys.numbering()),
      ours_(std::to_string(index) + " of " + std::to_string(count)),
      looks_(loop.every(kLookEvery, [this] { look(); })) {}

void Numbering::ask(std::function<void()> agreed) {
  agreed_ = std::move(agreed);
  look();
}

void Numbering::look() {
  if (!commands_.is_up()) return;
  commands_.command({"SET", key_, ours_, "NX", "EX", kKeptSeconds}, [](const Result<Reply>&) {});
  commands_.command({"GET", key_}, [this](const Result<Reply>& reply) { on_answer(reply); });
}

void Numbering::on_answer(const Result<Reply>& reply) {
  if (!reply) return;
  const std::string theirs(reply->is_text() ? reply->text() : "");
  if (theirs != ours_) return refuse(theirs);
  commands_.command({"EXPIRE", key_, kKeptSeconds}, {});
  is_agreed_ = true;
  if (const auto agreed = std::exchange(agreed_, nullptr)) agreed();
}

// What is done by another count would be looked for elsewhere: nothing is done.
void Numbering::refuse(const std::string& theirs) {
  const Error why{Errc::unavailable, "other instances count the partitions in another way"};
  away_ = loop_.after(0ms, [this, why] { commands_.restart(why); });
  if (refused_at_ && loop_.now() - *refused_at_ < kLogEvery) return;
  refused_at_ = loop_.now();
  log::error("redis_partitions_differ",
             {{"this_is", ours_},
              {"others_say", theirs},
              {"hint",
               "all instances need the same redis-url, in the same order, and the same "
               "redis-partitions; what others said is forgotten a minute after they have gone"}});
}

}  // namespace gw::redis
