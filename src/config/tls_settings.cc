#include "config/tls_settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/kinds.h"
#include "config/values.h"

namespace gw {
namespace {

constexpr auto kExpiresSoon = std::chrono::hours(24 * 7);

SettingValue files(std::vector<std::string> Config::*member, std::string expected) {
  auto value = kinds::list(
      member, {.max = 64},
      [](const std::string& text) { return text.empty() ? std::nullopt : std::optional(text); },
      [](const std::string& text) { return text; }, [](const auto&, const auto&) { return false; });
  value.placeholder = "FILE,...";
  value.expected = std::move(expected);
  return value;
}

// Empty: its time is now, and for a while.
std::string fault_of_times(const TlsCertificate& certificate, WallTime now) {
  if (now >= certificate.valid_until()) return "has expired at " + iso8601(certificate.valid_until());
  if (now < certificate.valid_from()) return "is not valid before " + iso8601(certificate.valid_from());
  if (now + kExpiresSoon < certificate.valid_until()) return {};
  return "expires at " + iso8601(certificate.valid_until());
}

bool has_tls_listener(const std::vector<ListenAddress>& addresses) {
  return std::any_of(addresses.begin(), addresses.end(), [](const ListenAddress& a) { return a.tls; });
}

}  // namespace

void add_tls_settings(std::vector<Setting>& out) {
  const SettingGroup group = SettingGroup::addresses;
  out.push_back({"tls-certificate", group,
                 "Certificates for addresses with ?tls behind them, each with its chain; the name that a "
                 "client asks for picks one, and the first is for all others",
                 "none", files(&Config::tls_certificate_files, "files of PEM")});
  out.push_back({"tls-key", group, "Their private keys, in the same order", "none",
                 files(&Config::tls_key_files, "files of PEM without a passphrase")});
}

void read_tls_certificates(Config& config, const ReadFile& read_file, const Provenance& where,
                           std::vector<std::string>& problems) {
  const auto& chains = config.tls_certificate_files;
  const auto& keys = config.tls_key_files;
  if (chains.size() != keys.size())
    return problems.push_back(fmt::format("{}: {} given; expected as many as tls-certificate has, {}",
                                          where("tls-key"), keys.size(), chains.size()));
  std::vector<TlsCertificate> certificates;
  for (size_t i = 0; i < chains.size(); ++i) {
    const auto refuse = [&](std::string_view setting, const std::string& path, const Error& error) {
      problems.push_back(where(setting) + ": " + plain_or_quoted(path) + ": " + error.detail);
    };
    const Result<std::string> chain = read_file(chains[i]);
    const Result<std::string> key = read_file(keys[i]);
    if (!chain) refuse("tls-certificate", chains[i], chain.error());
    if (!key) refuse("tls-key", keys[i], key.error());
    if (!chain || !key) continue;
    Result<TlsCertificate> made = TlsCertificate::parse(*chain, *key);
    const std::string both = plain_or_quoted(chains[i]) + " with " + plain_or_quoted(keys[i]);
    if (!made) {
      problems.push_back(where("tls-certificate") + ": " + both + ": " + made.error().detail);
      continue;
    }
    certificates.push_back(std::move(*made));
  }
  if (!certificates.empty() && certificates.size() == chains.size())
    config.tls = std::make_shared<const TlsContext>(std::move(certificates));
}

std::vector<std::string> certificate_warnings(const Config& config, WallTime now) {
  std::vector<std::string> out;
  for (size_t i = 0; config.tls && i < config.tls->certificates().size(); ++i) {
    const std::string fault = fault_of_times(config.tls->certificates()[i], now);
    if (!fault.empty())
      out.push_back("tls-certificate: " + plain_or_quoted(config.tls_certificate_files[i]) + ": " + fault);
  }
  return out;
}

void check_tls(Config& config, const Provenance& where, std::vector<std::string>& problems) {
  for (const auto& [name, addresses] :
       {std::pair{"listen", &config.listen}, {"ops-listen", &config.ops_listen}}) {
    for (const ListenAddress& address : *addresses)
      if (address.tls && config.tls_certificate_files.empty())
        problems.push_back(
            fmt::format("{}: {}: there is no certificate for it; name one with "
                        "tls-certificate, and its key with tls-key",
                        where(name), address.text()));
  }
  if (!config.tls_certificate_files.empty() && !has_tls_listener(config.listen) &&
      !has_tls_listener(config.ops_listen))
    config.warnings.push_back(where("tls-certificate") +
                              ": has no effect; write ?tls behind an address in listen or ops-listen");
}

}  // namespace gw
