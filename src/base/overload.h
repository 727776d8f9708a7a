// One visitor out of several lambdas, for std::visit.
#pragma once

namespace gw {

template <class... Fs>
struct Overload : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overload(Fs...) -> Overload<Fs...>;

}  // namespace gw
