// What speaks Asio on a loop that waits with a poller of its own: connections to others (net/stream.h). With
// none it costs nothing. With some the loop waits in Asio, for the poller as for one more descriptor, since
// Asio's own is not to be had.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "base/time.h"

namespace gw {

class AsioGuests {
 public:
  // `poller`: readable when the loop has something to do; the loop's, and outlives this.
  explicit AsioGuests(int poller);
  ~AsioGuests();

  // One of them, as long as it may have something outstanding.
  class Stay {
   public:
    explicit Stay(AsioGuests& guests) : guests_(guests) { ++guests_.staying_; }
    Stay(const Stay&) = delete;
    Stay& operator=(const Stay&) = delete;
    ~Stay() { --guests_.staying_; }
    boost::asio::io_context& context() const { return guests_.context_; }

   private:
    AsioGuests& guests_;
  };

  // Nothing of Asio's can become ready. Runs what the last of them has left behind.
  bool are_gone();
  // Otherwise: waits for them and for the poller, and runs what is ready of theirs, at most `handlers_max`.
  // How many; is_poller_ready() says whether the loop has to look at its own.
  size_t wait(Duration timeout, size_t handlers_max);
  bool is_poller_ready() const { return poller_ready_; }

 private:
  void watch_poller();

  size_t staying_ = 0;
  boost::asio::io_context context_{1};  // whose end may end some of them
  boost::asio::posix::stream_descriptor poller_;
  bool watching_ = false;
  bool poller_ready_ = false;
};

}  // namespace gw
