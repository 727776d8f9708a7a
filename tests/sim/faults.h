// What goes wrong: each once, when it is called; what lasts heals by itself.
#pragma once

#include <cstddef>
#include <string_view>

namespace gw::sim {

class Scenario;

struct Fault {
  std::string_view name;
  void (*strike)(Scenario&);
};

size_t faults_known();
const Fault& fault(size_t index);
size_t find_fault(std::string_view name);

}  // namespace gw::sim
