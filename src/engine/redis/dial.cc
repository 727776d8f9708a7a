#include "engine/redis/dial.h"

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
  const auto to_master = [self = shared_from_this()](Result<HostPort> master) {
    if (!self->done_) return;
    if (!master) return self->finish(master.error());
    self->server_ = master->text();
    self->connect(*master);
  };
  // https://redis.io/docs/latest/develop/reference/sentinel-clients/
  if (!options_.url.sentinel_master.empty()) return options_.sentinels->ask(to_master);
  if (options_.url.is_cluster) return options_.cluster->ask(options_.slot, to_master);
  if (options_.url.socket_path.empty()) return connect(options_.url.hosts.front());
  stream_ = Stream::make(loop_, {});
  stream_->connect_unix(options_.url.socket_path, [self = shared_from_this()](Result<void> connected) {
    if (!connected) return self->finish(connected.error());
    self->log_in(self->stream_);
  });
}

void Dial::connect(const HostPort& to) {
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
  if (url.is_cluster) ask_for_slot();
  link_->command({"PING"}, [self](const Result<Reply>& reply) {
    if (!reply) return self->finish(reply.error());
    self->finish(self->link_);
  });
  link_->flush();
}

// One that has given the slot away says so. While it does, its connection is as good as can be.
void Dial::ask_for_slot() {
  link_->command({"EXISTS", options_.guard_key}, [self = shared_from_this()](const Result<Reply>& reply) {
    if (!reply && !is_migrating(reply.error())) self->finish(reply.error());
  });
}

// A sentinel, or a name, may still lead to the old master. A server that loads its data answers this, but no
// PING.
void Dial::on_info(std::string_view info) {
  run_id_ = info_field(info, "run_id");
  std::string_view mode = info_field(info, "redis_mode");
  if (mode.empty()) mode = info_field(info, "server_mode");  // Valkey 8
  if (mode == "cluster" && !options_.url.is_cluster) {
    return finish(
        Error{Errc::unavailable, "it is a node of a Redis Cluster: redis-url is redis+cluster://host:port"});
  }
  if (!mode.empty() && mode != "cluster" && options_.url.is_cluster) {
    return finish(
        Error{Errc::unavailable, "it is no node of a Redis Cluster: redis-url is redis://host:port"});
  }
  if (mode == "sentinel") {
    return finish(
        Error{Errc::unavailable, "it is a sentinel: redis-url is redis+sentinel://host:port/master"});
  }
  if (info_field(info, "role") != "slave") return;
  finish(Error{Errc::unavailable, "it is a replica of " + std::string(info_field(info, "master_host")) + ":" +
                                      std::string(info_field(info, "master_port")) +
                                      "; this needs the master"});
}

void Dial::finish(Result<std::shared_ptr<Link>> result) {
  const auto keep_alive = shared_from_this();
  timeout_.reset();
  Done done = std::exchange(done_, nullptr);
  if (!result || !done) {
    if (stream_) stream_->close();
    if (const auto link = std::exchange(link_, nullptr)) link->close({Errc::closed, "given up"});
  }
  stream_.reset();
  if (done && !result) done(result.error());
  if (done && result) done(Dialled{std::move(*result), std::move(run_id_), std::move(server_)});
  link_.reset();
}

}  // namespace gw::redis
