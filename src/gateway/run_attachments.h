// The runs that clients of this instance read: what the engine says of each is encoded once and posted to the
// shards that have readers of it; readers that come, come back or fell behind get what they lack from the
// log. Where each reader is, its shard knows (core/run_hub.h). Control loop only.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/run_messages.h"
#include "core/run_store.h"
#include "gateway/inter_thread.h"
#include "net/event_loop.h"
#include "protocol/codes.h"

namespace gw {

// What a client is told of a run that could not be had.
protocol::ErrorCode error_code_of(RunErrc why);
std::string_view error_message_of(protocol::ErrorCode code);

struct RunAttachmentOptions {
  size_t shards = 1;
  // Of text, in one message, and in one answer: outboxes have to hold some of them.
  RunPieces pieces;
  size_t slow_piece_bytes = 4 * 1024;  // to a reader that has lagged
  size_t bytes_per_turn =
      size_t{4} << 20;  // of answers to readers that lag; the rest waits for the next turn
};

class RunAttachments {
 public:
  // All outlive it.
  struct Parts {
    EventLoop& loop;
    const ChannelTable& channels;
    RunStore& runs;
    std::function<void(uint32_t shard, ShardCommand command, size_t bytes)> post;
    std::function<bool(uint32_t shard)> is_behind;  // its mailbox is full
    std::function<FramePtr(std::string_view message)> make_frame;
  };

  RunAttachments(Parts parts, const RunAttachmentOptions& options);
  ~RunAttachments();
  void start();

  void attach(const event::RunAttach& event);
  void catch_up(const event::RunCatchUp& event);
  void release(const event::RunReleased& event);
  void cancel(const event::RunCancel& event);

  // The answer to a message that asked for a run: `ack`, made when it is known whether the sender reads the
  // run, and that from its start.
  void begin(const ConnectionHandle& handle, uint64_t number, const std::string& run_id,
             std::function<FramePtr(bool attached)> ack);
  // To one that came again, whose first made `run_id` (empty: none): `ack` is made when it is known whether
  // that is there, and can be read. number 0: this time it asks for none; absent: the client has all the runs
  // that it may.
  void begin_again(const ConnectionHandle& handle, std::optional<uint64_t> number, const std::string& run_id,
                   std::function<FramePtr(bool is_there, bool attached)> ack);

 private:
  class Feed;
  // The run, and the feed that knows it; null: it could not be had.
  using Opened = std::function<void(Feed*, const Run*, RunErrc why)>;
  enum class Telling { attach, begin };

  void open(const std::string& run_id, Opened opened);
  void close_if_unread(Feed& feed);
  Feed* find(const std::string& run_id);
  void attach_to(const event::RunAttach& event, const std::string& run_id);
  struct Place;  // where a thread may be
  void attach_thread(const event::RunAttach& event, std::vector<Place> places, size_t at);
  void answer(Feed& feed, command::RunAnswer answer, RunTelling telling);
  void refuse(const event::RunAttach& event, RunErrc why);
  void hide(std::function<void()> then);
  void on_cancelled(const event::RunCancel& event, const RunResult<RunCancelled>& cancelled);
  void cancel_visible(const event::RunCancel& event, const Run& run);
  void refuse_cancel(const event::RunCancel& event, protocol::ErrorCode code);
  void serve(const event::RunCatchUp& event);
  void serve_waiting();
  void beat();
  std::vector<command::RunPart> encode(RunTelling& telling, size_t& bytes);
  RunMessages::Now now();

  Parts parts_;
  const RunAttachmentOptions options_;
  const RunMessages messages_;
  // In as many parts as there are beats between two tops of a run.
  static constexpr size_t kBeats = 8;
  std::array<std::unordered_map<std::string, std::shared_ptr<Feed>>, kBeats> feeds_;
  size_t beat_ = 0;
  std::deque<event::RunCatchUp> waiting_;
  size_t told_this_turn_ = 0;
  std::vector<EventLoop::Registration> registrations_;
};

}  // namespace gw
