// Words of a command: lent, or made for it.
#pragma once

#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gw::redis {

class Words {
 public:
  // `text` outlives this.
  void lend(std::string_view text) { words_.push_back(text); }
  void keep(std::string text) { words_.push_back(texts_.emplace_back(std::move(text))); }
  std::span<const std::string_view> all() const { return words_; }

 private:
  std::deque<std::string> texts_;
  std::vector<std::string_view> words_;
};

}  // namespace gw::redis
