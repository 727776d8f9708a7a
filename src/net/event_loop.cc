#include "net/event_loop.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/assert.h"
#include "net/asio_guests.h"
#include "net/poller.h"
#include "net/socket.h"

namespace gw {

// What a Registration stands for: a timer, a watched descriptor, or (neither) a turn-end hook. Whoever calls
// it shares it, so that it survives being reset from within its own function.
struct EventLoop::Entry : std::enable_shared_from_this<EventLoop::Entry> {
  using Timers = std::multimap<TimePoint, std::shared_ptr<Entry>>;

  Entry(Impl& owner, Function call) : loop(owner), function(std::move(call)) {}

  void start_timer(TimePoint due);
  void on_timer(TimePoint due);
  void cancel();

  Impl& loop;
  Function function;
  bool alive = true;
  Duration period{};                      // 0: runs once
  std::optional<Timers::iterator> timer;  // its place among those that wait
  int fd = -1;                            // watched
};

namespace {

constexpr uint64_t kWakeKey = EventLoop::kOwnKey;  // of no Entry

uint64_t key_of(const void* entry) { return EventLoop::kOwnKey | reinterpret_cast<uint64_t>(entry); }

// What has been posted and has not run.
class Posted {
 public:
  int wake_fd() const { return wake_.get(); }
  // The calling thread's from now on: it looks before it waits, and needs no wake.
  void belong_to_this_thread() { owner_ = std::this_thread::get_id(); }
  void add(EventLoop::Function function) {
    bool first = false;
    {
      const std::lock_guard lock(mutex_);
      first = queue_.empty();
      queue_.push_back(std::move(function));
    }
    if (first && std::this_thread::get_id() != owner_) wake(wake_.get());
  }
  // Looks for what others have posted, too.
  bool empty() {
    if (!taken_.empty()) return false;
    const std::lock_guard lock(mutex_);
    taken_.swap(queue_);
    return taken_.empty();
  }
  // Not when it is empty.
  EventLoop::Function take() {
    EventLoop::Function function = std::move(taken_.front());
    taken_.pop_front();
    return function;
  }

 private:
  const UniqueFd wake_ = make_wake_fd();
  std::atomic<std::thread::id> owner_;
  std::mutex mutex_;
  std::deque<EventLoop::Function> queue_;  // guarded by mutex_
  std::deque<EventLoop::Function> taken_;  // the loop's alone
};

}  // namespace

struct EventLoop::Impl {
  // On a machine that is none of a simulation.
  struct Real {
    // What the others hold may end registrations as it goes.
    Entry::Timers timers;
    std::vector<std::shared_ptr<Entry>> retired;  // watches that events of this turn may still name
    Poller poller;
    AsioGuests guests{poller.fd()};
    Posted posted;
    std::shared_ptr<Entry> others;                  // who has keys of his own; null: nobody
    std::span<const epoll_event> events_of_others;  // while it is called

    Real() {
      const bool added = poller.add(posted.wake_fd(), Poller::kWake, kWakeKey);
      ASSERT(added);
    }
    size_t run_events(Duration wait_max);
    size_t run_timers(size_t most);
    size_t run_posted(size_t most);
    size_t dispatch(std::span<epoll_event> events);
    Duration patience(Duration wait_max);
  };

  Impl() : real(std::make_unique<Real>()) {}
  explicit Impl(VirtualMachine& machine) : simulated(&machine) {}

  TimePoint clock() const { return simulated ? simulated->now() : steady_now(); }
  // Of what is ready, waiting at most so long for the first. How many.
  size_t run(Duration wait_max);
  std::shared_ptr<Entry> watch(int fd, uint32_t events, Function function);
  void end_turn();
  void forget_time() {
    now.reset();
    wall_now.reset();
  }

