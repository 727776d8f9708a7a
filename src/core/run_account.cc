#include "core/run_account.h"

#include "base/digest.h"
#include "base/hex.h"
#include "base/ip_machine.h"

namespace gw {
namespace {

// So many times what a user may is an address's.
constexpr size_t kAccountsPerAddress = 8;

}  // namespace

std::string stranger_account(const std::optional<IpAddress>& address, const std::string& who) {
  if (!address) return who;
  const IpAddress machine = machine_of(*address);
  const std::string_view bytes(reinterpret_cast<const char*>(machine.bytes.data()), machine.bytes.size());
  const size_t account = sha256(who)[0] % kAccountsPerAddress;
  return to_hex(sha256(bytes)).substr(0, 6) + "/" + std::to_string(account);
}

}  // namespace gw
