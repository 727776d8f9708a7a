// A Lua script: what has to be one step in Redis. It says by which names it takes its keys and arguments and
// finds them as locals; whoever runs it gives them by those names, in any order.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/redis/client.h"

namespace gw::redis {

struct Takes {
  // Whatever is known before the script runs; never empty. They are of one slot.
  std::vector<std::string_view> keys = {};
  std::vector<std::string_view> arguments = {};
  // It runs where Redis has no memory left, too.
  bool without_memory = false;
};

struct Given {
  std::string_view name;
  std::string_view value;
};

class Script {
 public:
  // As one server is given it, and a node of a cluster, where Pub/Sub is the shard's.
  class Text {
   public:
    Text(std::string source, size_t key_count);
    const std::string& source() const { return source_; }
    const std::string& sha1() const { return sha1_; }
    const std::string& key_count() const { return key_count_; }

   private:
    const std::string source_;
    const std::string sha1_;
    const std::string key_count_;
  };

  // What is given beyond the arguments begins, for `text`, at ARGV[more].
  Script(Takes takes, std::string_view text);
  const std::string& source(bool on_cluster = false) const {
    return (on_cluster ? on_cluster_ : on_server_).source();
  }
  // EVALSHA and all that it needs. Each name is given once. `guard_key` of a cluster's connection, else
  // empty.
  std::vector<std::string_view> call(std::span<const Given> given, std::span<const std::string_view> more,
                                     std::string_view guard_key = {}) const;
  std::vector<std::string_view> call(std::initializer_list<Given> given,
                                     std::span<const std::string_view> more,
                                     std::string_view guard_key = {}) const {
    return call(std::span(given.begin(), given.size()), more, guard_key);
  }

 private:
  const Takes takes_;
  const Text on_server_;
  const Text on_cluster_;
};

void run_script(Client& client, const Script& script, std::span<const Given> given, OnReply done);
void run_script(Client& client, const Script& script, std::initializer_list<Given> given, OnReply done);
// Some that are given in one place, and others in another.
void run_script(Client& client, const Script& script, std::initializer_list<Given> some,
                std::initializer_list<Given> others, OnReply done);
void run_script(Client& client, const Script& script, std::initializer_list<Given> given,
                std::span<const std::string_view> more, OnReply done);

// So that no script spells a name of keys.h: `pattern` is that name, by Keys("", "", 0), of kNameA and
// kNameB.
inline constexpr std::string_view kNameA = "=1=", kNameB = "=2=";
// A Lua function that makes such a name of what the script finds in Redis. It needs what that begins with.
std::string lua_name(std::string_view function, std::string_view pattern, std::string_view prefix = "prefix");
// The Lua function encode(user): a user id as a part of a name (base/user_id.h).
std::string lua_encode();
// A Lua local, `name`, that is the name for the local `channel`. It needs that one, and what it begins with.
std::string lua_local(std::string_view name, std::string_view pattern, std::string_view prefix = "prefix");

template <class... Parts>
std::string joined(const Parts&... parts) {
  std::string out;
  (out.append(parts), ...);
  return out;
}

}  // namespace gw::redis
