#include <sys/prctl.h>

#include <charconv>
#include <optional>
#include <stdexcept>

#include "load/agent_reader.h"
#include "load/clock.h"
#include "load/fleet.h"
#include "load/scenarios.h"

namespace gw::bench {
namespace {

constexpr std::string_view kIdKey = R"("id":"m-)";
constexpr size_t kIdDigits = 8;

// More unanswered ones of a talker than this, and the server is saturated, which a pace is not for.
constexpr size_t kUnansweredMax = 64;

// Talkers that each keep `in_flight` messages unanswered and send the next one for every answer; or that all
// in turn send `per_second`.
class Conversation {
 public:
  Conversation(Bench& bench, Fleet& fleet, const RouteOptions& options)
      : bench_(bench),
        fleet_(fleet),
        in_flight_(options.per_second > 0 ? kUnansweredMax : options.in_flight),
        per_second_(options.per_second),
        talkers_(fleet.size()) {
    for (Talker& talker : talkers_) talker.sent_ns.resize(in_flight_);
    fleet.on_text([this](WsClient& client, std::string_view text) { on_answer(client, text); });
  }

  void run(size_t messages) {
    left_ = messages;
    due_ += messages;
    if (per_second_ > 0) return pace();
    for (size_t i = 0; i < fleet_.size(); ++i) {
      for (size_t k = 0; k < in_flight_ && left_ > 0; ++k) send(fleet_.client(i));
      fleet_.client(i).flush();
    }
    bench_.loop.wait_until("answers", [this] { return answered_ == due_; });
  }

  uint64_t answered() const { return answered_; }
  void reset_latencies() { latencies_ = {}; }
  const Histogram& latencies() const { return latencies_; }
  size_t message_bytes() const { return message_bytes_; }

 private:
  struct Talker {
    uint32_t sent = 0;
    uint32_t answered = 0;
    std::vector<int64_t> sent_ns;  // of the unanswered ones, by sequence modulo its size
  };

  void pace() {
    prctl(PR_SET_TIMERSLACK, 1);  // nanosecond: else waits end late, and messages leave in twos
    const int64_t start = now_ns();
    for (uint64_t sent = 0; left_ > 0; ++sent) {
      const int64_t due = start + static_cast<int64_t>(static_cast<double>(sent) * 1e9 / per_second_);
      do {
        bench_.loop.turn_until(due);
      } while (now_ns() < due);
      WsClient& client = fleet_.client(next_talker_++ % fleet_.size());
      const Talker& talker = talkers_[client.index()];
      if (talker.sent - talker.answered >= in_flight_)
        throw std::runtime_error("the server does not keep the pace");
      send(client);
      client.flush();
    }
    bench_.loop.wait_until("answers", [this] { return answered_ == due_; });
  }

  void send(WsClient& client) {
    Talker& talker = talkers_[client.index()];
    const Stamp stamp{.client = client.index(), .sequence = talker.sent, .sent_ns = now_ns()};
    std::string digits = std::to_string(talker.sent);
    digits.insert(0, kIdDigits - digits.size(), '0');
    std::string text = R"({"channel":"guide","intent":"chat","payload":{"message":"What did we agree on?",)";
    text.append(R"("conversation_id":"c-1","metadata":{)").append(Stamp::kKey);
    stamp.append(text);
    text.append("\"}},").append(kIdKey).append(digits).append("\"}");
    message_bytes_ = text.size();
    talker.sent_ns[talker.sent % in_flight_] = stamp.sent_ns;
    ++talker.sent;
    --left_;
    client.queue_text(text);
  }

