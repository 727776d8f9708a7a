// The Post Office's verbs as the holder of a key calls them, over HTTP or MCP: what the key grants is
// checked here, and the answer is the JSON object that both show.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http/message.h"
#include "post_office/api_keys.h"
#include "post_office/fields.h"
#include "post_office/post_office.h"

namespace gw {

class AuthorizedPostOffice {
 public:
  // How clients reach us, without the /ws.
  struct Address {
    std::string public_url;  // empty: as `discover` says
    // A healthy instance, as far as is known; empty, or no function: as the caller did.
    std::function<std::optional<std::string>()> discover;
  };

  using NameOf = std::function<std::string(std::string_view)>;

  // `post_office` outlives it. `agents_name`: of a channel, under which agents know it.
  AuthorizedPostOffice(PostOffice& post_office, Address address, NameOf agents_name, WallClock now)
      : post_office_(post_office),
        address_(std::move(address)),
        agents_name_(std::move(agents_name)),
        now_(std::move(now)) {}

  // Where clients connect. `caller` is used before this returns; empty `realm`: none was named.
  void endpoint(const ApiKey& key, const http::Request& caller, std::string_view session_token,
                std::string_view realm, Done<std::string> done);
  // Its tenant is the one that was asked for; the key's own where that is empty.
  void publish(const ApiKey& key, std::string_view channel, PublishRequest request, Done<std::string> done);
  void send(const ApiKey& key, const Recipient& recipient, std::string_view message, Done<std::string> done);
  // What a group of the key's tenant has done with.
  void acknowledge(const ApiKey& key, std::string_view channel, std::string group,
                   const std::vector<std::string>& ids, Done<std::string> done);
  // What it still works on.
  void working(const ApiKey& key, std::string_view channel, std::string group,
               const std::vector<std::string>& ids, Done<std::string> done);

  PostOffice& post_office() { return post_office_; }

 private:
  // The one place that says under which address clients reach us.
  std::string base_url(const http::Request& caller) const;

  PostOffice& post_office_;
  const Address address_;
  const NameOf agents_name_;
  const WallClock now_;
};

// The configured channel of that name if the key grants it: invalid_argument, not_found or permission_denied.
Result<ChannelIndex> granted_channel(const ApiKey& key, const ChannelTable& channels, std::string_view name);

// Exactly one of connection_id, session_ref, session_id and user_id says to whom.
Result<Recipient> read_recipient(BodyFields& fields);

}  // namespace gw
