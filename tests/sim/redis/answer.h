// What a command answers, before it becomes bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gw::sim {

struct Answer {
  enum class Kind : uint8_t { nil, integer, bulk, status, error, array };

  Kind kind = Kind::nil;
  int64_t number = 0;
  std::string text;
  std::vector<Answer> items;

  Answer() = default;
  Answer(int64_t value) : kind(Kind::integer), number(value) {}
  Answer(size_t value) : Answer(static_cast<int64_t>(value)) {}
  Answer(std::string value) : kind(Kind::bulk), text(std::move(value)) {}
  Answer(std::vector<Answer> values) : kind(Kind::array), items(std::move(values)) {}
  static Answer status(std::string text) { return make(Kind::status, std::move(text)); }
  static Answer error(std::string text) { return make(Kind::error, std::move(text)); }

  bool is_error() const { return kind == Kind::error; }
  void append_to(std::string& out) const;
  // For a reader: in one line.
  std::string shown() const;
  friend bool operator==(const Answer&, const Answer&) = default;

 private:
  static Answer make(Kind kind, std::string text) {
    Answer answer;
    answer.kind = kind;
    answer.text = std::move(text);
    return answer;
  }
};

using Answers = std::vector<Answer>;

// Thrown by a command that refuses, caught by whoever runs it.
struct Refused {
  Answer answer;
};

[[noreturn]] inline void refuse(std::string text) { throw Refused{Answer::error(std::move(text))}; }

}  // namespace gw::sim
