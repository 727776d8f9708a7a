#include "load/run_agents.h"

#include <stdexcept>

#include "load/clock.h"
#include "load/run_text.h"

namespace gw::bench {
namespace {

constexpr size_t kCreatesInFlight = 64;
constexpr size_t kFillInFlight = 32;

}  // namespace

std::vector<RunName> make_run_names(size_t count) {
  const std::string prefix = "bench-" + std::to_string(now_ns()) + "-";
  std::vector<RunName> names(count);
  for (size_t i = 0; i < count; ++i) names[i].id = prefix + std::to_string(i);
  return names;
}

RunAgents::RunAgents(Loop& loop, const Target& target, const RunDialect& dialect, std::vector<RunName> names,
                     const Options& options)
    : loop_(loop), target_(target), dialect_(dialect), options_(options), agents_(options.agents) {
  for (RunName& name : names) runs_.push_back({.name = std::move(name), .cursor = {}});
}

void RunAgents::create() {
  size_t answered = 0;
  HttpClient http(loop_, target_.address(), [&](int status, std::string_view body) {
    if (status != 201) throw std::runtime_error("run refused: " + std::string(body));
    ++answered;
  });
  for (size_t made = 0; made < runs_.size();) {
    std::string requests;
    for (size_t i = 0; i < kCreatesInFlight && made < runs_.size(); ++i, ++made)
      requests += dialect_.create(runs_[made].name);
    if (requests.empty()) continue;
    http.send(requests);
    loop_.wait_until("runs made", [&] { return answered == made; });
  }
}

std::string RunAgents::say(Agent& agent, size_t run) {
  WrittenRun& written = runs_[run];
  const Asked asked{run, written.appends, written.pos + options_.append_bytes};
  ++written.appends;
  written.pos = asked.pos;
  written.said_ns = now_ns();
  written.lacking = options_.readers;
  agent.asked.push_back(asked);
  ++appended_;
  return request_of(asked);
}

std::string RunAgents::request_of(const Asked& asked) const {
  const auto text = run_text(asked.run, asked.pos - options_.append_bytes, options_.append_bytes);
  return dialect_.append(runs_[asked.run].name, asked.seq, text);
}

void RunAgents::send(Agent& agent, std::string_view requests) {
  if (!agent.http) {
    agent.http = std::make_unique<HttpClient>(
        loop_, target_.address(),
        [this, &agent](int status, std::string_view answer) { take(agent, status, answer); });
  }
  agent.http->send(requests);
}

void RunAgents::append(size_t run) {
  Agent& agent = agent_of(run);
  send(agent, say(agent, run));
}

void RunAgents::take(Agent& agent, int status, std::string_view answer) {
  if (agent.asked.empty())
    throw std::runtime_error("an answer that nobody asked for: " + std::string(answer));
  const Asked asked = agent.asked.front();
  agent.asked.pop_front();
  if (status == 503) {
    ++repeated_;
    agent.asked.push_back(asked);
    return send(agent, request_of(asked));
  }
  runs_[asked.run].cursor = dialect_.cursor_after(status, answer, asked.pos);
  ++answered_;
  if (agent.left > 0) return pump(agent);
  if (on_answer_) on_answer_(asked.run);
}

void RunAgents::fill(size_t appends) {
  for (size_t i = 0; i < runs_.size(); ++i) agent_of(i).left += appends;
  for (size_t i = 0; i < agents_.size(); ++i) {
    agents_[i].next = i;
    if (agents_[i].left > 0) pump(agents_[i]);
  }
  loop_.wait_until("runs filled", [this] { return answered_ == appended_; });
  for (Agent& agent : agents_) agent.http.reset();
}

// Half of what may be on its way at once, so that a write carries many.
void RunAgents::pump(Agent& agent) {
  if (agent.asked.size() > kFillInFlight / 2) return;
  std::string requests;
  for (; agent.left > 0 && agent.asked.size() < kFillInFlight; --agent.left) {
    requests += say(agent, agent.next);
    agent.next += agents_.size();
    if (agent.next >= runs_.size()) agent.next %= agents_.size();
  }
  if (!requests.empty()) send(agent, requests);
}

}  // namespace gw::bench
