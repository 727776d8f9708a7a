#include "sim/redis/command.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>

namespace gw::sim {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

}  // namespace

bool Call::is(size_t i, std::string_view word) const {
  return i < words.size() && lower(words[i]) == lower(word);
}

int64_t to_integer(std::string_view text, const char* error) {
  int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, value);
  if (problem != std::errc() || stop != end) refuse(error);
  return value;
}

const Command* find_command(std::string_view name) {
  static const auto all = [] {
    std::unordered_map<std::string, const Command*> commands;
    for (const auto& group : {string_commands(), hash_commands(), set_commands(), list_commands(),
                              stream_commands(), group_commands(), server_commands()}) {
      for (const Command& command : group) commands.emplace(command.name, &command);
    }
    return commands;
  }();
  const auto it = all.find(lower(name));
  return it == all.end() ? nullptr : it->second;
}

}  // namespace gw::sim
