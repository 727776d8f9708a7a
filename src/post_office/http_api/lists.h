// What callers ask of a list, and where it says that it goes on. A tenant's key lists its own.
#pragma once

#include "post_office/http_api/api_request.h"
#include "post_office/post_office.h"

namespace gw::http_api {

Result<ConnectionFilter> read_connection_filter(const ApiRequest& call, const ChannelTable& channels);
Result<SessionFilter> read_session_filter(const ApiRequest& call);
// "after": null where there is no more.
void append_after(json::Writer& body, std::string_view after);

}  // namespace gw::http_api
