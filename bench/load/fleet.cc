#include "load/fleet.h"

#include <stdexcept>

#include "load/clock.h"
#include "load/net.h"

namespace gw::bench {
namespace {

// How many connects the pace has room for since `start_ns`.
size_t allowed(const Pace& pace, int64_t start_ns) {
  if (pace.per_second <= 0) return SIZE_MAX;
  return 1 + static_cast<size_t>(static_cast<double>(now_ns() - start_ns) / 1e9 * pace.per_second);
}

}  // namespace

Fleet::Fleet(Loop& loop, const Target& target, size_t count, ResourceOf resource_of)
    : loop_(loop), target_(target), resource_of_(std::move(resource_of)), progress_(count) {
  clients_.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    clients_.push_back(
        std::make_unique<WsClient>(loop, static_cast<WsClient::Listener&>(*this), static_cast<uint32_t>(i)));
  }
}

void Fleet::start(size_t index) {
  progress_[index] = {.started_ns = now_ns(), .through = false};
  ++connecting_;
  clients_[index]->connect(target_.address(index), source_address(static_cast<uint32_t>(index)),
                           resource_of_(index));
}

void Fleet::open_all(const Pace& pace) {
  const int64_t start_ns = now_ns();
  size_t started = 0;
  loop_.wait_until("connections opened", [&] {
    while (started < clients_.size() && connecting_ < pace.concurrency && started < allowed(pace, start_ns)) {
      start(started++);
    }
    if (started < clients_.size()) loop_.turn(1);
    return through_ == clients_.size();
  });
}

void Fleet::close_all() {
  closing_ = true;
  for (auto& client : clients_) client->close();
  loop_.wait_until("connections closed", [&] { return through_ == 0; });
  closing_ = false;
}

void Fleet::on_open(WsClient& client) {
  if (const std::string_view hello = target_.hello(); !hello.empty()) client.queue_text(hello);
  if (first_words_) client.queue_text(first_words_(client.index()));
  if (!target_.welcomes() && !is_through_) through(client);
}

void Fleet::on_text(WsClient& client, std::string_view text) {
  if (const std::string_view reply = target_.reply_to(text); !reply.empty()) client.queue_text(reply);
  if (progress_[client.index()].through) {
    if (handler_) handler_(client, text);
    return;
  }
  if (!is_through_ && !target_.is_welcome(text)) {
    if (target_.is_before_welcome(text)) return;
    throw std::runtime_error("not a welcome: " + std::string(text));
  }
  if (!is_through_ || is_through_(client, text)) through(client);
}

void Fleet::through(WsClient& client) {
  Progress& progress = progress_[client.index()];
  progress.through = true;
  --connecting_;
  ++through_;
  open_times_.add(now_ns() - progress.started_ns);
}

void Fleet::on_closed(WsClient& client, uint16_t code) {
  if (!closing_ || !progress_[client.index()].through) {
    throw std::runtime_error("the server ended a connection with code " + std::to_string(code));
  }
  progress_[client.index()].through = false;
  --through_;
}

}  // namespace gw::bench
