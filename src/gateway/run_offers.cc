#include "gateway/run_offers.h"

#include <algorithm>

namespace gw {

using Kind = RunAudience::Kind;

namespace {

constexpr Duration kAgainEvery = 1s;
constexpr size_t kAgainAtOnce = 1000;  // the store is likely to fail them all

}  // namespace

RunOffers::RunOffers(Parts parts) : parts_(std::move(parts)) {
  parts_.runs.on_pushed([this](const RunPushed& pushed) { on_pushed(pushed); });
}

void RunOffers::on_pushed(const RunPushed& pushed) {
  if (pushed.run_id.empty()) return parts_.post_to_all(command::RunsMissed{});
  const RunAudience& to = pushed.audience;
  if (to.kind == Kind::connection) {
    const auto id = ConnectionId::parse(to.who);
    if (!id) return;
    return parts_.registry.find(*id, [this, pushed](const Result<std::optional<ConnectionRecord>>& found) {
      if (found && *found && (*found)->gateway.empty()) offer((*found)->handle, pushed.run_id);
    });
  }
  const bool is_users = to.kind == Kind::user;
  const Selector whose = is_users ? Selector(ByUser{to.who}) : Selector(BySession{to.who});
  for (const ConnectionRecord& record : parts_.registry.select_local(whose)) {
    if (!is_users || record.tenant_id() == to.tenant_id) offer(record.handle, pushed.run_id);
  }
}

void RunOffers::look(const event::RunLook& event) {
  std::vector<RunAudience> audiences{{Kind::connection, event.client.id.text(), {}}};
  if (const Session* const session = event.client.session.get()) {
    audiences.push_back({Kind::user, session->user_id, session->tenant_id});
    audiences.push_back({Kind::session, session->ref, {}});
  }
  for (const RunAudience& audience : audiences) {
    parts_.runs.find_pushed(audience, [this, event](const RunResult<std::vector<std::string>>& pushed) {
      if (!pushed) return look_later(event);
      for (const std::string& run_id : *pushed) offer(event.client.handle, run_id);
    });
  }
}

// Its latest session counts.
void RunOffers::look_later(const event::RunLook& event) {
  if (failed_.insert_or_assign(event.client.id, event).second) order_.push_back(event.client.id);
  if (!again_) again_ = parts_.loop.every(kAgainEvery, [this] { look_again(); });
}

void RunOffers::look_again() {
  for (size_t rest = std::min(order_.size(), kAgainAtOnce); rest > 0; --rest) {
    const auto failed = failed_.extract(order_.front());
    order_.pop_front();
    parts_.registry.find(
        failed.key(), [this, event = failed.mapped()](const Result<std::optional<ConnectionRecord>>& found) {
          if (found && *found && (*found)->gateway.empty()) look(event);
        });
  }
  if (order_.empty()) again_.reset();
}

void RunOffers::offer(const ConnectionHandle& handle, const std::string& run_id) {
  parts_.post(handle.shard, command::RunOffer{handle, run_id});
}

}  // namespace gw
