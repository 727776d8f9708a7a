// How runs are spoken of on the wire. The gateway has them; Centrifugo has channels with history, where a
// publication is what an append is here, and a reader that comes back names the last one that it has.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "load/target.h"

namespace gw::bench {

struct RunName {
  std::string id;
  std::string user;  // who may read it; empty: everybody on the channel
};

// A piece of a run's text as a reader got it.
struct RunPiece {
  uint64_t from = 0;
  std::string_view text;
};

class RunDialect {
 public:
  virtual ~RunDialect() = default;

  // The agent's requests. Empty: there is nothing to make.
  virtual std::string create(const RunName& run) const = 0;
  virtual std::string append(const RunName& run, uint32_t seq, std::string_view text) const = 0;
  // The answer to an append after which the log has `pos` bytes: what a reader who has all of them says to
  // go on from there. Throws for a refusal, and for another place.
  virtual std::string cursor_after(int status, std::string_view answer, uint64_t pos) const = 0;

  // What a reader says when the connection is through; `cursor` as above, empty: from the start.
  virtual std::string attach(const RunName& run, std::string_view cursor) const = 0;
  // Whether it is the answer to that.
  virtual bool is_attached(std::string_view message) const = 0;
  // Each piece of text in one message to a reader, in its order. Anything unknown throws.
  virtual void read(std::string_view message, const std::function<void(const RunPiece&)>& on_piece) const = 0;
};

// Every append of a scenario has `append_bytes`: by them Centrifugo's numbers are places.
std::unique_ptr<RunDialect> make_run_dialect(const Target& target, size_t append_bytes);

}  // namespace gw::bench
