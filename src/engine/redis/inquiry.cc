#include "engine/redis/inquiry.h"

namespace gw::redis {

void Inquiry::start(const Commands& commands) {
  stream_ = Stream::make(loop_, {server_.tls, server_.ca_file});
  stream_->connect(server_.address, [self = shared_from_this(), commands](Result<void> connected) {
    if (!self->done_) return;
    if (!connected) return self->finish(connected);
    self->ask(commands);
  });
}

void Inquiry::cancel() {
  done_ = nullptr;
  if (stream_) stream_->close();
  if (const auto link = std::exchange(link_, nullptr)) link->abandon();
}

void Inquiry::ask(const Commands& commands) {
  const auto self = shared_from_this();
  link_ = std::make_shared<Link>(loop_, stream_, LinkOptions{});
  link_->start({.on_down = [self](const Error& why) { self->finish(why); }, .on_push = {}, .on_error = {}});
  if (!server_.password.empty()) {
    std::vector<std::string_view> words{"AUTH"};
    if (!server_.user.empty()) words.push_back(server_.user);
    words.push_back(server_.password);
    link_->command(words, [self](const Result<Reply>& reply) {
      if (!reply) self->finish(reply.error());
    });
  }
  for (size_t i = 0; i < commands.size(); ++i) {
    link_->command(commands[i], [self, i, last = i + 1 == commands.size()](const Result<Reply>& reply) {
      if (!self->done_) return;
      const Result<void> taken = reply ? self->on_answer_(i, *reply) : Result<void>(reply.error());
      if (!taken || last) self->finish(taken);
    });
  }
  link_->flush();
}

void Inquiry::finish(const Result<void>& result) {
  const auto keep_alive = shared_from_this();
  const Done<void> done = std::exchange(done_, nullptr);
  cancel();
  if (!done) return;
  if (result) return done(result);
  done(Error{result.error().code, server_.address.text() + ": " + result.error().detail});
}

}  // namespace gw::redis
