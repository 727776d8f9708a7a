// A back end that publishes to the clients of a channel, and writes down what it was answered.
#pragma once

#include <memory>
#include <string>

#include "sim/client.h"

namespace gw::sim {

class Realm : public std::enable_shared_from_this<Realm> {
 public:
  Realm(World& world, Journal& journal, PickNode pick, ChannelIndex index, std::string channel)
      : world_(world),
        journal_(journal),
        pick_(std::move(pick)),
        index_(index),
        channel_(std::move(channel)) {}

  void start();
  void fall_silent() { silent_ = true; }

 private:
  void publish();

  World& world_;
  Journal& journal_;
  const PickNode pick_;
  const ChannelIndex index_;
  const std::string channel_;
  uint64_t next_ = 1;
  bool silent_ = false;
};

}  // namespace gw::sim