  std::unique_ptr<Real> real;  // one of these two
  VirtualMachine* simulated = nullptr;
  // Of this turn, once somebody has asked.
  std::optional<TimePoint> now;
  std::optional<WallTime> wall_now;
  bool stopping = false;
  std::vector<std::shared_ptr<Entry>> hooks;
};

void EventLoop::Entry::start_timer(TimePoint due) {
  if (loop.simulated)
    return loop.simulated->at(due, [self = shared_from_this(), due] { self->on_timer(due); });
  timer = loop.real->timers.emplace(due, shared_from_this());
}

void EventLoop::Entry::on_timer(TimePoint due) {
  if (!alive) return;
  if (period > Duration::zero()) {
    const TimePoint now = loop.clock();
    const TimePoint next = due + period;
    start_timer(next > now ? next : now + period);
  }
  function();
}

void EventLoop::Entry::cancel() {
  alive = false;
  if (timer) loop.real->timers.erase(*std::exchange(timer, std::nullopt));
  if (fd < 0) return;
  loop.real->poller.remove(fd);
  loop.real->retired.push_back(shared_from_this());
}

size_t EventLoop::Impl::run(Duration wait_max) {
  if (simulated) {
    size_t ran = 0;
    while (ran < kHandlersPerTurnMax && simulated->run_one()) ++ran;
    return ran;
  }
  size_t ran = real->run_events(wait_max);
  ran += real->run_timers(kHandlersPerTurnMax);
  return ran + real->run_posted(kHandlersPerTurnMax);
}

Duration EventLoop::Impl::Real::patience(Duration wait_max) {
  if (!posted.empty()) return Duration::zero();
  if (timers.empty()) return wait_max;
  return std::clamp(timers.begin()->first - steady_now(), Duration::zero(), wait_max);
}

size_t EventLoop::Impl::Real::run_events(Duration wait_max) {
  const Duration timeout = patience(wait_max);
  if (guests.are_gone()) return dispatch(poller.wait(timeout));
  const size_t ran = guests.wait(timeout, kHandlersPerTurnMax);
  return guests.is_poller_ready() ? ran + dispatch(poller.wait(Duration::zero())) : ran;
}

size_t EventLoop::Impl::Real::dispatch(std::span<epoll_event> events) {
  const auto is_own = [](const epoll_event& event) { return (event.data.u64 & kOwnKey) != 0; };
  const auto own_end = std::partition(events.begin(), events.end(), is_own);
  events_of_others = std::span(own_end, events.end());
  for (const epoll_event& event : std::span(events.begin(), own_end)) {
    if (event.data.u64 == kWakeKey) continue;  // what was posted is run anyway
    const auto entry = reinterpret_cast<Entry*>(event.data.u64 & ~kOwnKey)->shared_from_this();
    if (entry->alive) entry->function();
  }
  if (const auto entry = others; entry && entry->alive && !events_of_others.empty()) entry->function();
  return events.size();
}

size_t EventLoop::Impl::Real::run_timers(size_t most) {
  if (timers.empty()) return 0;
  const TimePoint time = steady_now();
  size_t ran = 0;
  for (; ran < most && !timers.empty() && timers.begin()->first <= time; ++ran) {
    const auto [due, entry] = *timers.begin();
    timers.erase(timers.begin());
    entry->timer.reset();
    entry->on_timer(due);
  }
  return ran;
}

size_t EventLoop::Impl::Real::run_posted(size_t most) {
  size_t ran = 0;
  for (; ran < most && !posted.empty(); ++ran) posted.take()();
  return ran;
}

std::shared_ptr<EventLoop::Entry> EventLoop::Impl::watch(int fd, uint32_t events, Function function) {
  ASSERT(real);
  auto entry = std::make_shared<Entry>(*this, std::move(function));
  entry->fd = fd;
  const bool added = real->poller.add(fd, events, key_of(entry.get()));
  ASSERT(added);
  return entry;
}

void EventLoop::Impl::end_turn() {
  // By index: a hook may add or remove hooks.
  for (size_t i = 0; i < hooks.size(); ++i) {
    const std::shared_ptr<Entry> hook = hooks[i];
    if (hook->alive) hook->function();
  }
  std::erase_if(hooks, [](const std::shared_ptr<Entry>& hook) { return !hook->alive; });
  if (real) real->retired.clear();
}

EventLoop::Registration& EventLoop::Registration::operator=(Registration&& other) noexcept {
  if (this == &other) return *this;
  reset();
  entry_ = std::move(other.entry_);
  return *this;
}

void EventLoop::Registration::reset() {
  if (!entry_) return;
  entry_->cancel();
  entry_.reset();
}

EventLoop::EventLoop() : impl_(std::make_unique<Impl>()) {}
EventLoop::EventLoop(VirtualMachine& machine) : impl_(std::make_unique<Impl>(machine)) {}
EventLoop::~EventLoop() = default;

void EventLoop::run() {
  while (!impl_->stopping) turn(Duration::max());
  impl_->stopping = false;
}

bool EventLoop::turn(Duration wait_max) {
  if (impl_->real) impl_->real->posted.belong_to_this_thread();
  impl_->forget_time();
  if (impl_->run(wait_max) == 0) return false;
  impl_->end_turn();
  impl_->forget_time();  // whoever asks between two turns
  return true;
}

void EventLoop::post(Function function) {
  if (impl_->simulated) return impl_->simulated->at(impl_->simulated->now(), std::move(function));
  impl_->real->posted.add(std::move(function));
}

// Posted rather than set: a stop that comes before run() must not be lost.
void EventLoop::stop() {
  post([impl = impl_.get()] { impl->stopping = true; });
}

TimePoint EventLoop::now() {
  if (!impl_->now) impl_->now = impl_->clock();
  return *impl_->now;
}

WallTime EventLoop::wall_now() {
  if (!impl_->wall_now) impl_->wall_now = impl_->simulated ? impl_->simulated->wall_now() : gw::wall_now();
  return *impl_->wall_now;
}

EventLoop::Registration EventLoop::every(Duration period, Function function) {
  auto entry = std::make_shared<Entry>(*impl_, std::move(function));
  entry->period = period;
  entry->start_timer(impl_->clock() + period);
  return Registration(std::move(entry));
}

EventLoop::Registration EventLoop::after(Duration delay, Function function) {
  auto entry = std::make_shared<Entry>(*impl_, std::move(function));
  entry->start_timer(impl_->clock() + delay);
  return Registration(std::move(entry));
}

EventLoop::Registration EventLoop::watch(int fd, Function function) {
  return Registration(impl_->watch(fd, Poller::kReadable, std::move(function)));
}

EventLoop::Registration EventLoop::on_wake(int fd, Function function) {
  return Registration(impl_->watch(fd, Poller::kWake, std::move(function)));
}

Poller& EventLoop::poller() {
  ASSERT(impl_->real);
  return impl_->real->poller;
}

EventLoop::Registration EventLoop::on_others(std::function<void(std::span<const epoll_event>)> function) {
  Impl::Real& real = *impl_->real;
  ASSERT(!real.others || !real.others->alive);
  real.others =
      std::make_shared<Entry>(*impl_, [&real, call = std::move(function)] { call(real.events_of_others); });
  return Registration(real.others);
}

EventLoop::Registration EventLoop::on_turn_end(Function function) {
  auto entry = std::make_shared<Entry>(*impl_, std::move(function));
  impl_->hooks.push_back(entry);
  return Registration(std::move(entry));
}

AsioGuests& EventLoop::guests() {
  ASSERT(impl_->real);
  return impl_->real->guests;
}

VirtualMachine* EventLoop::virtual_machine() const { return impl_->simulated; }

}  // namespace gw
