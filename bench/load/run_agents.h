// Agents that write runs over HTTP, each with a keep-alive connection of its own, and what is known of each
// run: how much is said of it, and how many readers have all of that.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "load/http_client.h"
#include "load/run_dialect.h"

namespace gw::bench {

struct WrittenRun {
  RunName name;
  uint32_t appends = 0;
  uint64_t pos = 0;     // all that is said
  int64_t said_ns = 0;  // when the last of it was
  size_t lacking = 0;   // readers that have not everything yet
  std::string cursor;   // of the last answer
};

class RunAgents {
 public:
  struct Options {
    size_t agents = 64;  // the n-th run is written by the (n mod agents)-th
    size_t append_bytes = 64;
    size_t readers = 1;  // of each run
  };
  RunAgents(Loop& loop, const Target& target, const RunDialect& dialect, std::vector<RunName> names,
            const Options& options);

  void create();

  bool is_busy(size_t run) const { return !agent_of(run).asked.empty(); }
  void append(size_t run);
  // Called with the run after each answer.
  void on_answer(std::function<void(size_t run)> handler) { on_answer_ = std::move(handler); }
  // `appends` to every run, in turn and as fast as the server takes them. Then the agents hang up: a server
  // need not keep a connection that says nothing.
  void fill(size_t appends);

  std::vector<WrittenRun>& runs() { return runs_; }
  const std::vector<WrittenRun>& runs() const { return runs_; }
  size_t agents() const { return agents_.size(); }
  size_t append_bytes() const { return options_.append_bytes; }
  uint64_t appended() const { return appended_; }
  uint64_t answered() const { return answered_; }
  // Answered with 503, and said again.
  uint64_t repeated() const { return repeated_; }

 private:
  struct Asked {
    size_t run;
    uint32_t seq;
    uint64_t pos;  // of the log, with it
  };
  struct Agent {
    std::unique_ptr<HttpClient> http;
    std::deque<Asked> asked;
    size_t left = 0;  // of fill()
    size_t next = 0;  // the run that is next there
  };

  const Agent& agent_of(size_t run) const { return agents_[run % agents_.size()]; }
  Agent& agent_of(size_t run) { return agents_[run % agents_.size()]; }
  std::string say(Agent& agent, size_t run);
  std::string request_of(const Asked& asked) const;
  void send(Agent& agent, std::string_view requests);
  void take(Agent& agent, int status, std::string_view answer);
  void pump(Agent& agent);

  Loop& loop_;
  const Target& target_;
  const RunDialect& dialect_;
  const Options options_;
  std::vector<WrittenRun> runs_;
  std::vector<Agent> agents_;
  std::function<void(size_t)> on_answer_;
  uint64_t appended_ = 0;
  uint64_t answered_ = 0;
  uint64_t repeated_ = 0;
};

// `count` names that no other run of the generator has.
std::vector<RunName> make_run_names(size_t count);

}  // namespace gw::bench
