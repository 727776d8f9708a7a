#include "net/batch_sender.h"

#include <liburing.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "base/assert.h"

namespace gw {
namespace {

constexpr int kSendFlags = MSG_DONTWAIT | MSG_NOSIGNAL;

IoResult to_io_result(int result) {
  if (result > 0) return {IoResult::Status::ok, static_cast<size_t>(result)};
  const bool again = result == -EAGAIN || result == -EINTR;
  return {again ? IoResult::Status::again : IoResult::Status::failed, 0};
}

}  // namespace

struct BatchSender::Impl {
  io_uring ring{};
  std::array<msghdr, kSendsMax> messages{};
  std::array<std::array<iovec, kPartsMax>, kSendsMax> parts;
  std::array<IoResult, kSendsMax> results;
};

BatchSender::BatchSender() : impl_(std::make_unique<Impl>()) {
  // One thread submits and reaps: completions need no interrupt of it (since Linux 6.1).
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
  if (io_uring_queue_init_params(kSendsMax, &impl_->ring, &params) == 0) return;
  if (io_uring_queue_init(kSendsMax, &impl_->ring, 0) == 0) return;
  impl_.reset();
}

BatchSender::~BatchSender() {
  if (impl_) io_uring_queue_exit(&impl_->ring);
}

std::span<iovec, BatchSender::kPartsMax> BatchSender::parts() {
  ASSERT(impl_ && count_ < kSendsMax);
  return impl_->parts[count_];
}

void BatchSender::add(int fd, size_t count) {
  ASSERT(impl_ && count_ < kSendsMax && count > 0 && count <= kPartsMax);
  io_uring_sqe* const entry = io_uring_get_sqe(&impl_->ring);
  ASSERT(entry != nullptr);  // as many entries as sends
  std::array<iovec, kPartsMax>& parts = impl_->parts[count_];
  if (count == 1) {
    io_uring_prep_send(entry, fd, parts[0].iov_base, parts[0].iov_len, kSendFlags);
  } else {
    msghdr& message = impl_->messages[count_];
    message.msg_iov = parts.data();
    message.msg_iovlen = count;
    io_uring_prep_sendmsg(entry, fd, &message, kSendFlags);
  }
  entry->user_data = count_++;
}

std::span<const IoResult> BatchSender::send() {
  const size_t count = std::exchange(count_, 0);
  size_t completed = 0;
  while (completed < count) {
    const int entered = io_uring_submit_and_wait(&impl_->ring, static_cast<unsigned>(count - completed));
    ASSERT(entered >= 0 || entered == -EINTR || entered == -EAGAIN || entered == -EBUSY);
    unsigned head = 0;
    unsigned seen = 0;
    io_uring_cqe* completion = nullptr;
    io_uring_for_each_cqe(&impl_->ring, head, completion) {
      impl_->results[completion->user_data] = to_io_result(completion->res);
      ++seen;
    }
    io_uring_cq_advance(&impl_->ring, seen);
    completed += seen;
  }
  return std::span(impl_->results).first(count);
}

}  // namespace gw
