// Looking at durable runs over HTTP: one, and lists.
#pragma once

#include "post_office/http_api/runs.h"

namespace gw::http_api {

void get_run(const Runs& runs, ApiRequest request);
void list_runs(const Runs& runs, ApiRequest request);

}  // namespace gw::http_api
