// The end of the process: the reverse of Application::start, as a list of named steps. Control loop only.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "net/event_loop.h"

namespace gw {

class Engine;
class Gateway;
class ServiceApi;
namespace consul {
class Registrar;
}
namespace http {
class Server;
}

struct ShutdownStep {
  std::string_view name;
  // When it is over the next step begins all the same.
  Duration limit;
  // Calls `done` once; late or never is no harm.
  std::function<void(std::function<void()> done)> run;
  // Runs at its end, whichever that was.
  std::function<void(bool in_time)> ended = [](bool) {};
};

class Shutdown {
 public:
  Shutdown(EventLoop& loop, std::vector<ShutdownStep> steps);

  // Runs the steps in order, then calls `done`. Once.
  void begin(std::function<void()> done);

 private:
  void begin_step();
  void end_step(size_t step, bool in_time);

  EventLoop& loop_;
  const std::vector<ShutdownStep> steps_;
  std::function<void()> done_;
  size_t step_ = 0;  // the one that runs
  TimePoint step_began_;
  EventLoop::Registration limit_;
};

// What a gateway takes leave of; all outlive the shutdown.
struct ShutdownParts {
  EventLoop& loop;
  Gateway& gateway;
  Engine& engine;
  ServiceApi& api;
  http::Server& http;
  consul::Registrar* consul;  // null: it is registered nowhere
};

std::vector<ShutdownStep> shutdown_steps(const ShutdownParts& parts, Duration drain_timeout);

}  // namespace gw
