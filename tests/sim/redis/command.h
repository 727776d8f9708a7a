// A command of the model and what it works on.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "sim/redis/answer.h"
#include "sim/redis/keyspace.h"

namespace gw::sim {

class RedisServer;
struct RedisClient;

// Redis's own words.
inline constexpr const char* kWrongType = "WRONGTYPE Operation against a key holding the wrong kind of value";
inline constexpr const char* kNoInteger = "ERR value is not an integer or out of range";
inline constexpr const char* kSyntax = "ERR syntax error";

// Refuses with `error` what is no number.
int64_t to_integer(std::string_view text, const char* error = kNoInteger);

struct Call {
  RedisServer& server;
  RedisClient& client;
  const Words& words;
  Keyspace& keys;
  const int64_t now;  // unix ms
  const bool writes;

  size_t size() const { return words.size(); }
  const std::string& operator[](size_t i) const { return words[i]; }
  // Case counts for nothing in Redis's words.
  bool is(size_t i, std::string_view word) const;
  int64_t integer(size_t i, const char* error = kNoInteger) const { return to_integer(words[i], error); }

  template <class T>
  T* find(const std::string& key) const {
    const Value* const found = keys.find(key, now);
    if (!found) return nullptr;
    if (!std::holds_alternative<T>(found->data)) refuse(kWrongType);
    // Who only reads leaves it alone.
    Value* const value = writes ? keys.find_to_change(key, now) : const_cast<Value*>(found);
    return &std::get<T>(value->data);
  }
  template <class T>
  T& make(const std::string& key) const {
    if (T* const data = find<T>(key)) return *data;
    return std::get<T>(keys.put(key, {T(), std::nullopt}).data);
  }
};

struct Command {
  std::string_view name;
  Answer (*run)(Call&);
  int arity;  // the command's name counts; negative: at least so many
  bool writes = false;
  bool in_scripts = true;
  bool many = false;    // what it answers are answers of their own: SUBSCRIBE
  bool always = false;  // also while data is loaded
};

std::span<const Command> string_commands();
std::span<const Command> hash_commands();
std::span<const Command> set_commands();
std::span<const Command> list_commands();  // and sorted sets
std::span<const Command> stream_commands();
std::span<const Command> group_commands();
std::span<const Command> server_commands();
// Null: the model does not know it.
const Command* find_command(std::string_view name);

// Shared by what has streams.
std::optional<StreamId> parse_stream_id(std::string_view text, uint64_t seq_if_missing);
Answer entry_answer(const StreamId& id, const Words& fields);
int64_t trim(StreamData& stream, bool by_length, std::string_view threshold);

}  // namespace gw::sim
