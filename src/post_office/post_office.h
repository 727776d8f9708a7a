// Post Office owns messages: the verbs by which agents and realms publish, send and look around. Behind
// HTTP, MCP and the console. Control loop only.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/channel.h"
#include "core/engine.h"

namespace gw {

struct PublishRequest {
  ChannelIndex channel = 0;
  std::string_view message;  // JSON, passed byte for byte
  std::string_view realm;
  std::string_view tenant_id;  // empty: all
};

// To whom. A connection or session of another tenant is not there for a caller bound to one.
struct ToConnection {
  std::string connection_id;
};
struct ToSessionRef {
  std::string ref;
};
struct ToSessionId {
  std::string session_id;
};
struct ToUser {
  std::string user_id;
};
using Recipient = std::variant<ToConnection, ToSessionRef, ToSessionId, ToUser>;

class PostOffice {
 public:
  struct Options {
    // Larger ones would overflow every client's outbox at once.
    size_t message_bytes_max = size_t{1} << 20;
  };

  PostOffice(Engine& engine, const ChannelTable& channels, const Options& options, WallClock now);

  // Answers as ClientDelivery::publish. too_large. resource_exhausted: the shards
  // are behind.
  void publish(const PublishRequest& request, Done<Missed> done);
  // Answers how many connections it went to. not_found when there is none.
  void send(const Recipient& recipient, std::string_view message, std::string_view tenant, Done<size_t> done);

  // not_found for an unknown, a malformed and another tenant's id alike.
  void connection(std::string_view connection_id, std::string_view tenant, Done<ConnectionRecord> done);
  void connections(const Selector& selector, std::string_view tenant,
                   Done<std::vector<ConnectionRecord>> done);
  void list(const ConnectionFilter& filter, Done<ConnectionPage> done) {
    engine_.registry().list(filter, std::move(done));
  }
  // Closes them wherever they are; answers how many that was said to. not_found when there is none.
  void disconnect(const Recipient& recipient, const Disconnect& why, std::string_view tenant,
                  Done<size_t> done);
  // failed_precondition: it is not kept on that channel.
  void presence(ChannelIndex channel, std::string_view tenant, Done<PresenceList> done);
  void count(std::string_view tenant, bool per_user, Done<ConnectionCounts> done);

  // An agent's stream, what a group has done or works on, and how much waits: as AgentDelivery has them.
  [[nodiscard]] SubscriptionHandle subscribe(AgentSubscription subscription, std::weak_ptr<AgentSink> sink,
                                             Done<void> done);
  void acknowledge(const AgentSubscription& group, const std::vector<std::string>& ids, Done<size_t> done);
  void working(const AgentSubscription& group, const std::vector<std::string>& ids, Done<size_t> done);
  void give_up(const AgentSubscription& group, const std::vector<std::string>& ids, std::string_view reason,
               Done<size_t> done);
  ChannelStats channel_stats(ChannelIndex channel, std::string_view tenant = {}) const;

  const ChannelTable& channels() const { return channels_; }

 private:
  // The connections of a recipient; not_found where there are none.
  void find_all(const Recipient& recipient, std::string_view tenant,
                Done<std::vector<ConnectionRecord>> done);
  void send_all(const std::vector<ConnectionRecord>& records, std::string_view message, Done<size_t> done);

  Engine& engine_;
  const ChannelTable& channels_;
  const Options options_;
  const WallClock now_;
  MessageIdSource message_ids_;
};

}  // namespace gw
