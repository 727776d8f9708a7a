#include "net/batch_sender.h"

#include <liburing.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/assert.h"

namespace gw {
namespace {

constexpr int kSendFlags = MSG_DONTWAIT | MSG_NOSIGNAL;

IoResult to_io_result(int result) {
  if (result > 0) return {IoResult::Status::ok, static_cast<size_t>(result)};
  const bool again = result == -EAGAIN || result == -EINTR;
  return {again ? IoResult::Status::again : IoResult::Status::failed, 0};
}

// One thread submits and reaps: completions need no interrupt of it (since Linux 6.1).
bool open_ring(io_uring& ring) {
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
  return io_uring_queue_init_params(BatchSender::kSendsMax, &ring, &params) == 0 ||
         io_uring_queue_init(BatchSender::kSendsMax, &ring, 0) == 0;
}

}  // namespace

struct BatchSender::Impl {
  struct Send {
    int fd;
    size_t count;  // of its parts
  };

  void send_one_by_one(size_t count);
  void submit(size_t index);
  void send_together(size_t count);

  bool has_ring = false;
  io_uring ring;
  std::array<Send, kSendsMax> sends;
  std::array<std::array<iovec, kPartsMax>, kSendsMax> parts;
  std::array<msghdr, kSendsMax> messages;
  std::array<IoResult, kSendsMax> results;
};

void BatchSender::Impl::send_one_by_one(size_t count) {
  for (size_t i = 0; i < count; ++i) {
    results[i] = write_some(sends[i].fd, std::span(parts[i]).first(sends[i].count));
  }
}

void BatchSender::Impl::submit(size_t index) {
  const auto [fd, count] = sends[index];
  io_uring_sqe* const entry = io_uring_get_sqe(&ring);
  ASSERT(entry != nullptr);  // as many entries as sends
  if (count == 1) {
    const iovec& part = parts[index][0];
    io_uring_prep_send(entry, fd, part.iov_base, part.iov_len, kSendFlags);
  } else {
    msghdr& message = messages[index] = {};
    message.msg_iov = parts[index].data();
    message.msg_iovlen = count;
    io_uring_prep_sendmsg(entry, fd, &message, kSendFlags);
  }
  entry->user_data = index;
}

void BatchSender::Impl::send_together(size_t count) {
  for (size_t i = 0; i < count; ++i) submit(i);
  size_t completed = 0;
  while (completed < count) {
    const int entered = io_uring_submit_and_wait(&ring, static_cast<unsigned>(count - completed));
    ASSERT(entered >= 0 || entered == -EINTR || entered == -EAGAIN || entered == -EBUSY);
    unsigned head = 0;
    unsigned seen = 0;
    io_uring_cqe* completion = nullptr;
    io_uring_for_each_cqe(&ring, head, completion) {
      results[completion->user_data] = to_io_result(completion->res);
      ++seen;
    }
    io_uring_cq_advance(&ring, seen);
    completed += seen;
  }
}

// Not zeroed: most of its pages are touched by large batches alone.
BatchSender::BatchSender() : impl_(std::make_unique_for_overwrite<Impl>()) {}

BatchSender::~BatchSender() {
  if (impl_->has_ring) io_uring_queue_exit(&impl_->ring);
}

bool BatchSender::use_io_uring() {
  ASSERT(!impl_->has_ring && count_ == 0);
  return impl_->has_ring = open_ring(impl_->ring);
}

std::span<iovec, BatchSender::kPartsMax> BatchSender::parts() {
  ASSERT(count_ < kSendsMax);
  return impl_->parts[count_];
}

void BatchSender::add(int fd, size_t count) {
  ASSERT(count_ < kSendsMax && count > 0 && count <= kPartsMax);
  impl_->sends[count_++] = {fd, count};
}

std::span<const IoResult> BatchSender::send() {
  const size_t count = std::exchange(count_, 0);
  if (impl_->has_ring && count >= kRingMin) {
    impl_->send_together(count);
  } else {
    impl_->send_one_by_one(count);
  }
  return std::span(impl_->results).first(count);
}

}  // namespace gw
