#include "gateway/run_attachments.h"

#include "core/run/run_machine.h"
#include "core/run_viewer.h"
#include "gateway/run_feed.h"
#include "protocol/server_message.h"

namespace gw {
namespace {

constexpr Duration kTopEvery = 2s;

bool may_see(const Run& run, const event::RunClient& client) {
  const std::string id = client.id.text();
  return run::may_see(run.record, viewer_of(id, client.session.get(), client.granted));
}

}  // namespace

protocol::ErrorCode error_code_of(RunErrc why) {
  using protocol::ErrorCode;
  switch (why) {
    case RunErrc::not_found: return ErrorCode::unknown_run;
    case RunErrc::too_many_runs:
    case RunErrc::rate_limited: return ErrorCode::too_many_runs;
    case RunErrc::resource_exhausted: return ErrorCode::overloaded;
    default: return ErrorCode::internal;
  }
}

std::string_view error_message_of(protocol::ErrorCode code) {
  using protocol::ErrorCode;
  switch (code) {
    case ErrorCode::unknown_run: return protocol::kUnknownRunMessage;
    case ErrorCode::too_many_runs: return protocol::kTooManyRunsMessage;
    case ErrorCode::overloaded: return protocol::kOverloadedMessage;
    default: return protocol::kInternalMessage;
  }
}

struct RunAttachments::Place {
  RunAudience audience;
  ChannelIndex channel = 0;  // of a channel's

