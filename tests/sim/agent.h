// An agent with an event stream, alone or in a group: acknowledges, answers, comes back with the id of what
// it had last.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sim/client.h"

namespace gw::sim {

class SimAgent : public std::enable_shared_from_this<SimAgent> {
 public:
  struct Options {
    std::string name;
    AgentSubscription subscription;
    std::string channel;
    uint64_t answers_one_in = 5;
    uint64_t forgets_one_in = 50;   // to acknowledge
    uint64_t gives_up_one_in = 40;  // in place of acknowledging
  };

  SimAgent(World& world, Journal& journal, PickNode pick, Options options)
      : world_(world), journal_(journal), pick_(std::move(pick)), options_(std::move(options)) {}

  void start();
  void leave();
  // Forgets nothing any more.
  void behave() { options_.forgets_one_in = 0; }
  const std::shared_ptr<Pipe>& pipe() const { return pipe_; }
  const Options& options() const { return options_; }

 private:
  void connect();
  void connect_later();
  void on_lost(uint64_t attempt);
  void on_envelope(const std::string& event_id, const std::string& envelope);
  void acknowledge(const std::string& event_id);
  void answer(const std::string& text, const std::string& connection);
  AgentDiary& diary();

  World& world_;
  Journal& journal_;
  const PickNode pick_;
  Options options_;
  std::shared_ptr<Pipe> pipe_;
  std::string last_event_id_;
  uint64_t attempt_ = 0;
  uint64_t answers_ = 0;
  bool left_ = false;
};

}  // namespace gw::sim
