// The deleter of a std::unique_ptr for what a C library makes: FreeWith<X509_free>.
#pragma once

namespace gw {

template <auto free_it>
struct FreeWith {
  template <class T>
  void operator()(T* it) const {
    free_it(it);
  }
};

}  // namespace gw
