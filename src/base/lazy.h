// A part of something that most of its kind do not have: it is made when it is first written to, and reads as
// T() before.
#pragma once

#include <memory>

namespace gw {

template <class T>
class Lazy {
 public:
  Lazy() = default;
  Lazy(const Lazy& other) : made_(other.made_ ? std::make_unique<T>(*other.made_) : nullptr) {}
  Lazy(Lazy&&) noexcept = default;
  Lazy& operator=(Lazy other) noexcept {
    made_ = std::move(other.made_);
    return *this;
  }

  const T* operator->() const { return &**this; }
  const T& operator*() const {
    static const T kNone;
    return made_ ? *made_ : kNone;
  }
  explicit operator bool() const { return made_ != nullptr; }
  T& make() {
    if (!made_) made_ = std::make_unique<T>();
    return *made_;
  }
  void reset() { made_.reset(); }
  // One of its members; one that is as it was makes nothing.
  template <class M, class V>
  void set(M T::*member, V&& value) {
    if (made_ || !((**this).*member == value)) make().*member = std::forward<V>(value);
  }

 private:
  std::unique_ptr<T> made_;
};

}  // namespace gw
