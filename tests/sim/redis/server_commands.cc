// What concerns the server and the connection: Pub/Sub, scripts, replicas, sentinels.
#include "sim/redis/server.h"

namespace gw::sim {
namespace {

Answer ping(Call& call) {
  if (!call.client.channels.empty()) return Answers{Answer("pong"), Answer("")};
  return call.size() > 1 ? Answer(call[1]) : Answer::status("PONG");
}

Answer time(Call& call) {
  return Answers{Answer(std::to_string(call.now / 1000)), Answer(std::to_string(call.now % 1000 * 1000))};
}

Answer auth(Call&) { return Answer::status("OK"); }

Answer select(Call& call) {
  const auto database = static_cast<size_t>(call.integer(1, "ERR invalid DB index"));
  if (database >= Databases().size()) refuse("ERR DB index is out of range");
  call.client.database = database;
  return Answer::status("OK");
}

Answer client(Call& call) {
  if (!call.is(1, "SETNAME")) refuse("ERR the model knows CLIENT SETNAME alone");
  return Answer::status("OK");
}

Answer info(Call& call) { return call.server.info(); }

Answer role(Call& call) {
  const auto& master = call.server.master();
  if (master) {
    return Answers{Answer("slave"), Answer(master->host), Answer(static_cast<int64_t>(master->port)),
                   Answer("connected"), Answer(static_cast<int64_t>(call.server.data().offset))};
  }
  Answers replicas;
  for (const auto& [name, offset] : call.server.replicas()) {
    replicas.push_back(Answers{Answer(name), Answer("0"), Answer(std::to_string(offset))});
  }
  return Answers{Answer("master"), Answer(static_cast<int64_t>(call.server.data().offset)),
                 std::move(replicas)};
}

// WAIT replicas ms
Answer wait(Call& call) {
  const int64_t wanted = call.integer(1),
                patience = call.integer(2, "ERR timeout is not an integer or out of range");
  const int64_t have = call.server.replicas_with(call.client.offset);
  if (have >= wanted) return have;
  call.client.wait = {wanted, patience == 0 ? INT64_MAX : call.now + patience};
  return {};
}

Answer script(Call& call) {
  if (!call.is(1, "LOAD") || call.size() != 3) refuse("ERR the model knows SCRIPT LOAD alone");
  return call.server.load_script(call[2]);
}

Answer evalsha(Call& call) { return call.server.run_script(call, call[1]); }

Answer eval(Call& call) { return call.server.run_script(call, call.server.load_script(call[1]).text); }

Answer publish(Call& call) { return call.server.publish(call[1], call[2]); }

Answer heads(const char* kind, const std::string& channel, const RedisClient& client) {
  return Answers{Answer(kind), Answer(channel), Answer(client.channels.size())};
}

Answer subscribe(Call& call) {
  Answers out;
  for (size_t i = 1; i < call.size(); ++i) {
    call.client.channels.insert(call[i]);
    out.push_back(heads("subscribe", call[i], call.client));
  }
  return out;
}

Answer unsubscribe(Call& call) {
  Answers out;
  if (call.size() == 1) refuse("ERR the model knows UNSUBSCRIBE with names alone");
  for (size_t i = 1; i < call.size(); ++i) {
    call.client.channels.erase(call[i]);
    out.push_back(heads("unsubscribe", call[i], call.client));
  }
  return out;
}

Answer pubsub(Call& call) {
  if (!call.is(1, "NUMSUB")) refuse("ERR the model knows PUBSUB NUMSUB alone");
  Answers out;
  for (size_t i = 2; i < call.size(); ++i) {
    out.emplace_back(call[i]);
    out.emplace_back(call.server.listeners(call[i]));
  }
  return out;
}

// https://redis.io/docs/latest/develop/reference/sentinel-clients/
Answer sentinel(Call& call) {
  if (!call.server.watched()) refuse("ERR unknown command 'sentinel'");
  const auto [master, epoch] = call.server.watched()();
  const std::string port = std::to_string(master.port);
  if (call.is(1, "GET-MASTER-ADDR-BY-NAME")) return Answers{Answer(master.host), Answer(port)};
  return Answers{Answer("ip"), Answer(master.host),    Answer("port"),
                 Answer(port), Answer("config-epoch"), Answer(std::to_string(epoch))};
}

}  // namespace

std::span<const Command> server_commands() {
  static constexpr Command kCommands[] = {
      {"ping", ping, -1},
      {"time", time, 1},
      {.name = "auth", .run = auth, .arity = -2, .always = true},
      {.name = "select", .run = select, .arity = 2, .always = true},
      {.name = "client", .run = client, .arity = -2, .in_scripts = false, .always = true},
      {.name = "info", .run = info, .arity = -1, .always = true},
      {.name = "role", .run = role, .arity = 1, .always = true},
      {.name = "wait", .run = wait, .arity = 3, .in_scripts = false},
      {.name = "script", .run = script, .arity = -2, .in_scripts = false},
      {.name = "evalsha", .run = evalsha, .arity = -3, .in_scripts = false},
      {.name = "eval", .run = eval, .arity = -3, .in_scripts = false},
      {.name = "publish", .run = publish, .arity = 3, .always = true},
      {.name = "subscribe", .run = subscribe, .arity = -2, .in_scripts = false, .many = true, .always = true},
      {.name = "unsubscribe",
       .run = unsubscribe,
       .arity = -1,
       .in_scripts = false,
       .many = true,
       .always = true},
      {.name = "pubsub", .run = pubsub, .arity = -2, .always = true},
      {.name = "sentinel", .run = sentinel, .arity = -2},
  };
  return kCommands;
}

}  // namespace gw::sim