  // Those in which a client's thread may be: his own first, then those of channels that he gets.
  static std::vector<Place> all_of(const event::RunClient& client) {
    using Kind = RunAudience::Kind;
    const Session* const session = client.session.get();
    const std::string tenant = session ? session->tenant_id : "";
    std::vector<Place> places;
    if (session) {
      places.push_back({{Kind::user, session->user_id, tenant}});
      places.push_back({{Kind::session, session->ref, tenant}});
    } else {
      places.push_back({{Kind::anonymous, {}, {}}});
    }
    places.push_back({{Kind::connection, client.id.text(), tenant}});
    client.channels.for_each([&](ChannelIndex heard) {
      if (!tenant.empty()) places.push_back({{Kind::channel, {}, tenant}, heard});
      places.push_back({{Kind::channel, {}, {}}, heard});
    });
    return places;
  }
};

RunAttachments::RunAttachments(Parts parts, const RunAttachmentOptions& options)
    : parts_(std::move(parts)), options_(options), messages_(parts_.channels) {}

RunAttachments::~RunAttachments() = default;

void RunAttachments::start() {
  registrations_.push_back(parts_.loop.every(kTopEvery / kBeats, [this] { beat(); }));
  registrations_.push_back(parts_.loop.on_turn_end([this] {
    told_this_turn_ = 0;
    if (!waiting_.empty()) parts_.loop.post([this] { serve_waiting(); });
  }));
}

RunMessages::Now RunAttachments::now() { return {parts_.runs.now(), parts_.loop.wall_now()}; }

// --- Feeds

RunAttachments::Feed* RunAttachments::find(const std::string& run_id) {
  const auto& feeds = feeds_[std::hash<std::string>()(run_id) % kBeats];
  const auto found = feeds.find(run_id);
  return found == feeds.end() ? nullptr : found->second.get();
}

void RunAttachments::open(const std::string& run_id, Opened opened) {
  if (Feed* const feed = find(run_id)) {
    if (!feed->is_open()) return feed->wait(std::move(opened));
    if (const Run* const run = feed->run()) return opened(feed, run, {});
  }
  const auto feed = std::make_shared<Feed>(*this, run_id);
  feeds_[std::hash<std::string>()(run_id) % kBeats][run_id] = feed;
  feed->wait(std::move(opened));
  feed->hold(parts_.runs.read(run_id, feed, [this, feed](const RunResult<const Run*>& run) {
    feed->on_opened(run);
    close_if_unread(*feed);
  }));
}

// Of one that is being opened the handle is not held yet: it goes with the feed.
void RunAttachments::close_if_unread(Feed& feed) {
  if (!feed.is_unread()) return;
  auto& feeds = feeds_[std::hash<std::string>()(feed.run_id()) % kBeats];
  const auto found = feeds.find(feed.run_id());
  if (found != feeds.end() && found->second.get() == &feed) feeds.erase(found);
}

void RunAttachments::release(const event::RunReleased& event) {
  Feed* const feed = find(event.run->run_id);
  // One of that name that was removed and made anew is another.
  if (!feed || feed->scope() != event.run) return;
  feed->remove_reader(event.shard);
  close_if_unread(*feed);
}

void RunAttachments::beat() {
  beat_ = (beat_ + 1) % kBeats;
  for (const auto& [run_id, feed] : feeds_[beat_]) {
    const Run* const run = feed->is_open() ? feed->run() : nullptr;
    if (run && !is_over(run->record.status)) feed->send_top(*run);
  }
}

// --- Attach

void RunAttachments::attach(const event::RunAttach& event) {
  if (!event.request.run_id.empty()) return attach_to(event, event.request.run_id);
  attach_thread(event, Place::all_of(event.client), 0);
}

void RunAttachments::attach_thread(const event::RunAttach& event, std::vector<Place> places, size_t at) {
  while (at < places.size() && !places[at].audience.has_thread(event.request.thread_id)) ++at;
  if (at == places.size()) return refuse(event, RunErrc::not_found);
  const Place place = places[at];
  parts_.runs.find_thread(
      place.audience, place.channel, event.request.thread_id,
      [this, event, places = std::move(places), at](const RunResult<std::string>& run_id) mutable {
        if (run_id && !run_id->empty()) return attach_to(event, *run_id);
        if (!run_id && run_id.error().code != RunErrc::not_found) return refuse(event, run_id.error().code);
        attach_thread(event, std::move(places), at + 1);
      });
}

void RunAttachments::attach_to(const event::RunAttach& event, const std::string& run_id) {
  const auto is_at_once = std::make_shared<bool>(true);  // it is read here, so nobody has to be asked
  open(run_id, [this, event, is_at_once](Feed* feed, const Run* run, RunErrc why) {
    if (!run) return refuse(event, why);
    if (!may_see(*run, event.client)) {
      const auto refuse_it = [this, event] { refuse(event, RunErrc::not_found); };
      return *is_at_once ? hide(refuse_it) : refuse_it();
    }
    const AttachRequest& request = event.request;
    answer(*feed, {event.client.handle, event.number},
           messages_.answer(*run, request.cursor, {request.id, request.thread_id}, options_.pieces, now()));
  });
  *is_at_once = false;
}

// Who may not know of a run that is read here waits as long as for one that is not there.
void RunAttachments::hide(std::function<void()> then) {
  parts_.runs.find_record(make_run_id(), {},
                          [then = std::move(then)](const RunResult<const Run*>&) { then(); });
}

void RunAttachments::answer(Feed& feed, command::RunAnswer answer, RunTelling telling) {
  answer.run = feed.scope();
  answer.whole = telling.whole;
  size_t bytes = 0;
  answer.parts = encode(telling, bytes);
  const uint32_t shard = answer.handle.shard;
  feed.add_reader(shard);
  parts_.post(shard, std::move(answer), bytes);
}

std::vector<command::RunPart> RunAttachments::encode(RunTelling& telling, size_t& bytes) {
  std::vector<command::RunPart> parts;
  for (const RunTold& told : telling.messages) {
    bytes += told.json.size();
    parts.push_back({parts_.make_frame(told.json), told.after, told.ends});
  }
  return parts;
}

void RunAttachments::refuse(const event::RunAttach& event, RunErrc why) {
  if (event.request.is_pushed)
    return parts_.post(event.client.handle.shard, command::RunAnswer{event.client.handle, event.number}, 0);
  const protocol::ErrorCode code = error_code_of(why);
  std::string error;
  protocol::append_error(error, code, error_message_of(code), event.request.id, parts_.loop.wall_now(),
                         {event.request.run_id, event.request.thread_id});
  command::RunAnswer answer{event.client.handle, event.number, make_text_frame(error)};
  answer.is_error = true;
  parts_.post(event.client.handle.shard, std::move(answer), error.size());
}

void RunAttachments::begin(const ConnectionHandle& handle, uint64_t number, const std::string& run_id,
                           std::function<FramePtr(bool attached)> ack) {
  open(run_id, [this, handle, number, ack = std::move(ack)](Feed* feed, const Run* run, RunErrc) {
    command::RunAnswer said{handle, number, ack(run != nullptr)};
    // It can be attached later, as any other.
    if (!run) return parts_.post(handle.shard, std::move(said), 0);
    answer(*feed, std::move(said), messages_.begin(*run, options_.pieces, now()));
  });
}

void RunAttachments::begin_again(const ConnectionHandle& handle, std::optional<uint64_t> number,
                                 const std::string& run_id,
                                 std::function<FramePtr(bool is_there, bool attached)> ack) {
  const auto answer_alone = [this, handle, number](FramePtr frame) {
    if (!number) return parts_.post(handle.shard, command::Send{handle, std::move(frame)}, 0);
    parts_.post(handle.shard, command::RunAnswer{handle, *number, std::move(frame)}, 0);
  };
  if (run_id.empty()) return answer_alone(ack(false, false));
  // Who repeats a message is who sent it: the shard looks at the channel.
  open(run_id,
       [this, handle, number, ack = std::move(ack), answer_alone](Feed* feed, const Run* run, RunErrc why) {
         if (!run || !number) return answer_alone(ack(run || why != RunErrc::not_found, false));
         command::RunAnswer said{handle, *number, ack(true, true)};
         said.unless_reading = true;
         answer(*feed, std::move(said), messages_.answer(*run, {}, {}, options_.pieces, now()));
       });
}

// --- Readers that lag

void RunAttachments::catch_up(const event::RunCatchUp& event) {
  if (!waiting_.empty() || told_this_turn_ >= options_.bytes_per_turn) return waiting_.push_back(event);
  serve(event);
}

void RunAttachments::serve_waiting() {
  while (!waiting_.empty() && told_this_turn_ < options_.bytes_per_turn) {
    const event::RunCatchUp event = std::move(waiting_.front());
    waiting_.pop_front();
    serve(event);
  }
}

void RunAttachments::serve(const event::RunCatchUp& event) {
  const Feed* const feed = find(event.run->run_id);
  const Run* const run = feed && feed->scope() == event.run ? feed->run() : nullptr;
  if (!run) return;  // gone: it has been told
  RunPieces pieces = options_.pieces;
  if (event.slow) pieces.piece_bytes = std::min(pieces.piece_bytes, options_.slow_piece_bytes);
  RunTelling telling = messages_.catch_up(*run, event.place, pieces, now());
  size_t bytes = 0;
  std::vector<command::RunPart> parts = encode(telling, bytes);
  told_this_turn_ += bytes;
  parts_.post(event.handle.shard,
              command::RunCaughtUp{event.handle, event.run, event.place, std::move(parts), telling.whole},
              bytes);
}

// --- Cancel

void RunAttachments::cancel(const event::RunCancel& event) {
  parts_.runs.find_record(event.run_id, {}, [this, event](const RunResult<const Run*>& run) {
    if (!run) return refuse_cancel(event, error_code_of(run.error().code));
    if (may_see(**run, event.client)) return cancel_visible(event, **run);
    // It has taken as long as one that is not there does.
    refuse_cancel(event, protocol::ErrorCode::unknown_run);
  });
}

void RunAttachments::cancel_visible(const event::RunCancel& event, const Run& run) {
  if (run.record.audience.kind == RunAudience::Kind::channel)
    return refuse_cancel(event, protocol::ErrorCode::forbidden);
  parts_.runs.cancel(event.run_id, {}, event.reason, [this, event](const RunResult<RunCancelled>& cancelled) {
    on_cancelled(event, cancelled);
  });
}

void RunAttachments::on_cancelled(const event::RunCancel& event, const RunResult<RunCancelled>& cancelled) {
  using Status = protocol::AckStatus;
  if (!cancelled) return refuse_cancel(event, error_code_of(cancelled.error().code));
  if (event.id.empty()) return;
  const Status status = *cancelled == RunCancelled::asked     ? Status::asked
                        : *cancelled == RunCancelled::already ? Status::already
                                                              : Status::ended;
  std::string ack;
  protocol::append_ack(ack, event.id, status, parts_.loop.wall_now(), {.run_id = event.run_id});
  parts_.post(event.client.handle.shard, command::Send{event.client.handle, make_text_frame(ack)},
              ack.size());
}

void RunAttachments::refuse_cancel(const event::RunCancel& event, protocol::ErrorCode code) {
  const std::string_view message = code == protocol::ErrorCode::forbidden
                                       ? "run_id: keys alone cancel a channel's run"
                                       : error_message_of(code);
  std::string error;
  protocol::append_error(error, code, message, event.id, parts_.loop.wall_now(), {.run_id = event.run_id});
  parts_.post(event.client.handle.shard, command::Send{event.client.handle, make_text_frame(error), true},
              error.size());
}

}  // namespace gw
