// Runs our own scripts, as Redis does: Lua 5.1 with redis.call and cjson.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "sim/redis/command.h"

struct lua_State;

namespace gw::sim {

class Scripts {
 public:
  Scripts();
  ~Scripts();
  Scripts(const Scripts&) = delete;
  Scripts& operator=(const Scripts&) = delete;

  // Compiles it, once. Answers its hash; refuses what does not compile.
  std::string load(const std::string& text);
  // EVALSHA sha1 numkeys [key ...] [arg ...]: `call` is that command.
  Answer run(Call& call, const std::string& sha1);

 private:
  static int call_or_fail(lua_State* lua);
  static int call_protected(lua_State* lua);
  static bool call_command(lua_State* lua);
  void set_arguments(const char* name, const Words& words, size_t begin, size_t end);
  void add_library();

  lua_State* const lua_;
  std::map<std::string, int> compiled_;  // sha1 -> reference in the registry
  Call* running_ = nullptr;
};

}  // namespace gw::sim
