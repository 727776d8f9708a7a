// What the addresses have in common at which clients of other protocols ask for runs and read them: who asks
// in which channel, and which run he means. Control loop only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "post_office/http_api/log_answers.h"
#include "post_office/http_api/run_callers.h"
#include "post_office/http_api/run_outlet.h"
#include "post_office/http_api/run_readers.h"
#include "post_office/http_api/run_spans.h"
#include "post_office/run_questions.h"

namespace gw::http_api {

class RunAsking {
 public:
  // All outlive it.
  struct Parts {
    RunStore& runs;
    const ChannelTable& channels;
    RunCallers& callers;
    RunReaders& readers;
    RunQuestions& questions;
    const RunSpans& spans;
    size_t question_bytes_max = 65536;
  };
  explicit RunAsking(Parts parts) : parts_(parts) {}

  // One request, once it is known who sent it. A copy is another handle of the same call.
  struct Call {
    std::function<void(http::Response)> refuse;  // or answer it, where nothing follows
    // For who reads the run.
    std::function<std::unique_ptr<RunOutlet>(const Call&, const std::string& run_id)> outlet;
    RunCaller caller = {};
    RunReaders::LiveSession session = {};  // the caller's, while he is being answered
    RunAsker asker = {};
    std::string channel_name = {};
    ChannelIndex channel = 0;
    std::string body = {};
    std::string last_event_id = {};
    std::optional<OpenSpan> span = {};
  };
  using MakeOutlet =
      std::function<std::unique_ptr<RunOutlet>(http::Responder, const Call&, const std::string& run_id)>;
  using Then = std::function<void(Call&)>;

  // Who sends it, and in which channel; whoever may not is answered here. `channel`: its name; empty: the
  // request is about no channel, as far as it says.
  void begin(ApiRequest request, std::string channel, MakeOutlet outlet, Then then);
  // The rest of it, where it is known already who sends it. `from`: absent, it has no address of its own.
  Result<void> name(Call& call, const std::optional<IpAddress>& from, const std::string& user_id = {},
                    const std::string& tenant_id = {}) const;
  // 413 for a question that is larger than a message of /ws may be; or as RunReaders refuses.
  std::optional<http::Response> refuse_question(const Call& call) const;

  // Follows a run of which it is known where to begin. `unknown`: where it may not see it.
  void follow(const Call& call, const std::string& run_id, RunReaders::Place place, http::Response unknown);
  // The latest run of a thread; empty: none.
  void find_thread(const Call& call, std::string_view thread_id, RunDone<std::string> done);
  // not_found for one that it may not see. Only keys cancel a channel's run. `misfit`: what is answered
  // instead where the run is none that is meant; empty: it is.
  using Misfit = std::function<std::optional<http::Response>(const Run&)>;
  void cancel(Call call, const std::string& run_id, Misfit misfit,
              std::function<void(Call&, const RunResult<RunCancelled>&)> done);

  RunStore& runs() { return parts_.runs; }
  const RunCallers& callers() const { return parts_.callers; }
  RunReaders& readers() { return parts_.readers; }
  RunQuestions& questions() { return parts_.questions; }
  const ChannelTable& channels() const { return parts_.channels; }

 private:
  Result<void> name_asker(Call& call, const std::optional<IpAddress>& from, const std::string& user_id,
                          const std::string& tenant_id) const;
  Result<void> name_channel(Call& call) const;
  // As he is now, whatever has become of his session since he asked.
  static RunCaller caller_of(const Call& call);

  const Parts parts_;
};

inline http::Response no_content() {
  http::Response empty;
  empty.status = 204;
  empty.content_type = {};
  return empty;
}

// Where a reader begins who shows the `id:` of the last event that he had: behind it, or, where he has all of
// a run that is over, nowhere (204).
std::variant<RunStart, http::Response> behind_event(const Run& run, std::string_view last_event_id);

}  // namespace gw::http_api
