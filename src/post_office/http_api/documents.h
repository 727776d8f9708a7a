// The descriptions of the HTTP and WebSocket interfaces and the console's page: texts that the program
// carries.
#pragma once

#include <string>

#include "core/channel.h"
#include "post_office/http_api/api_request.h"

namespace gw::http_api {

// docs/openapi.json and docs/asyncapi.json as they were when the program was built.
std::string_view openapi_document();
std::string_view asyncapi_document();
// The same with this gateway's channels in the schema of their names.
std::string openapi_document(const ChannelTable& channels);

// `channels` outlives it.
Handler serve_openapi(const ChannelTable& channels);
void serve_asyncapi(ApiRequest call);

// On loopback only under a loopback name: a page of another name that resolves to this machine must not
// become one of ours (DNS rebinding).
void serve_console(ApiRequest call);

}  // namespace gw::http_api
