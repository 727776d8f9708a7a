// Closing others' connections: …/connections/{id}/disconnect, and …/disconnect for all of a user or a
// session.
#pragma once

#include "post_office/http_api/routes.h"
#include "post_office/post_office.h"

namespace gw::http_api {

// `post_office` outlives the routes.
void add_disconnect_routes(Routes& routes, PostOffice& post_office);

}  // namespace gw::http_api
