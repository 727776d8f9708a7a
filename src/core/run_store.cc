#include "core/run_store.h"

#include <charconv>

namespace gw {
namespace {

constexpr char kPlace = '@';  // begins no run's id

}  // namespace

std::string run_list_place(uint64_t number) { return kPlace + std::to_string(number); }

std::optional<uint64_t> parse_run_list_place(std::string_view after) {
  if (after.empty() || after.front() != kPlace) return {};
  uint64_t number = 0;
  const char* const end = after.data() + after.size();
  const auto [last, problem] = std::from_chars(after.data() + 1, end, number);
  return problem == std::errc() && last == end ? std::optional(number) : std::nullopt;
}

}  // namespace gw
