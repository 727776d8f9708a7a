#include "post_office/http_api/lists.h"

#include "base/ids.h"
#include "post_office/authorized_post_office.h"

namespace gw::http_api {
namespace {

constexpr int64_t kLimitMax = 500;
constexpr int64_t kLimitDefault = 100;

// What both have.
template <class Filter>
Result<Filter> read_common(const ApiRequest& call, QueryFields& fields) {
  Filter filter;
  const std::string tenant = fields.optional_name("tenant_id").value_or("");
  filter.user_id = fields.optional_user_id("user_id").value_or("");
  filter.after = fields.optional_text("after").value_or("");
  filter.limit =
      static_cast<size_t>(fields.optional_number_within("limit", 1, kLimitMax).value_or(kLimitDefault));
  if (fields.fault()) return *fields.fault();
  const Result<std::string> granted = call.key->tenant_for(tenant);
  if (!granted) return granted.error();
  filter.tenant_id = *granted;
  return filter;
}

}  // namespace

Result<ConnectionFilter> read_connection_filter(const ApiRequest& call, const ChannelTable& channels) {
  QueryFields fields(call.request.query);
  const std::string ref = fields.optional_name("session_ref").value_or("");
  const std::string instance = fields.optional_name("instance").value_or("");
  const std::optional<std::string> channel = fields.optional_text("channel");
  Result<ConnectionFilter> filter = read_common<ConnectionFilter>(call, fields);
  if (!filter) return filter;
  filter->session_ref = ref;
  filter->gateway = instance;
  if (!channel) return filter;
  const Result<ChannelIndex> granted = granted_channel(*call.key, channels, *channel);
  if (!granted) return granted.error();
  filter->channel = *granted;
  return filter;
}

Result<SessionFilter> read_session_filter(const ApiRequest& call) {
  QueryFields fields(call.request.query);
  const std::optional<std::string> status = fields.optional_text("status");
  Result<SessionFilter> filter = read_common<SessionFilter>(call, fields);
  if (!filter || !status) return filter;
  filter->status = parse_session_status(*status);
  if (!filter->status)
    return Error{Errc::invalid_argument, "status must be active, inactive, expired or suspended"};
  return filter;
}

void append_after(json::Writer& body, std::string_view after) {
  body.key("after");
  if (after.empty()) {
    body.null();
  } else {
    body.value(after);
  }
}

}  // namespace gw::http_api
