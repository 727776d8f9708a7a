#include "sim/faults.h"

#include <iterator>

#include "sim/scenario.h"

namespace gw::sim {
namespace {

template <class T>
const T* any_of(Random& random, const std::vector<T>& all) {
  return all.empty() ? nullptr : &all[random.below(all.size())];
}

// A gateway that is up and not on its way out.
size_t any_place(Scenario& in) {
  const size_t place = in.here().random.below(in.places().size());
  const Scenario::Place& found = in.places()[place];
  return found.node && !found.leaving ? place : in.places().size();
}

std::shared_ptr<Line> any_line(Scenario& in) {
  const auto lines = in.network().lines();
  const auto* const line = any_of(in.here().random, lines);
  return line ? *line : nullptr;
}

std::string text(Duration time) {
  return format_duration(std::chrono::duration_cast<std::chrono::milliseconds>(time));
}

void note(Scenario& in, const std::string& who, const std::string& what) {
  in.here().note(who, "** " + what);
}

void reset_line(Scenario& in) {
  if (const auto line = any_line(in)) {
    note(in, line->machine(), "a connection to Redis is reset");
    line->reset();
  }
}

// Of a gateway: agents with a Redis client ask for no answer that could fail to come.
void vanish_line(Scenario& in) {
  const auto line = any_line(in);
  if (line && line->machine().starts_with("gw-")) {
    note(in, line->machine(), "a connection to Redis is half open");
    line->vanish();
  }
}

void slow_line(Scenario& in) {
  if (const auto line = any_line(in)) {
    note(in, line->machine(), "a connection to Redis is slow");
    line->slow_down(in.here().random.between(Duration(50ms), Duration(450ms)));
  }
}

void cut_off(Scenario& in) {
  const size_t place = any_place(in);
  if (place == in.places().size()) return;
  const std::string name = in.places()[place].node->name(), host = in.redis().address().text();
  const Duration time =
      in.at_most(in.here().random.one_of({Duration(200ms), Duration(2s), Duration(8s), Duration(20s)}));
  note(in, name, "cut off from Redis for " + text(time));
  in.network().cut(name, host);
  in.here().after(time, [&in, name, host] { in.network().heal(name, host); });
}

void stall_redis(Scenario& in) {
  const Duration time =
      in.here().random.one_of({Duration(50ms), Duration(400ms), Duration(1s), Duration(4s)});
  note(in, "redis", "stalls for " + text(time));
  in.redis().stall(time);
}

void restart_redis(Scenario& in) {
  if (!in.redis().is_up()) return;
  in.redis().kill();
  const Duration time = in.at_most(in.here().random.one_of({Duration(5ms), Duration(300ms), Duration(3s)}));
  in.here().after(time, [&in] { in.redis().start(in.redis().data()); });
}

void fail_over(Scenario& in) { in.fail_over(); }

void break_redis_agent(Scenario& in) {
  for (const auto& line : in.network().lines()) {
    if (line->machine().starts_with("redis-agent")) return line->reset();
  }
}

void stall_node(Scenario& in) {
  const size_t place = any_place(in);
  if (place == in.places().size()) return;
  const Duration time =
      in.at_most(in.here().random.one_of({Duration(100ms), Duration(700ms), Duration(4s), Duration(18s)}));
  note(in, in.places()[place].node->name(), "stalls for " + text(time));
  in.places()[place].node->machine().stall(time);
}

void kill_node(Scenario& in) {
  const size_t place = any_place(in);
  if (place == in.places().size()) return;
  in.end_node(place);
  in.here().after(in.here().random.one_of({Duration(10ms), Duration(2s), Duration(9s)}),
                  [&in, place] { in.start_node(place); });
}

void drain_node(Scenario& in) {
  const size_t place = any_place(in);
  if (place != in.places().size()) in.drain_node(place);
}

void break_client(Scenario& in) {
  const auto* const client = any_of(in.here().random, in.clients());
  if (!client || !(*client)->pipe()) return;
  in.here().random.one_in(3) ? (*client)->pipe()->vanish() : (*client)->pipe()->reset();
}

void break_agent(Scenario& in) {
  const auto* const agent = any_of(in.here().random, in.agents());
  if (!agent || !(*agent)->pipe()) return;
  in.here().random.one_in(3) ? (*agent)->pipe()->vanish() : (*agent)->pipe()->reset();
}

constexpr Fault kFaults[] = {
    {"reset_line", reset_line},
    {"vanish_line", vanish_line},
    {"slow_line", slow_line},
    {"cut_off", cut_off},
    {"stall_redis", stall_redis},
    {"restart_redis", restart_redis},
    {"stall_node", stall_node},
    {"kill_node", kill_node},
    {"drain_node", drain_node},
    {"fail_over", fail_over},
    {"break_redis_agent", break_redis_agent},
    {"break_client", break_client},
    {"break_agent", break_agent},
};

}  // namespace

size_t faults_known() { return std::size(kFaults); }
const Fault& fault(size_t index) { return kFaults[index]; }

size_t find_fault(std::string_view name) {
  size_t index = 0;
  while (kFaults[index].name != name) ++index;
  return index;
}

}  // namespace gw::sim
