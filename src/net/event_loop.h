// The control loop: one thread, one poller, and a turn that is explicit. A turn waits for the first that is
// ready, runs what else is ready (bounded), then runs the turn-end hooks: whatever was collected during the
// turn leaves in them, once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "base/time.h"

struct epoll_event;

namespace gw {

class AsioGuests;
class EventLoop;
class Poller;
class Stream;
struct TlsOptions;

// What a loop of a simulation stands on, in place of the machine's clocks, of the poller and of sockets.
class VirtualMachine {
 public:
  virtual ~VirtualMachine() = default;
  virtual TimePoint now() = 0;
  virtual WallTime wall_now() = 0;
  // For a turn of the loop at `due` or later: run_one() runs it then, once.
  virtual void at(TimePoint due, std::function<void()> function) = 0;
  // Runs the first of what is due; false: nothing is.
  virtual bool run_one() = 0;
  // As Stream::make() does it.
  virtual std::shared_ptr<Stream> make_stream(EventLoop& loop, const TlsOptions& tls) = 0;
};

class EventLoop {
  struct Impl;
  struct Entry;

 public:
  using Function = std::function<void()>;

  // Undoes what it stands for when destroyed; its function is never called after that, even when it was due.
  // Belongs to the loop's thread and does not outlive the loop.
  class [[nodiscard]] Registration {
   public:
    Registration() = default;
    Registration(Registration&& other) noexcept = default;
    Registration& operator=(Registration&& other) noexcept;
    ~Registration() { reset(); }
    void reset();
    explicit operator bool() const { return entry_ != nullptr; }

   private:
    friend class EventLoop;
    explicit Registration(std::shared_ptr<Entry> entry) : entry_(std::move(entry)) {}
    std::shared_ptr<Entry> entry_;
  };

  static constexpr size_t kHandlersPerTurnMax = 256;

  EventLoop();
  // Without watch() and guests(). `machine` outlives it, and whoever made that calls turn().
  explicit EventLoop(VirtualMachine& machine);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Turns on the calling thread until stop(). May be called again after it.
  void run();
  // One turn; waits at most `wait_max` for something to do. False when nothing was.
  bool turn(Duration wait_max);

  // The two calls for other threads. A posted function runs on the loop, in the order of posting.
  void post(Function function);
  void stop();

  // The clocks, each read at its first use in a turn and the same for the rest of it.
  TimePoint now();
  WallTime wall_now();

  // First after one `period`, then again each time; a late loop skips what it missed.
  Registration every(Duration period, Function function);
  Registration after(Duration delay, Function function);
  // Runs at most once a turn while `fd` is readable (level-triggered). The descriptor stays the caller's
  // and must stay open as long as the registration lives.
  Registration watch(int fd, Function function);
  // The same for an eventfd that nobody clears: runs once after it has been woken, however often.
  Registration on_wake(int fd, Function function);
  // For one who has many descriptors and finds them by keys of his own: he adds them to poller(), and gets
  // what is ready of them in a turn at once, which may name descriptors that he has removed in it. One at a
  // time. Keys with kOwnKey are the loop's.
  static constexpr uint64_t kOwnKey = uint64_t{1} << 61;
  Poller& poller();
  Registration on_others(std::function<void(std::span<const epoll_event>)> function);
  // Runs at the end of every turn, in the order of registration.
  Registration on_turn_end(Function function);

  // For what speaks Asio: connections to others. Its handlers take part in the turn.
  AsioGuests& guests();
  // Null, but in a simulation.
  VirtualMachine* virtual_machine() const;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace gw
