// Tells news from what a client may repeat at will, so that each is logged once.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace gw {

class News {
 public:
  // When so many are known, nothing is new any more.
  static constexpr size_t kKnownMax = 200;
  static constexpr size_t kKeptMax = 200;  // of a text from outside

  bool is_new(std::string_view reason, std::string_view whose) {
    if (known_.size() >= kKnownMax) return false;
    return known_.insert(std::string(reason) + ' ' + std::string(whose.substr(0, kKeptMax))).second;
  }

 private:
  std::set<std::string> known_;
};

}  // namespace gw
