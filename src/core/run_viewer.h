// A client as the one who looks at a run.
#pragma once

#include <string_view>

#include "core/run/run.h"
#include "core/session.h"

namespace gw {

// Its views point into what it is given.
inline RunViewer viewer_of(std::string_view connection_id, const Session* session, ChannelSet granted) {
  RunViewer viewer{.connection_id = connection_id, .granted = granted};
  if (!session) return viewer;
  viewer.has_session = true;
  viewer.session_ref = session->ref;
  viewer.user_id = session->user_id;
  viewer.tenant_id = session->tenant_id;
  return viewer;
}

}  // namespace gw
