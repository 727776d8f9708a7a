// A shard owns its clients entirely: one thread, one epoll set, a listener on the shared address, the
// handshakes, the connections and their subscriptions. Nothing of it is touched by another thread; what
// others want is posted to its mailbox.
//
// A turn: wait, read and route what clients sent, post that to the control loop, do what it asks, look at
// deadlines, then write each touched client once and post what else there is.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "core/channel.h"
#include "core/clock_watch.h"
#include "core/connection.h"
#include "core/hub.h"
#include "core/router.h"
#include "core/timer_wheel.h"
#include "gateway/client_table.h"
#include "gateway/drain_schedule.h"
#include "gateway/handshakes.h"
#include "gateway/inter_thread.h"
#include "gateway/mailbox.h"
#include "gateway/tracer.h"
#include "net/batch_sender.h"
#include "net/listener.h"
#include "net/poller.h"
#include "protocol/envelope.h"

namespace gw {

struct ShardOptions {
  std::string instance_id;
  std::string reply_to;  // where agents answer, for envelopes
  HandshakeOptions handshake;
  ConnectionOptions connection;
  TraceOptions tracing;
  TlsContextPtr tls = {};                             // null: no listener speaks it
  ChannelSet anonymous_channels = ChannelSet::all();  // what a connection without a session may use
  ChannelSet presence_channels;                       // whose presence is kept
  Mailbox<ShardCommand>::Limits inbox;
};

class Shard {
 public:
  // All that it refers to outlives it. The listeners are its own. `poller`: of the loop whose turns are its
  // own (EventLoop::on_others); null: it has a thread, and waits there.
  Shard(uint32_t index, const ShardOptions& options, const ChannelTable& channels,
        std::vector<Listener> listeners, Mailbox<ShardEvent>& control, Poller* poller = nullptr);
  // Joins the thread: post command::Stop first.
  ~Shard();

  void start();
  // Or its turns are those of the loop that calls these, and nobody waits for its mailbox. Takes what clients
  // say, and posts what the control loop has to know.
  void begin_turn(std::span<const epoll_event> events);
  // Does what that asks, and what is due; writes, and posts again.
  void end_turn();
  // When end_turn() has something to do, even if nobody asks.
  TimePoint next_due() const;
  // The last that it does: clients hear that it goes.
  void say_goodbye();

  // Where the control loop posts.
  Mailbox<ShardCommand>& inbox() { return inbox_; }

 private:
  struct Execute;  // what a client's message asks for: shard_messages.cc
  class Runs;      // what clients read of runs: shard_runs.h

  void run();
  void on_ready_fd(const epoll_event& event);
  void flush();
  void send_batch();
  void on_written(Client& client, const IoResult& result);
  void after_write(Client& client);

  // --- Handshake: shard_handshake.cc ---
  void begin_handshake(http::Handover arrived);
  void read_handshake(Client& client);
  void continue_handshake(Client& client);
  void refuse(Client& client, const handshake::Refusal& refused);
  void request_admission(Client& client, handshake::InOrder accepted);

  // --- Clients' messages: shard_messages.cc ---
  void read(Client& client);
  void process(Client& client, std::span<char> input);
  void process_held(Client& client);

  // --- What the control loop asks: shard_commands.cc ---
  void take_commands();
  size_t send_acks(std::span<const ShardCommand> commands);
  void on_admitted(command::Admitted& command);
  void on_close(const command::Close& command);
  void take_post(command::Post& command);
  void replace_session(command::ReplaceSession command);
  void reconfigure(const ShardOptions& options);
  size_t deliver(std::span<const ShardCommand> commands);
  void begin_drain(const command::Drain& command);
  void send_on(std::span<const ConnectionHandle> clients);

  // --- Life of a client: shard_clients.cc ---
  Client* find(const ConnectionHandle& handle);
  ConnectionHandle handle_of(const Client& client) const { return {index_, client.slot, client.generation}; }
  void send(Client& client, const FramePtr& frame, size_t messages = 1);
  void close(Client& client, const Disconnect& why);
  void watch(Client& client);
  void schedule(Client& client, TimePoint when);
  void on_timer(const TimerEntry& entry);
  void tick(Client& client);
  void authorize(Connection& connection, SessionPtr session);
  bool update_channels(Client& client);
  void report_change(const Connection& connection);
  void on_clock_step();
  void move_to(Client& client, Client::State next);
  void on_connected(Client& client);
  void deregister(Client& client);
  void destroy(Client& client);

  // Fixed at construction.
  const uint32_t index_;
  const ChannelTable& channels_;
  const protocol::EnvelopeWriter envelopes_;

  // Touched only on this shard's thread.
  ShardOptions options_;  // reconfigure() changes them; connections refer to them
  TimePoint now_;         // of this turn
  WallTime wall_;
  ClockWatch clock_watch_;
  std::optional<Poller> own_poller_;
  Poller& poller_;
  ListenerSet listeners_;
  ClientTable clients_;
  size_t arriving_ = 0;   // clients that may become connected: handshaking, or admitting
  size_t connected_ = 0;  // clients in phase connected
  Handshakes handshakes_;
  Hub hub_;
  Hub watchers_;  // of who comes and goes
  const std::unique_ptr<Runs> runs_;
  Tracer tracer_;
  TimerWheel<TimerEntry> wheel_;
  BatchSender sender_;
  std::vector<uint32_t> sending_;  // slots, in the order of what the sender has
  std::vector<char> read_buffer_;
  ws::Scratch scratch_;
  std::string decode_scratch_;
  MessageIdSource message_ids_;
  int tls_steps_left_ = 0;  // in this turn
  bool begun_ = false;
  bool ready_ = false;
  bool stopping_ = false;
  std::optional<DrainSchedule> drain_;
  command::Successors successors_;
  bool takes_last_ = false;  // see command::Drain
  bool drained_reported_ = false;
  ShardStats stats_;
  bool stats_changed_ = true;
  TimePoint stats_reported_at_;
  Outgoing<ShardEvent> control_;
  std::vector<ShardCommand> commands_;

  // Written by other threads.
  Mailbox<ShardCommand> inbox_;

  std::thread thread_;
};

}  // namespace gw
