// A queue with a high-water mark between two loops. Senders collect during their turn and post once at its
// end; the receiver takes everything at once. Posting over the bound is still taken (what is in flight must
// not be lost), but is_full() then tells senders to stop making more.
#pragma once

#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

#include "net/socket.h"

namespace gw {

template <class Item>
class Mailbox {
 public:
  struct Limits {
    size_t items = 65536;
    size_t bytes = size_t{64} << 20;
  };

  explicit Mailbox(const Limits& limits) : limits_(limits), wake_(make_wake_fd()) {}

  // Before anything is posted: sender and receiver share a thread, and take turns without being woken.
  void need_no_wake() { wakes_ = false; }

  // Any thread. Empties `items`; `bytes` is what they hold beyond their own size.
  void post(std::vector<Item>& items, size_t bytes) {
    if (items.empty()) return;
    bool first = false;
    {
      const std::lock_guard lock(mutex_);
      first = queue_.empty();
      if (first) {
        queue_.swap(items);
      } else {
        std::move(items.begin(), items.end(), std::back_inserter(queue_));
      }
      bytes_ += bytes;
      items_gauge_.store(queue_.size(), std::memory_order_relaxed);
      full_.store(queue_.size() >= limits_.items || bytes_ >= limits_.bytes, std::memory_order_relaxed);
    }
    items.clear();
    if (first && wakes_) wake(wake_.get());
  }

  // The receiving loop only: moves everything into `out`, which is empty.
  void take(std::vector<Item>& out) {
    const std::lock_guard lock(mutex_);
    queue_.swap(out);
    bytes_ = 0;
    items_gauge_.store(0, std::memory_order_relaxed);
    full_.store(false, std::memory_order_relaxed);
  }

  // Woken when something begins to wait, and never cleared: to be waited for with Poller::kWake.
  int fd() const { return wake_.get(); }
  bool is_full() const { return full_.load(std::memory_order_relaxed); }
  size_t size() const { return items_gauge_.load(std::memory_order_relaxed); }

 private:
  const Limits limits_;
  const UniqueFd wake_;
  bool wakes_ = true;
  std::atomic<bool> full_{false};
  std::atomic<size_t> items_gauge_{0};
  std::mutex mutex_;
  std::vector<Item> queue_;  // guarded by mutex_
  size_t bytes_ = 0;         // guarded by mutex_
};

// What one sender collects for a mailbox during its turn, to be posted once at its end.
template <class Item>
class Outgoing {
 public:
  explicit Outgoing(Mailbox<Item>& mailbox) : mailbox_(mailbox) {}

  // `bytes`: what it holds beyond its own size.
  template <class Some>
  void add(Some&& item, size_t bytes = 0) {
    items_.emplace_back(std::forward<Some>(item));
    bytes_ += bytes;
  }
  void post() { mailbox_.post(items_, std::exchange(bytes_, 0)); }
  // The receiver is behind.
  bool is_full() const { return mailbox_.is_full(); }

 private:
  Mailbox<Item>& mailbox_;
  std::vector<Item> items_;
  size_t bytes_ = 0;
};

}  // namespace gw
