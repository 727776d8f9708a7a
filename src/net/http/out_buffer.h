// What a connection has to send, in pieces of about 64 KiB: as more comes and some of it leaves, none of it
// is moved, and what has left is given back. Empty, and never used, it owns no heap memory. Control loop
// only.
#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <string_view>

namespace gw::http {

class OutBuffer {
 public:
  // What is appended to it is sent after all that is here. Until the next call of any other function.
  std::string& tail();

  // Bytes that have not been consumed.
  size_t size() const {
    return first_.size() - consumed_ + between_ + (rest_.empty() ? 0 : rest_.back().size());
  }
  bool empty() const { return size() == 0; }
  // What lies in one piece at the front; not empty while the buffer is not. Until tail() is appended to, or
  // consume().
  std::string_view front() const { return std::string_view(first_).substr(consumed_); }
  // At most front().size().
  void consume(size_t bytes);
  // Gives back what it holds.
  void clear();
  // Of one that is empty: gives back what it holds, if that is more.
  void retain(size_t bytes_max);

 private:
  std::string first_;
  size_t consumed_ = 0;  // of first_
  std::list<std::string> rest_;
  size_t between_ = 0;  // bytes in rest_, without the last
};

}  // namespace gw::http
