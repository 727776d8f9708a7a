// A browser: sends messages with ids, and after a loss connects anew and sends again what has no answer, as
// docs/PROTOCOL.md tells it to.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "sim/gateway_node.h"
#include "sim/journal.h"

namespace gw::sim {

// Where a load balancer would send somebody; null: nobody is ready.
using PickNode = std::function<std::shared_ptr<GatewayNode>()>;

class SimClient : public std::enable_shared_from_this<SimClient> {
 public:
  struct Options {
    std::string name;
    std::string token;
    std::string tenant;
    std::string channel;
    bool named = false;
    Duration send_every = 300ms;
  };

  SimClient(World& world, Journal& journal, PickNode pick, Options options)
      : world_(world), journal_(journal), pick_(std::move(pick)), options_(std::move(options)) {}

  void start();
  // Sends nothing new; what has no answer goes on.
  void fall_silent() { silent_ = true; }
  // Goes, and does not come back.
  void leave();
  bool has_all_answers() const { return unanswered_.empty(); }
  const std::shared_ptr<Pipe>& pipe() const { return pipe_; }
  const Options& options() const { return options_; }
  const std::string& connection() const { return connection_; }  // empty: none

 private:
  void connect();
  void connect_later();
  void on_lost(uint64_t attempt);
  void on_welcome(const std::string& id);
  void send_new();
  void send(uint64_t number);
  void on_answer(const std::string& id, const std::string& status);
  void on_message(const std::string& text);
  ConnectionDiary* diary();

  World& world_;
  Journal& journal_;
  const PickNode pick_;
  const Options options_;
  std::shared_ptr<Pipe> pipe_;
  std::string instance_;
  std::string process_;
  std::string connection_;
  uint64_t attempt_ = 0;  // what belongs to an older one is stale
  uint64_t next_number_ = 1;
  uint64_t next_order_ = 1;
  std::map<uint64_t, std::string> unanswered_;  // number -> text
  bool silent_ = false;
  bool left_ = false;
  bool sending_ = false;
};

}  // namespace gw::sim