  void on_answer(WsClient& client, std::string_view text) {
    const size_t at = text.find(kIdKey);
    if (at == std::string_view::npos) {
      if (text.starts_with(R"({"type":"ping")")) return;
      throw std::runtime_error("no answer to a message: " + std::string(text));
    }
    uint32_t sequence = 0;
    const char* digits = text.data() + at + kIdKey.size();
    std::from_chars(digits, digits + kIdDigits, sequence);
    Talker& talker = talkers_[client.index()];
    const bool published = bench_.target.dialect != Dialect::gateway ||
                           text.find(R"("status":"published")") != std::string_view::npos;
    if (sequence != talker.answered || !published) {
      throw std::runtime_error("not the answer to message " + std::to_string(talker.answered) + ": " +
                               std::string(text));
    }
    latencies_.add(now_ns() - talker.sent_ns[sequence % in_flight_]);
    ++talker.answered;
    ++answered_;
    if (left_ > 0 && per_second_ == 0) send(client);
  }

  Bench& bench_;
  Fleet& fleet_;
  const size_t in_flight_;
  const double per_second_;
  size_t next_talker_ = 0;
  std::vector<Talker> talkers_;
  size_t left_ = 0;  // still to be sent in this run
  uint64_t due_ = 0;
  uint64_t answered_ = 0;
  size_t message_bytes_ = 0;
  Histogram latencies_;
};

// The agent has to have read what the clients were told is published.
void wait_for_agent(Bench& bench, const AgentReader& agent, uint64_t envelopes) {
  bench.loop.wait_until("envelopes at the agent", [&] { return agent.received() >= envelopes; });
}

Feed subscribe(const Bench& bench, const RouteOptions& options) {
  if (!options.agent_on_redis) return subscribe_by_sse(bench.target);
  if (!bench.redis) throw std::runtime_error("--agent-on-redis wants --redis");
  return subscribe_in_redis(bench.redis->address());
}

}  // namespace

void run_route(Bench& bench, const RouteOptions& options, Report& report) {
  if (bench.target.dialect == Dialect::nchan)
    throw std::runtime_error("nchan has no door for a client's message");
  const auto tokens = make_sessions(bench.loop, bench.target, options.connections);
  const auto silent_tokens = make_sessions(bench.loop, bench.target, options.silent);
  Fleet silent(bench.loop, bench.target, options.silent,
               [&](size_t i) { return bench.target.subscriber_resource(silent_tokens[i]); });
  Fleet fleet(bench.loop, bench.target, options.connections,
              [&](size_t i) { return bench.target.talker_resource(tokens[i]); });
  std::optional<AgentReader> agent;
  if (bench.target.dialect == Dialect::gateway) agent.emplace(subscribe(bench, options), options.connections);
  silent.open_all({});
  fleet.open_all({});
  Conversation conversation(bench, fleet, options);
  conversation.run(options.warm_up);
  if (agent) wait_for_agent(bench, *agent, conversation.answered());
  conversation.reset_latencies();

  if (agent) agent->measure_since(now_ns());
  bench.mark("route");
  const CpuTime before = bench.cpu();
  const int64_t wall = now_ns();
  conversation.run(options.messages);
  const auto wall_ns = static_cast<double>(now_ns() - wall);
  if (agent) wait_for_agent(bench, *agent, conversation.answered());
  const CpuTime after = bench.cpu();
  bench.mark({});

  const auto messages = static_cast<double>(options.messages);
  report.add("connections", static_cast<double>(options.connections));
  if (options.per_second > 0) {
    report.add("per_second", options.per_second);
  } else {
    report.add("in_flight", static_cast<double>(options.in_flight));
  }
  report.add("bytes", static_cast<double>(conversation.message_bytes()));
  report.add_cpu("message", before, after, options.messages);
  report.add("messages_per_s", messages / (wall_ns / 1e9));
  report.add("answer", conversation.latencies());
  if (agent) {
    const std::string fault = agent->finish();
    if (!fault.empty()) throw std::runtime_error("at the agent: " + fault);
    report.add("envelopes", static_cast<double>(agent->received()));
    report.add("agent", agent->latencies());
  }
  fleet.close_all();
  silent.close_all();
}

}  // namespace gw::bench
