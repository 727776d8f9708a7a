// The Post Office's lookups over HTTP: connections, counts, backpressure; and the same answers in the
// form of --test-endpoints.
#pragma once

#include <string>

#include "post_office/http_api/routes.h"
#include "post_office/post_office.h"

namespace gw::http_api {

struct Lookups {
  PostOffice& post_office;
  const std::string instance_id;
};

// `lookups` outlives the routes.
void add_lookup_routes(Routes& routes, const Lookups& lookups);
// Without a key, for existing black-box suites: what is not found is a 200 as well.
void add_test_routes(Routes& routes, const Lookups& lookups);

}  // namespace gw::http_api
