// For tests and fuzzers: what a parser says about a conversation, one line an event.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "ws/parser.h"

namespace gw::ws {

using Transcript = std::vector<std::string>;

inline std::string describe(const Event& event) {
  const std::string text = '"' + std::string(event.text) + '"';
  switch (event.kind) {
    case Event::Kind::none: return "none";
    case Event::Kind::message: return "message " + text;
    case Event::Kind::ping: return "ping " + text;
    case Event::Kind::pong: return "pong " + text;
    case Event::Kind::close: return "close " + std::to_string(event.code) + ' ' + text;
    case Event::Kind::error: return "error " + std::to_string(event.code) + ' ' + text;
  }
  return "?";
}

// A parser and what it has said so far.
class Listener {
 public:
  explicit Listener(const ParserOptions& options = {}) : parser_(options) {}

  // Each piece lives in a block of its own size for this call alone, so that a sanitizer sees a byte read
  // beyond it or after it.
  void hear(std::string_view piece) {
    std::vector<char> bytes(piece.begin(), piece.end());
    std::span<char> input(bytes);
    while (true) {
      const Event event = parser_.next(input, scratch_);
      bytes_kept_max_ = std::max(bytes_kept_max_, parser_.bytes_kept());
      if (event.kind == Event::Kind::none) break;
      transcript_.push_back(describe(event));
    }
  }

  const Transcript& transcript() const { return transcript_; }
  Parser& parser() { return parser_; }
  size_t bytes_kept_max() const { return bytes_kept_max_; }

 private:
  Parser parser_;
  Scratch scratch_;
  Transcript transcript_;
  size_t bytes_kept_max_ = 0;
};

}  // namespace gw::ws
