#include "engine/redis/partitioned/agent_delivery.h"

namespace gw::redis::partitioned {

// The key does not say on which channel the message was.
void AgentDelivery::find_duplicate(const std::string& dedupe_key, bool everywhere, Done<Submitted> done) {
  const auto ask = [&](Partition& partition, Done<Submitted> answer) {
    partition.agents().find_duplicate(dedupe_key, everywhere, std::move(answer));
  };
  ask_all<Submitted>(partitions_, ask,
                     [done = std::move(done)](const std::vector<Result<Submitted>>& answers) {
                       const Result<Submitted>* best = &answers.front();
                       for (const Result<Submitted>& answer : answers) {
                         if (answer) return done(answer);
                         if (answer.error().code != Errc::not_found) best = &answer;
                       }
                       done(*best);
                     });
}

void AgentDelivery::stop_agents(Done<void> done) {
  const auto ask = [](Partition& partition, Done<void> answer) {
    partition.agents().stop_agents(std::move(answer));
  };
  ask_all<void>(partitions_, ask, [done = std::move(done)](const std::vector<Result<void>>&) { done({}); });
}

void AgentDelivery::park_waiting(Done<size_t> done) {
  const auto ask = [](Partition& partition, Done<size_t> answer) {
    partition.agents().park_waiting(std::move(answer));
  };
  ask_all<size_t>(partitions_, ask, [done = std::move(done)](const std::vector<Result<size_t>>& answers) {
    size_t lost = 0;
    for (const Result<size_t>& answer : answers) lost += answer ? *answer : 0;
    done(lost);
  });
}

}  // namespace gw::redis::partitioned
