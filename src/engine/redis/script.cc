#include "engine/redis/script.h"

#include <algorithm>

#include "base/assert.h"
#include "base/digest.h"
#include "base/hex.h"

namespace gw::redis {
namespace {

// local a, b = KEYS[1], KEYS[2]
std::string locals(const std::vector<std::string_view>& names, std::string_view list) {
  if (names.empty()) return {};
  std::string left, right;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string_view comma = i == 0 ? "" : ", ";
    left += joined(comma, names[i]);
    right += joined(comma, list, "[", std::to_string(i + 1), "]");
  }
  return joined("local ", left, " = ", right, "\n");
}

std::string with_locals(const Takes& takes, std::string_view text) {
  return joined(takes.without_memory ? "#!lua flags=allow-oom\n" : "", locals(takes.keys, "KEYS"),
                locals(takes.arguments, "ARGV"), "local more = ", std::to_string(takes.arguments.size() + 1),
                "\n", text);
}

// prefix .. 'gateway:' .. a .. ':lease'
std::string expression(std::string_view prefix, std::string_view pattern, std::string_view a,
                       std::string_view b) {
  std::string out(prefix);
  while (!pattern.empty()) {
    const size_t at = std::min({pattern.find(kNameA), pattern.find(kNameB), pattern.size()});
    if (at > 0) out += joined(" .. '", pattern.substr(0, at), "'");
    if (at == pattern.size()) break;
    out += joined(" .. ", pattern.substr(at).starts_with(kNameA) ? a : b);
    pattern.remove_prefix(at + kNameA.size());
  }
  return out;
}

// A script says PUBLISH and NUMSUB. Their twins reach those who listen to this master, and no other node.
std::string with_sharded_pubsub(std::string text) {
  constexpr std::pair<std::string_view, std::string_view> kTwins[] = {{"'PUBLISH'", "'SPUBLISH'"},
                                                                      {"'NUMSUB'", "'SHARDNUMSUB'"}};
  for (const auto& [plain, sharded] : kTwins) {
    for (size_t at = text.find(plain); at != std::string::npos; at = text.find(plain, at + sharded.size())) {
      text.replace(at, plain.size(), sharded);
    }
  }
  return text;
}

std::string_view value_of(std::string_view name, size_t position, std::span<const Given> given) {
  // Most calls give them in the script's order.
  if (const Given& likely = given[position]; likely.name == name) return likely.value;
  const auto found =
      std::find_if(given.begin(), given.end(), [name](const Given& one) { return one.name == name; });
  ASSERT(found != given.end());
  return found->value;
}

}  // namespace

Script::Text::Text(std::string source, size_t key_count)
    : source_(std::move(source)), sha1_(sha1_hex(source_)), key_count_(std::to_string(key_count)) {}

Script::Script(Takes takes, std::string_view text)
    : takes_(std::move(takes)),
      on_server_(with_locals(takes_, text), takes_.keys.size()),
      on_cluster_(with_sharded_pubsub(on_server_.source()), takes_.keys.size() + 1) {}

std::vector<std::string_view> Script::call(std::span<const Given> given,
                                           std::span<const std::string_view> more,
                                           std::string_view guard_key) const {
  ASSERT(given.size() == takes_.keys.size() + takes_.arguments.size());
  const Text& text = guard_key.empty() ? on_server_ : on_cluster_;
  std::vector<std::string_view> words;
  words.reserve(4 + given.size() + more.size());
  for (const std::string_view word :
       {std::string_view("EVALSHA"), std::string_view(text.sha1()), std::string_view(text.key_count())}) {
    words.push_back(word);
  }
  size_t position = 0;
  for (const std::string_view name : takes_.keys) words.push_back(value_of(name, position++, given));
  if (!guard_key.empty()) words.push_back(guard_key);
  for (const std::string_view name : takes_.arguments) words.push_back(value_of(name, position++, given));
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

void run_script(Client& client, const Script& script, std::span<const Given> given, OnReply done) {
  client.command(script.call(given, {}, client.guard_key()), std::move(done));
}

void run_script(Client& client, const Script& script, std::initializer_list<Given> given, OnReply done) {
  run_script(client, script, std::span(given.begin(), given.size()), std::move(done));
}

void run_script(Client& client, const Script& script, std::initializer_list<Given> some,
                std::initializer_list<Given> others, OnReply done) {
  std::vector<Given> given(some);
  given.insert(given.end(), others.begin(), others.end());
  run_script(client, script, given, std::move(done));
}

void run_script(Client& client, const Script& script, std::initializer_list<Given> given,
                std::span<const std::string_view> more, OnReply done) {
  client.command(script.call(given, more, client.guard_key()), std::move(done));
}

std::string lua_name(std::string_view function, std::string_view pattern, std::string_view prefix) {
  return joined("local function ", function, "(a, b) return ", expression(prefix, pattern, "a", "b"),
                " end\n");
}

std::string lua_encode() {
  return R"lua(local function encode(user)
  return (string.gsub(user, '[^A-Za-z0-9._@+=-]', function(c) return string.format('%%%02X', string.byte(c)) end))
end
)lua";
}

std::string lua_local(std::string_view name, std::string_view pattern, std::string_view prefix) {
  return joined("local ", name, " = ", expression(prefix, pattern, "channel", ""), "\n");
}

}  // namespace gw::redis
