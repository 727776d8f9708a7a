// How many of something each address has, with a bound.
#pragma once

#include <cstddef>
#include <unordered_map>

#include "base/ip_machine.h"

namespace gw {

class AddressCounts {
 public:
  // 0: no bound.
  explicit AddressCounts(size_t max) : max_(max) {}

  void set_most(size_t max) { max_ = max; }
  void add(const IpAddress& address) { ++counts_[machine_of(address)]; }
  // One that was added.
  void remove(const IpAddress& address) {
    const auto found = counts_.find(machine_of(address));
    if (--found->second == 0) counts_.erase(found);
  }
  // Whether it has more than it may, `times` over.
  bool is_over(const IpAddress& address, size_t times = 1) const {
    if (max_ == 0) return false;
    const auto found = counts_.find(machine_of(address));
    return found != counts_.end() && found->second > max_ * times;
  }

 private:
  size_t max_;
  std::unordered_map<IpAddress, size_t, IpAddressHash> counts_;
};

}  // namespace gw
