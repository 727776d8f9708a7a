#include "engine/redis/dial.h"

#include <charconv>

namespace gw::redis {

Dial::Dial(EventLoop& loop, const DialOptions& options, Done done)
    : loop_(loop), options_(options), done_(std::move(done)) {}

std::shared_ptr<Dial> Dial::start(EventLoop& loop, const DialOptions& options, Done done) {
  auto dial = std::make_shared<Dial>(loop, options, std::move(done));
  dial->timeout_ = loop.after(options.timeout, [weak = std::weak_ptr(dial)] {
    if (const auto self = weak.lock()) {
      self->finish(
          Error{Errc::unavailable, "no connection within " + format_duration(self->options_.timeout)});
    }
  });
  dial->begin();
  return dial;
}

void Dial::cancel() {
  done_ = nullptr;
  finish(Error{Errc::closed, "cancelled"});
}

void Dial::begin() {
  if (!options_.url.sentinel_master.empty()) return ask_sentinel(0);
  if (options_.url.socket_path.empty()) return connect(options_.url.hosts.front());
  stream_ = Stream::make(loop_, {});
  stream_->connect_unix(options_.url.socket_path, [self = shared_from_this()](Result<void> connected) {
    if (!connected) return self->finish(connected.error());
    self->log_in(self->stream_);
  });
}

// https://redis.io/docs/latest/develop/reference/sentinel-clients/: the first sentinel that knows the master.
void Dial::ask_sentinel(size_t index) {
  if (index >= options_.url.hosts.size()) {
    return finish(Error{Errc::unavailable, "no sentinel knows the master " + options_.url.sentinel_master +
                                               " (the last: " + sentinel_error_.detail + ")"});
  }
  asking_ = index;
  const auto next = [self = shared_from_this(), index](const Error& why) {
    if (!self->done_ || self->asking_ != index) return;
    self->sentinel_error_ = why;
    self->ask_sentinel(index + 1);
  };
  // Each gets its share of the time, so that one that hangs does not keep the others from being asked.
  const auto parts = static_cast<Duration::rep>(options_.url.hosts.size() + 1);
  sentinel_timeout_ = loop_.after(options_.timeout / parts, [self = shared_from_this(), next] {
    self->stream_->close();
    if (const auto link = std::exchange(self->link_, nullptr)) link->abandon();
    next({Errc::unavailable, "silent"});
  });
  stream_ = Stream::make(loop_, {options_.url.tls, options_.ca_file});
  stream_->connect(options_.url.hosts[index], [self = shared_from_this(), next](Result<void> connected) {
    if (!self->done_) return;
    if (!connected) return next(connected.error());
    self->link_ = std::make_shared<Link>(self->loop_, self->stream_, self->options_.link);
    self->link_->start({});
    self->link_->command(
        {"SENTINEL", "GET-MASTER-ADDR-BY-NAME", self->options_.url.sentinel_master},
        [self, next](const Result<Reply>& reply) {
          if (!self->done_) return;
          HostPort master;
          bool known = reply && reply->size() == 2;
          if (known) {
            master.host = (*reply)[0].text();
            const std::string_view port = (*reply)[1].text();
            known = std::from_chars(port.data(), port.data() + port.size(), master.port).ec == std::errc();
          }
          if (!known) return next(reply ? Error{Errc::unavailable, "unknown there"} : reply.error());
          self->link_->close({Errc::closed, "done"});
          self->connect(master);
        });
    self->link_->flush();
  });
}

void Dial::connect(const HostPort& to) {
  sentinel_timeout_.reset();
  stream_ = Stream::make(loop_, {options_.url.tls, options_.ca_file});
  stream_->connect(to, [self = shared_from_this(), to](Result<void> connected) {
    if (!connected) {
      return self->finish(Error{connected.error().code, to.text() + ": " + connected.error().detail});
    }
    self->log_in(self->stream_);
  });
}

void Dial::log_in(const std::shared_ptr<Stream>& stream) {
  if (!done_) return;
  const Url& url = options_.url;
  link_ = std::make_shared<Link>(loop_, stream, options_.link);
  const auto self = shared_from_this();
  link_->start({.on_down = [self](const Error& why) { self->finish(why); }, .on_push = {}, .on_error = {}});
  const OnReply must = [self](const Result<Reply>& reply) {
    if (!reply) self->finish(reply.error());
  };
  if (!url.password.empty()) {
    if (url.user.empty()) {
      link_->command({"AUTH", url.password}, must);
    } else {
      link_->command({"AUTH", url.user, url.password}, must);
    }
  }
  link_->command({"INFO", "server", "replication"}, [self](const Result<Reply>& reply) {
    if (!reply) return self->finish(reply.error());
    self->on_info(reply->text());
  });
  if (url.database != 0) link_->command({"SELECT", std::to_string(url.database)}, must);
  link_->command({"CLIENT", "SETNAME", options_.client_name}, {});
  link_->command({"PING"}, [self](const Result<Reply>& reply) {
    if (!reply) return self->finish(reply.error());
    self->finish(self->link_);
  });
  link_->flush();
}

// A sentinel, or a name, may still lead to the old master. A server that loads its data answers this, but no
// PING.
void Dial::on_info(std::string_view info) {
  run_id_ = info_field(info, "run_id");
  if (info_field(info, "role") != "slave") return;
  finish(Error{Errc::unavailable, "it is a replica of " + std::string(info_field(info, "master_host")) + ":" +
                                      std::string(info_field(info, "master_port")) +
                                      "; this needs the master"});
}

void Dial::finish(Result<std::shared_ptr<Link>> result) {
  const auto keep_alive = shared_from_this();
  timeout_.reset();
  sentinel_timeout_.reset();
  Done done = std::exchange(done_, nullptr);
  if (!result || !done) {
    if (stream_) stream_->close();
    if (const auto link = std::exchange(link_, nullptr)) link->close({Errc::closed, "given up"});
  }
  stream_.reset();
  if (done) done(result ? Result<Dialled>(Dialled{std::move(*result), std::move(run_id_)}) : result.error());
  link_.reset();
}

}  // namespace gw::redis
