#include "config/webhook_settings.h"

#include "config/kinds.h"

namespace gw {
namespace {

SettingValue hosts() {
  auto value = kinds::list(
      kinds::Place<AllowedHosts>(&Config::webhooks, &WebhookOptions::hosts), {.max = 256},
      [](const std::string& text) { return AllowedHost::parse(text); },
      [](const AllowedHost& host) { return host.text(); }, std::equal_to<>());
  value.placeholder = "HOST,...";
  value.expected =
      "HOST[:PORT][=NETWORK], as hooks.example.org, *.example.org:8443 or agents.internal=10.0.0.0/8, or an "
      "IP "
      "address alone";
  return value;
}

}  // namespace

void add_webhook_settings(std::vector<Setting>& out) {
  const SettingGroup group = SettingGroup::agents;
  out.push_back(
      {"webhook-hosts", group,
       "Where webhooks may lead: to these hosts on the Internet, and to a network that an entry names",
       "there are no webhooks", hosts()});
  out.push_back({"webhook-ca-file", group, "Whose certificates an https:// callback must have",
                 "the system's", kinds::file({&Config::webhooks, &WebhookOptions::ca_file})});
  out.push_back({"webhook-timeout", group,
                 "From a request to a webhook to its answer's head, and of silence within the answer", "",
                 kinds::duration({&Config::webhooks, &WebhookOptions::timeout}, 100ms, 10min)});
  out.push_back({"webhook-attempts", group, "After so many a webhook's envelope is a dead letter", "",
                 kinds::count({&Config::webhooks, &WebhookOptions::attempts}, size_t{1}, size_t{100})});
}

}  // namespace gw
