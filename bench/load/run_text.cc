#include "load/run_text.h"

#include <string>

namespace gw::bench {
namespace {

constexpr size_t kPeriod = 1'048'573;  // a prime, so that no run's text begins where another's does
constexpr size_t kStride = 7'919;

std::string make_letters() {
  std::string letters(kPeriod + kRunTextMax, 'a');
  uint64_t state = 88172645463325252;
  for (size_t i = 0; i < kPeriod; ++i) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    letters[i] = static_cast<char>('a' + state % 26);
  }
  for (size_t i = kPeriod; i < letters.size(); ++i) letters[i] = letters[i - kPeriod];
  return letters;
}

}  // namespace

std::string_view run_text(size_t run, uint64_t from, size_t length) {
  static const std::string letters = make_letters();
  return std::string_view(letters).substr((run * kStride + from) % kPeriod, length);
}

}  // namespace gw::bench
