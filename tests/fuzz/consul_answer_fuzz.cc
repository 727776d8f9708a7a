// Consul's answers, and what is told back: neither may surprise the registrar.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "json/json.h"
#include "ops/consul_service.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gw;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  if (const Result<consul::Known> known = consul::parse_known(body)) {
    ASSERT(json::parse_object(consul::registration_json(known->service, {}, true)));
  }
  if (const auto instances = consul::parse_instances(body)) {
    ASSERT(instances->size() <= consul::kInstancesMax);
    for (const consul::Instance& instance : *instances) {
      ASSERT(instance.url.starts_with("ws://") || instance.url.starts_with("wss://"));
      ASSERT(instance.url.find_first_of("\"\\ \r\n") == std::string::npos);
    }
  }
  return 0;
}
