#include "net/event_loop.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <vector>

#include "base/assert.h"

namespace gw {

namespace asio = boost::asio;

// What a Registration stands for: a timer, a watched descriptor, or (neither) a turn-end hook. Pending Asio
// handlers share it, so that it survives being reset from within its own function.
struct EventLoop::Entry : std::enable_shared_from_this<EventLoop::Entry> {
  Entry(Impl& owner, Function call) : loop(owner), function(std::move(call)) {}

  void start_timer(TimePoint due);
  void on_timer(TimePoint due);
  void start_watch();
  void cancel();

  Impl& loop;
  Function function;
  bool alive = true;
  Duration period{};  // 0: runs once
  std::optional<asio::steady_timer> timer;
  std::optional<asio::posix::stream_descriptor> descriptor;
};

namespace {

// An io_context that does not end by itself.
struct RealLoop {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
};

}  // namespace

struct EventLoop::Impl {
  Impl() : real(std::in_place) {}
  explicit Impl(VirtualMachine& machine) : simulated(&machine) {}

  TimePoint clock() const { return simulated ? simulated->now() : steady_now(); }
  // Of what is ready, waiting at most so long for the first.
  bool run_one(Duration wait_max);
  bool run_ready();
  void end_turn();
  void forget_time() {
    now.reset();
    wall_now.reset();
  }

  std::optional<RealLoop> real;  // one of these two
  VirtualMachine* simulated = nullptr;
  // Of this turn, once somebody has asked.
  std::optional<TimePoint> now;
  std::optional<WallTime> wall_now;
  bool stopping = false;
  std::vector<std::shared_ptr<Entry>> hooks;
  std::vector<std::shared_ptr<Entry>> fired_watches;  // wait again only from the end of the turn
};

void EventLoop::Entry::start_timer(TimePoint due) {
  if (loop.simulated)
    return loop.simulated->at(due, [self = shared_from_this(), due] { self->on_timer(due); });
  if (!timer) timer.emplace(loop.real->context);
  timer->expires_at(due);
  timer->async_wait([self = shared_from_this(), due](const boost::system::error_code& error) {
    if (!error) self->on_timer(due);
  });
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

void EventLoop::Entry::start_watch() {
  descriptor->async_wait(asio::posix::stream_descriptor::wait_read,
                         [self = shared_from_this()](const boost::system::error_code& error) {
                           if (error || !self->alive) return;
                           self->loop.fired_watches.push_back(self);
                           self->function();
                         });
}

void EventLoop::Entry::cancel() {
  alive = false;
  if (timer) timer->cancel();
  if (descriptor && descriptor->is_open()) descriptor->release();
}

bool EventLoop::Impl::run_one(Duration wait_max) {
  if (simulated) return simulated->run_one();
  if (wait_max == Duration::max()) return real->context.run_one() != 0;
  return real->context.run_one_for(wait_max) != 0;
}

bool EventLoop::Impl::run_ready() { return simulated ? simulated->run_one() : real->context.poll_one() != 0; }

void EventLoop::Impl::end_turn() {
  // By index: a hook may add or remove hooks.
  for (size_t i = 0; i < hooks.size(); ++i) {
    const std::shared_ptr<Entry> hook = hooks[i];
    if (hook->alive) hook->function();
  }
  std::erase_if(hooks, [](const std::shared_ptr<Entry>& hook) { return !hook->alive; });
  for (const std::shared_ptr<Entry>& watch : fired_watches) {
    if (watch->alive) watch->start_watch();
  }
  fired_watches.clear();
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
  impl_->forget_time();
  if (!impl_->run_one(wait_max)) return false;
  for (size_t i = 1; i < kHandlersPerTurnMax && impl_->run_ready(); ++i) {
  }
  impl_->end_turn();
  impl_->forget_time();  // whoever asks between two turns
  return true;
}

void EventLoop::post(Function function) {
  if (impl_->simulated) return impl_->simulated->at(impl_->simulated->now(), std::move(function));
  asio::post(impl_->real->context, std::move(function));
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
  ASSERT(impl_->real);
  auto entry = std::make_shared<Entry>(*impl_, std::move(function));
  entry->descriptor.emplace(impl_->real->context, fd);
  entry->start_watch();
  return Registration(std::move(entry));
}

EventLoop::Registration EventLoop::on_turn_end(Function function) {
  auto entry = std::make_shared<Entry>(*impl_, std::move(function));
  impl_->hooks.push_back(entry);
  return Registration(std::move(entry));
}

asio::io_context& EventLoop::context() {
  ASSERT(impl_->real);
  return impl_->real->context;
}

VirtualMachine* EventLoop::virtual_machine() const { return impl_->simulated; }

}  // namespace gw
