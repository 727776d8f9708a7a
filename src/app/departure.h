// The drain of one instance among others: its clients leave at the pace of all, and for instances that take
// them. Control loop only.
#pragma once

#include <functional>

#include "app/instance_reports.h"
#include "gateway/gateway.h"
#include "net/event_loop.h"

namespace gw {

class Departure {
 public:
  // All outlive it.
  Departure(EventLoop& loop, Gateway& gateway, InstanceReports& reports)
      : loop_(loop), gateway_(gateway), reports_(reports) {}

  // As Gateway::drain(), once it is known who else is there.
  void begin(Duration drain_timeout, std::function<void()> done);
  void end();

 private:
  void look();
  void take(const InstanceReports::Others& others);

  EventLoop& loop_;
  Gateway& gateway_;
  InstanceReports& reports_;
  std::function<void(const InstanceReports::Others&)> begin_;  // empty: it has begun
  bool ended_ = false;
  EventLoop::Registration limit_, timer_;
};

}  // namespace gw
