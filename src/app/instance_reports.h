// What every instance tells of itself every two seconds, and any of them shows of all: the cluster at a
// glance (GET /api/post-office/websocket/instances).
#pragma once

#include <string>

#include "app/ops_api.h"
#include "core/done.h"
#include "post_office/http_api/api_request.h"

namespace gw {

class InstanceReports {
 public:
  struct About {
    std::string instance_id;
    std::string version;
  };

  // All outlive it.
  InstanceReports(EventLoop& loop, const Gateway& gateway, Engine& engine, OpsApi& ops, About about);

  void show(http_api::ApiRequest call);

  // Now, not only every two seconds.
  void tell();
  // What the others have told last.
  struct Others {
    size_t ready = 0;        // that take connections
    size_t connections = 0;  // of all of them
  };
  void look(Done<Others> done);

 private:
  std::string text();

  EventLoop& loop_;
  const Gateway& gateway_;
  Engine& engine_;
  OpsApi& ops_;
  const About about_;
  double cpu_seconds_ = 0;  // at the last report
  TimePoint told_at_;
  EventLoop::Registration timer_;
};

}  // namespace gw
