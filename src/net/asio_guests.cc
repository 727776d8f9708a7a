#include "net/asio_guests.h"

#include <algorithm>
#include <utility>

namespace gw {
namespace {

// As epoll rounds it up. A shorter wait may be over before Asio has looked for the first time.
constexpr Duration kWaitMin = 1ms;

}  // namespace

AsioGuests::AsioGuests(int poller) : poller_(context_, poller) { context_.stop(); }

AsioGuests::~AsioGuests() { poller_.release(); }

void AsioGuests::watch_poller() {
  poller_ready_ = false;
  if (std::exchange(watching_, true)) return;
  poller_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [this](const boost::system::error_code& error) {
                       watching_ = false;
                       poller_ready_ = !error;
                     });
}

bool AsioGuests::are_gone() {
  if (staying_ > 0) return false;
  if (!context_.stopped()) {
    poller_.cancel();
    context_.poll();
  }
  return true;
}

size_t AsioGuests::wait(Duration timeout, size_t handlers_max) {
  if (context_.stopped()) context_.restart();
  watch_poller();
  size_t ran = 0;
  if (timeout == Duration::max()) {
    ran = context_.run_one();
  } else if (timeout <= Duration::zero()) {
    ran = context_.poll_one();  // run_one_for() would not even look
  } else {
    ran = context_.run_one_for(std::max<Duration>(timeout, kWaitMin));
  }
  while (ran > 0 && ran < handlers_max && context_.poll_one() > 0) ++ran;
  return ran;
}

}  // namespace gw
