#include "post_office/post_office.h"

#include "base/digest.h"
#include "core/grant.h"
#include "protocol/envelope.h"

namespace gw {
namespace {

Error no_such_connection() { return {Errc::not_found, "no such connection"}; }

// Of those that a message is for: the others would understand nothing but AI SDK's frames.
Result<std::vector<ConnectionRecord>> those_that_take_messages(std::vector<ConnectionRecord> found) {
  std::erase_if(found, [](const ConnectionRecord& record) { return record.is_chat; });
  if (found.empty())
    return Error{Errc::not_found, "no such connection takes messages: what is there speaks AI SDK's frames"};
  return found;
}

}  // namespace

PostOffice::PostOffice(Engine& engine, const ChannelTable& channels, const Options& options, WallClock now)
    : engine_(engine), channels_(channels), options_(options), now_(std::move(now)) {}

void PostOffice::publish(const PublishRequest& request, Done<Missed> done) {
  if (request.message.size() > options_.message_bytes_max) {
    return done(Error{Errc::too_large, "message is larger than a client's outbox (outbox-bytes)"});
  }
  const WallTime now = now_();
  Publication publication;
  publication.channel = request.channel;
  publication.tenant_id = request.tenant_id;
  publication.source = request.realm;
  publication.message = request.message;
  message_ids_.append(publication.message_id, now.time_since_epoch().count());
  protocol::append_publication(publication.envelope, {publication.message_id, channels_.name(request.channel),
                                                      request.realm, request.message, now});
  engine_.clients().publish(std::move(publication), std::move(done));
}

void PostOffice::send(const Recipient& recipient, std::string_view message, std::string_view tenant,
                      Done<size_t> done) {
  if (message.size() > options_.message_bytes_max) {
    return done(Error{Errc::too_large, "message is larger than a client's outbox (outbox-bytes)"});
  }
  find_all(recipient, tenant,
           [this, message = std::string(message), to_one = std::holds_alternative<ToConnection>(recipient),
            done = std::move(done)](const Result<std::vector<ConnectionRecord>>& found) {
             if (!found) return done(found.error());
             const auto to = those_that_take_messages(*found);
             if (!to) return done(to.error());
             if (!to_one) return send_all(*to, message, done);
             engine_.clients().send(to->front(), message, [done](Result<void> sent) {
               if (!sent) return done(sent.error());
               done(size_t{1});
             });
           });
}

// Answers once, when the last one has: the count is of those that took it.
void PostOffice::send_all(const std::vector<ConnectionRecord>& records, std::string_view message,
                          Done<size_t> done) {
  struct Tally {
    size_t open;
    size_t delivered = 0;
    Done<size_t> done;
  };
  auto tally = std::make_shared<Tally>(Tally{records.size(), 0, std::move(done)});
  for (const ConnectionRecord& record : records) {
    engine_.clients().send(record, message, [tally](Result<void> sent) {
      tally->delivered += sent ? 1 : 0;
      if (--tally->open == 0) tally->done(tally->delivered);
    });
  }
}

void PostOffice::disconnect(const Recipient& recipient, const Disconnect& why, std::string_view tenant,
                            Done<size_t> done) {
  find_all(recipient, tenant,
           [this, why, done = std::move(done)](const Result<std::vector<ConnectionRecord>>& found) {
             if (!found) return done(found.error());
             engine_.registry().disconnect(*found, why, done);
           });
}

void PostOffice::find_all(const Recipient& recipient, std::string_view tenant,
                          Done<std::vector<ConnectionRecord>> done) {
  if (const auto* to = std::get_if<ToConnection>(&recipient)) {
    return connection(to->connection_id, tenant, [done = std::move(done)](Result<ConnectionRecord> found) {
      if (!found) return done(found.error());
      done(std::vector<ConnectionRecord>{std::move(*found)});
    });
  }
  Done<std::vector<ConnectionRecord>> some =
      [done = std::move(done)](Result<std::vector<ConnectionRecord>> found) {
        if (found && found->empty()) return done(no_such_connection());
        done(std::move(found));
      };
  if (const auto* to = std::get_if<ToUser>(&recipient))
    return connections(ByUser{to->user_id}, tenant, std::move(some));
  if (const auto* to = std::get_if<ToSessionRef>(&recipient))
    return connections(BySession{to->ref}, tenant, std::move(some));
  engine_.sessions().find(
      sha256(std::get<ToSessionId>(recipient).session_id),
      [this, tenant = std::string(tenant), some = std::move(some)](Result<SessionPtr> session) {
        if (!session) return some(session.error());
        // The same answer as for one that nobody has: a caller must not learn that it exists.
        if (!is_visible_to(tenant, (*session)->tenant_id))
          return some(Error{Errc::not_found, "no such session"});
        connections(BySession{(*session)->ref}, tenant, some);
      });
}

void PostOffice::connection(std::string_view connection_id, std::string_view tenant,
                            Done<ConnectionRecord> done) {
  const auto id = ConnectionId::parse(connection_id);
  if (!id) return done(no_such_connection());
  engine_.registry().find(*id, [tenant = std::string(tenant),
                                done = std::move(done)](Result<std::optional<ConnectionRecord>> found) {
    if (!found) return done(found.error());
    if (!*found || !is_visible_to(tenant, (*found)->tenant_id())) return done(no_such_connection());
    done(std::move(**found));
  });
}

void PostOffice::connections(const Selector& selector, std::string_view tenant,
                             Done<std::vector<ConnectionRecord>> done) {
  engine_.registry().select(selector, [tenant = std::string(tenant),
                                       done = std::move(done)](Result<std::vector<ConnectionRecord>> found) {
    if (!found) return done(found.error());
    std::erase_if(*found,
                  [&](const ConnectionRecord& record) { return !is_visible_to(tenant, record.tenant_id()); });
    done(std::move(found));
  });
}

void PostOffice::count(std::string_view tenant, bool per_user, Done<ConnectionCounts> done) {
  engine_.registry().count(tenant, per_user, std::move(done));
}

void PostOffice::presence(ChannelIndex channel, std::string_view tenant, Done<PresenceList> done) {
  if (!engine_.presence().is_kept(channel))
    return done(
        Error{Errc::failed_precondition, "who is on this channel is not kept: see the setting presence"});
  engine_.presence().list(channel, tenant, std::move(done));
}

SubscriptionHandle PostOffice::subscribe(AgentSubscription subscription, std::weak_ptr<AgentSink> sink,
                                         Done<void> done) {
  return engine_.agents().subscribe(std::move(subscription), std::move(sink), std::move(done));
}

void PostOffice::acknowledge(const AgentSubscription& group, const std::vector<std::string>& ids,
                             Done<size_t> done) {
  engine_.agents().acknowledge(group, ids, std::move(done));
}

void PostOffice::working(const AgentSubscription& group, const std::vector<std::string>& ids,
                         Done<size_t> done) {
  engine_.agents().working(group, ids, std::move(done));
}

void PostOffice::give_up(const AgentSubscription& group, const std::vector<std::string>& ids,
                         std::string_view reason, Done<size_t> done) {
  engine_.agents().give_up(group, ids, reason, std::move(done));
}

ChannelStats PostOffice::channel_stats(ChannelIndex channel, std::string_view tenant) const {
  return engine_.agents().stats(channel, tenant);
}

}  // namespace gw
