// A text that is set as a whole, and costs a pointer where it is empty: for records of which there are many,
// with many texts that most of them do not have.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>

namespace gw {

class LeanText {
 public:
  LeanText() = default;
  LeanText(std::string_view text) : data_(store(text)) {}
  LeanText(const std::string& text) : LeanText(std::string_view(text)) {}
  LeanText(const char* text) : LeanText(std::string_view(text)) {}
  LeanText(const LeanText& other) : LeanText(other.view()) {}
  LeanText(LeanText&&) noexcept = default;
  LeanText& operator=(LeanText other) noexcept {
    data_ = std::move(other.data_);
    return *this;
  }

  bool empty() const { return !data_; }
  size_t size() const { return view().size(); }
  std::string_view view() const {
    if (!data_) return {};
    uint32_t size = 0;
    std::memcpy(&size, data_.get(), sizeof size);
    return {data_.get() + sizeof size, size};
  }
  std::string str() const { return std::string(view()); }
  operator std::string_view() const { return view(); }
  operator std::string() const { return str(); }

  friend bool operator==(const LeanText& a, const LeanText& b) { return a.view() == b.view(); }
  friend bool operator==(const LeanText& a, std::string_view b) { return a.view() == b; }
  friend bool operator==(const LeanText& a, const std::string& b) { return a.view() == b; }
  friend bool operator==(const LeanText& a, const char* b) { return a.view() == b; }
  friend std::ostream& operator<<(std::ostream& out, const LeanText& text) { return out << text.view(); }

 private:
  static std::unique_ptr<char[]> store(std::string_view text) {
    if (text.empty()) return nullptr;
    const auto size = static_cast<uint32_t>(text.size());
    auto data = std::make_unique_for_overwrite<char[]>(sizeof size + size);
    std::memcpy(data.get(), &size, sizeof size);
    std::copy(text.begin(), text.end(), data.get() + sizeof size);
    return data;
  }

  std::unique_ptr<char[]> data_;  // its size, then its bytes; null: empty
};

}  // namespace gw
