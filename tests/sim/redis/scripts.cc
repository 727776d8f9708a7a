#include "sim/redis/scripts.h"

#include <lua5.1/lua.hpp>

#include <cmath>
#include <cstdio>
#include <stdexcept>

#include "base/digest.h"
#include "sim/redis/server.h"

namespace gw::sim {
namespace {

// A script that reads or writes a global is a mistake, here as there.
constexpr const char* kLibrary = R"lua(
cjson = require('cjson')
function redis.error_reply(text) return {err = text} end
function redis.status_reply(text) return {ok = text} end
setmetatable(_G, {
  __index = function(_, name) error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2) end,
  __newindex = function(_, name) error("Attempt to modify a readonly table", 2) end,
})
)lua";

void push_text(lua_State* lua, const std::string& text) { lua_pushlstring(lua, text.data(), text.size()); }

void push_field(lua_State* lua, const char* name, const std::string& text) {
  lua_newtable(lua);
  push_text(lua, text);
  lua_setfield(lua, -2, name);
}

// https://redis.io/docs/latest/develop/interact/programmability/lua-api/#data-type-conversion
void push(lua_State* lua, const Answer& answer) {
  switch (answer.kind) {
    case Answer::Kind::nil: return lua_pushboolean(lua, 0);
    case Answer::Kind::integer: return lua_pushnumber(lua, static_cast<lua_Number>(answer.number));
    case Answer::Kind::bulk: return push_text(lua, answer.text);
    case Answer::Kind::status: return push_field(lua, "ok", answer.text);
    case Answer::Kind::error: return push_field(lua, "err", answer.text);
    case Answer::Kind::array: break;
  }
  luaL_checkstack(lua, 4, "an answer too deep");
  lua_createtable(lua, static_cast<int>(answer.items.size()), 0);
  for (size_t i = 0; i < answer.items.size(); ++i) {
    push(lua, answer.items[i]);
    lua_rawseti(lua, -2, static_cast<int>(i) + 1);
  }
}

std::string text_at(lua_State* lua, int at) {
  size_t size = 0;
  const char* const text = lua_tolstring(lua, at, &size);
  return text ? std::string(text, size) : std::string();
}

Answer to_answer(lua_State* lua);

Answer table_to_answer(lua_State* lua) {
  for (const char* const name : {"err", "ok"}) {
    lua_pushstring(lua, name);
    lua_rawget(lua, -2);
    const bool is_it = lua_type(lua, -1) == LUA_TSTRING;
    std::string text = text_at(lua, -1);
    lua_pop(lua, 1);
    if (is_it) return name[0] == 'e' ? Answer::error(std::move(text)) : Answer::status(std::move(text));
  }
  Answers out;
  for (int i = 1;; ++i) {
    lua_rawgeti(lua, -1, i);
    if (lua_isnil(lua, -1)) break;
    out.push_back(to_answer(lua));
    lua_pop(lua, 1);
  }
  lua_pop(lua, 1);
  return out;
}

// What lies on top, which stays there.
Answer to_answer(lua_State* lua) {
  switch (lua_type(lua, -1)) {
    case LUA_TNUMBER: return static_cast<int64_t>(lua_tonumber(lua, -1));
    case LUA_TSTRING: return text_at(lua, -1);
    case LUA_TBOOLEAN: return lua_toboolean(lua, -1) ? Answer(int64_t{1}) : Answer();
    case LUA_TTABLE: return table_to_answer(lua);
    default: return {};
  }
}

std::string word_at(lua_State* lua, int at) {
  if (lua_type(lua, at) != LUA_TNUMBER) return text_at(lua, at);
  char text[64];
  std::snprintf(text, sizeof(text), "%.17g", lua_tonumber(lua, at));
  return text;
}

Scripts*& owner_of(lua_State* lua) {
  lua_getfield(lua, LUA_REGISTRYINDEX, "gateway_scripts");
  auto** const owner = static_cast<Scripts**>(lua_touserdata(lua, -1));
  lua_pop(lua, 1);
  return *owner;
}

}  // namespace

Scripts::Scripts() : lua_(luaL_newstate()) {
  luaL_openlibs(lua_);
  *static_cast<Scripts**>(lua_newuserdata(lua_, sizeof(Scripts*))) = this;
  lua_setfield(lua_, LUA_REGISTRYINDEX, "gateway_scripts");
  lua_newtable(lua_);
  lua_pushcfunction(lua_, call_or_fail);
  lua_setfield(lua_, -2, "call");
  lua_pushcfunction(lua_, call_protected);
  lua_setfield(lua_, -2, "pcall");
  lua_setglobal(lua_, "redis");
  if (luaL_dostring(lua_, kLibrary) != 0) throw std::runtime_error("Lua: " + text_at(lua_, -1));
}

Scripts::~Scripts() { lua_close(lua_); }

std::string Scripts::load(const std::string& text) {
  std::string sha1 = sha1_hex(text);
  if (compiled_.contains(sha1)) return sha1;
  // Redis takes a first line that begins so for itself.
  std::string source = text;
  if (source.starts_with("#!")) source.erase(0, std::min(source.find('\n'), source.size()));
  if (luaL_loadbuffer(lua_, source.data(), source.size(), "@user_script") != 0) {
    const std::string error = text_at(lua_, -1);
    lua_pop(lua_, 1);
    refuse("ERR Error compiling script (new function): " + error);
  }
  compiled_[sha1] = luaL_ref(lua_, LUA_REGISTRYINDEX);
  return sha1;
}

void Scripts::set_arguments(const char* name, const Words& words, size_t begin, size_t end) {
  lua_pushstring(lua_, name);
  lua_createtable(lua_, static_cast<int>(end - begin), 0);
  for (size_t i = begin; i < end; ++i) {
    push_text(lua_, words[i]);
    lua_rawseti(lua_, -2, static_cast<int>(i - begin) + 1);
  }
  lua_rawset(lua_, LUA_GLOBALSINDEX);
}

Answer Scripts::run(Call& call, const std::string& sha1) {
  const auto keys = static_cast<size_t>(call.integer(2));
  if (keys + 3 > call.size()) refuse("ERR Number of keys can't be greater than number of args");
  set_arguments("KEYS", call.words, 3, 3 + keys);
  set_arguments("ARGV", call.words, 3 + keys, call.size());
  lua_rawgeti(lua_, LUA_REGISTRYINDEX, compiled_.at(sha1));
  running_ = &call;
  const bool failed = lua_pcall(lua_, 0, 1, 0) != 0;
  running_ = nullptr;
  Answer answer = failed && lua_type(lua_, -1) == LUA_TSTRING ? Answer::error("ERR " + text_at(lua_, -1))
                                                              : to_answer(lua_);
  lua_pop(lua_, 1);
  return answer;
}

// Lua's errors jump over C++ frames: what raises one holds no objects.
int Scripts::call_or_fail(lua_State* lua) {
  if (!call_command(lua)) return lua_error(lua);
  return 1;
}

int Scripts::call_protected(lua_State* lua) {
  call_command(lua);
  return 1;
}

// Leaves the answer on the stack; false: it is an error.
bool Scripts::call_command(lua_State* lua) {
  Call& call = *owner_of(lua)->running_;
  Words words;
  for (int i = 1; i <= lua_gettop(lua); ++i) words.push_back(word_at(lua, i));
  const Answer answer =
      words.empty() ? Answer::error("ERR Please specify at least one argument for this redis.call() call")
                    : call.server.execute(call.client, words, true);
  push(lua, answer);
  return !answer.is_error();
}

}  // namespace gw::sim
