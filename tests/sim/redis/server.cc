#include "sim/redis/server.h"

#include <algorithm>
#include <charconv>

namespace gw::sim {

std::shared_ptr<RedisClient> RedisServer::connect() {
  auto client = std::make_shared<RedisClient>();
  client->id = next_client_++;
  clients_.emplace(client->id, client);
  return client;
}

void RedisServer::disconnect(const std::shared_ptr<RedisClient>& client) { clients_.erase(client->id); }

void RedisServer::load(RedisData data) { data_ = std::move(data); }

void RedisServer::receive(RedisClient& client, std::string_view bytes) {
  client.in += bytes;
  run_all(client);
}

void RedisServer::run_all(RedisClient& client) {
  while (!client.wait) {
    const std::optional<Words> words = take_command(client);
    if (!words) return;
    const Answer answered = execute(client, *words, false);
    if (on_command_) on_command_(client, *words, answered);
    if (client.wait) return;
    const Command* const command = find_command(words->front());
    if (command && command->many && !answered.is_error()) {
      for (const Answer& one : answered.items) answer(client, one);
    } else {
      answer(client, answered);
    }
  }
}

void RedisServer::answer(RedisClient& client, const Answer& answer) {
  answer.append_to(client.out);
  on_output_(client);
}

// https://redis.io/docs/latest/develop/reference/protocol-spec/#sending-commands-to-a-redis-server
std::optional<Words> RedisServer::take_command(RedisClient& client) {
  const std::string_view in = client.in;
  size_t at = 0;
  const auto number = [&](char mark) -> std::optional<size_t> {
    const size_t end = in.find("\r\n", at);
    if (end == std::string_view::npos || in[at] != mark) return std::nullopt;
    size_t value = 0;
    std::from_chars(in.data() + at + 1, in.data() + end, value);
    at = end + 2;
    return value;
  };
  const auto count = number('*');
  if (!count) return std::nullopt;
  Words words;
  for (size_t i = 0; i < *count; ++i) {
    const auto size = number('$');
    if (!size || at + *size + 2 > in.size()) return std::nullopt;
    words.emplace_back(in.substr(at, *size));
    at += *size + 2;
  }
  client.in.erase(0, at);
  return words;
}

Answer RedisServer::refusal(const Command& command, const RedisClient& client) const {
  const std::string name(command.name);
  if (loading_ && !command.always) return Answer::error("LOADING Redis is loading the dataset in memory");
  if (!client.channels.empty() && !command.many && name != "ping") {
    return Answer::error(
        "ERR Can't execute '" + name +
        "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context");
  }
  if (master_ && command.writes) {
    return Answer::error("READONLY You can't write against a read only replica.");
  }
  return {};
}

Answer RedisServer::execute(RedisClient& client, const Words& words, bool from_script) {
  const Command* const command = find_command(words.front());
  if (!command) return Answer::error("ERR unknown command '" + words.front() + "' of the model");
  if (from_script && !command->in_scripts) {
    return Answer::error("ERR This Redis command is not allowed from script");
  }
  const auto size = static_cast<int>(words.size());
  if (command->arity > 0 ? size != command->arity : size < -command->arity) {
    return Answer::error(from_script ? "ERR Wrong number of args calling Redis command from script"
                                     : "ERR wrong number of arguments for '" + std::string(command->name) +
                                           "' command");
  }
  if (!from_script || command->writes) {
    if (const Answer refused = refusal(*command, client); refused.is_error()) return refused;
  }
  Call call{*this, client, words, data_.databases[client.database], unix_ms_(), command->writes};
  try {
    Answer answer = command->run(call);
    if (command->writes) client.offset = ++data_.offset;
    return answer;
  } catch (const Refused& refused) {
    return refused.answer;
  }
}

// --- Pub/Sub ---

int64_t RedisServer::publish(const std::string& channel, const std::string& payload) {
  int64_t heard = 0;
  for (const auto& [id, client] : clients_) {
    if (!client->channels.contains(channel)) continue;
    ++heard;
    answer(*client, Answers{Answer("message"), Answer(channel), Answer(payload)});
  }
  return heard;
}

int64_t RedisServer::listeners(const std::string& channel) const {
  return std::count_if(clients_.begin(), clients_.end(),
                       [&](const auto& client) { return client.second->channels.contains(channel); });
}

// --- Replicas ---

void RedisServer::on_replicated(const std::string& replica, uint64_t offset) {
  replicated_[replica] = offset;
  tick();
}

int64_t RedisServer::replicas_with(uint64_t offset) const {
  return std::count_if(replicated_.begin(), replicated_.end(),
                       [offset](const auto& replica) { return replica.second >= offset; });
}

void RedisServer::tick() {
  const int64_t now = unix_ms_();
  const auto clients = clients_;  // what is answered may lead to anything
  for (const auto& [id, client] : clients) {
    if (!client->wait) continue;
    const int64_t have = replicas_with(client->offset);
    if (have < client->wait->replicas && now < client->wait->until) continue;
    client->wait.reset();
    answer(*client, Answer(have));
    run_all(*client);
  }
}

// --- Scripts ---

Answer RedisServer::load_script(const std::string& text) {
  const std::string sha1 = scripts_.load(text);
  known_scripts_.insert(sha1);
  return sha1;
}

Answer RedisServer::run_script(Call& call, const std::string& sha1) {
  if (!known_scripts_.contains(sha1)) return Answer::error("NOSCRIPT No matching script. Please use EVAL.");
  return scripts_.run(call, sha1);
}

std::string RedisServer::info() const {
  std::string out = "# Server\r\nredis_version:7.0.15\r\nredis_mode:";
  out += watched_ ? "sentinel" : "standalone";
  out += "\r\nrun_id:" + run_id_ + "\r\n\r\n# Replication\r\n";
  if (master_) {
    return out + "role:slave\r\nmaster_host:" + master_->host +
           "\r\nmaster_port:" + std::to_string(master_->port) + "\r\n";
  }
  return out + "role:master\r\nconnected_slaves:" + std::to_string(replicated_.size()) + "\r\n";
}

}  // namespace gw::sim
