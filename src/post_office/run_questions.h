// A client's message over HTTP, and the run for its answer: the run is there before an agent hears of it, and
// goes when the message is refused. As gateway/run_asks.h does it for messages of /ws. Control loop only.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/engine.h"
#include "protocol/envelope.h"

namespace gw {

// Who asks, and who may read the answer.
struct RunAsker {
  SessionPtr session = {};  // null: a key, or nobody in particular
  RunAudience audience = {};
  std::string tenant_id = {};
  std::string asked_by = {};       // account of one without a session; empty: none
  std::string connection_id = {};  // empty: it has none
};

struct RunQuestion {
  RunAsker asker;
  ChannelIndex channel = 0;
  std::string run_id;     // the same for the same question
  std::string thread_id;  // empty: none
  RunFormat format = RunFormat::ai_sdk;
  std::string payload;  // JSON, passed byte for byte
  std::optional<OpenSpan> span = {};
  // Of AG-UI, as NewRun has them.
  std::string client_run_id = {};
  std::string messages = {};
};

class RunQuestions {
 public:
  // All outlive it.
  struct Parts {
    Engine& engine;
    const ChannelTable& channels;
    WallClock now;
    std::string instance_id;
  };

  explicit RunQuestions(Parts parts);

  struct Asked {
    bool existed = false;  // it was asked before: nothing was done
  };
  // As RunStore::create() refuses. resource_exhausted: the message has no room, and nothing is left of the
  // run. unavailable: whether it was sent is not known; asking again with the same run_id finds out. Only a
  // run that this very call made is ever taken back.
  void ask(RunQuestion question, RunDone<Asked> done);

 private:
  std::string envelope_of(const RunQuestion& question, std::string_view message_id);
  void submit(const RunQuestion& question, const RunDone<Asked>& done);

  const Parts parts_;
  const protocol::EnvelopeWriter envelopes_;
  MessageIdSource message_ids_;
};

// What names the run of a question that is asked again: within the audience, `question` in the words of its
// protocol. Somebody without a session has only what nobody else can guess.
std::string run_id_of_question(const RunAsker& asker, std::string_view channel, std::string_view question);

}  // namespace gw
