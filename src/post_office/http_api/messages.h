// The Post Office's messages over HTTP: endpoint, publish, send, ack and working under
// /api/post-office/websocket.
#pragma once

#include "post_office/authorized_post_office.h"
#include "post_office/http_api/routes.h"

namespace gw::http_api {

// `post_office` outlives the routes.
void add_message_routes(Routes& routes, AuthorizedPostOffice& post_office);

}  // namespace gw::http_api
