// What agents and realms say to clients, over several partitions: a channel's publications go through its
// own, a message to a connection through that of its record. Control loop only.
#pragma once

#include "engine/redis/partitioned/registry.h"

namespace gw::redis::partitioned {

class ClientDelivery final : public gw::ClientDelivery {
 public:
  // Both outlive it.
  ClientDelivery(const Partitions& partitions, const Registry& registry)
      : partitions_(partitions), registry_(registry) {}

  void attach(Local local) override;
  void publish(Publication publication, Done<Missed> done) override {
    partitions_.of(publication.channel).clients().publish(std::move(publication), std::move(done));
  }
  void send(const ConnectionRecord& record, std::string_view message, Done<void> done) override {
    partitions_[registry_.place_of(record)].clients().send(record, message, std::move(done));
  }
  // Every instance listens in every partition.
  void post(ClientPost post, Done<PostVerdict> done) override {
    const size_t from = partitions_.index_of(post.token.connection.text());
    partitions_.working(from).clients().post(std::move(post), std::move(done));
  }

 private:
  const Partitions& partitions_;
  const Registry& registry_;
};

}  // namespace gw::redis::partitioned
