#include "config/manual.h"

#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "config/program_flags.h"
#include "config/settings.h"

namespace gw {
namespace {

constexpr std::string_view kDescription = R"(.SH DESCRIPTION
Takes WebSocket connections of browsers, brings what they say to agents, and what agents answer to them.
Agents and back ends speak HTTP, MCP or Redis.
With
.B \-\-engine redis
any number of gateways on one Redis act as one.
.PP
Without an API key the gateway listens on loopback only, makes a key at start and prints it.
A key is no flag, since others can read a command line: see
.BR ENVIRONMENT .
)";

constexpr std::string_view kSettings = R"(.SH SETTINGS
Every setting can be a flag
.RB ( "\-\-queue\-age 5m" ),
a variable
.RB ( GATEWAY_QUEUE_AGE=5m )
or a key of the settings file
.RB ( "queue_age = \(dq5m\(dq" ).
Flags come before variables, variables before the file.
Lists take commas.
A TIME is seconds, or has a unit: 500ms, 30s, 5m, 2h.
A SIZE is bytes, or has a unit: 64KiB, 16MiB, 1GiB; powers of 1024.
)";

constexpr std::string_view kRest = R"(.SH ENVIRONMENT
.TP
.BR GATEWAY_API_KEY ", " GATEWAY_API_KEY_FILE
One key that may do everything, or the file that holds it.
.TP
.BR GATEWAY_REDIS_URL_FILE ", " GATEWAY_CONSUL_TOKEN_FILE
Files with the address of Redis and the token for Consul.
.TP
.B GATEWAY_CONFIG
The settings file.
.TP
.B OTEL_*
The variables of OpenTelemetry's specification.
.SH FILES
.TP
.I /etc/websocket\-gateway.toml
The settings file of the service.
.TP
.I /etc/websocket\-gateway.env
Variables of the service, for secrets.
.SH SIGNALS
.TP
.BR SIGTERM ", " SIGINT
Drain: clients are sent away in a spread, agents finish, and the gateway exits.
A second one ends it at once.
.SH EXIT STATUS
0 drained, 2 wrong settings, 1 anything else.
)";

// As troff reads it back: a dash stays one that can be searched for, and no line becomes a request.
std::string escaped(std::string_view text) {
  std::string out;
  if (text.starts_with('.') || text.starts_with('\'')) out = "\\&";
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

std::string entry(std::string_view name, std::string_view value, const std::string& text) {
  std::string out = ".TP\n\\fB" + escaped(name) + "\\fR";
  if (!value.empty()) out += " \\fI" + escaped(value) + "\\fR";
  return out + "\n" + text;
}

std::string setting_entry(const Setting& setting) {
  const SettingValue& value = setting.value;
  std::string text = escaped(setting.doc) + ".\n";
  text += "Takes " + escaped(value.expected) +
          (value.form == SettingValue::Form::list ? "; can be given again" : "") + ".\n";
  std::string standard;
  for (const std::string& each : value.show(Config{})) standard += (standard.empty() ? "" : ", ") + each;
  text += "Default: " + escaped(standard.empty() ? std::string(setting.when_empty) : standard) + ".\n";
  return entry(setting.flag(), value.placeholder, text);
}

std::string setting_entries() {
  std::string out;
  for (size_t i = 0; i < kSettingGroups; ++i) {
    const auto group = static_cast<SettingGroup>(i);
    out += ".SS " + escaped(title(group)) + "\n";
    for (const Setting& setting : settings()) {
      if (setting.group == group) out += setting_entry(setting);
    }
  }
  return out;
}

std::string program_entries() {
  std::string out = ".SH OTHER OPTIONS\n";
  for (const ProgramFlag& flag : kProgramFlags) {
    const std::string letter = flag.letter != '\0' ? fmt::format("-{}, ", flag.letter) : "";
    out += entry(fmt::format("{}--{}", letter, flag.name), flag.value, escaped(flag.doc) + ".\n");
  }
  return out;
}

}  // namespace

std::string manual_page(const std::string& version) {
  std::string out = fmt::format(".TH WEBSOCKET\\-GATEWAY 1 \"\" \"websocket\\-gateway {}\"\n", version);
  out += ".ad l\n";  // some words are longer than half a line
  out += ".SH NAME\nwebsocket\\-gateway \\- a WebSocket gateway between browsers and AI agents\n";
  out += ".SH SYNOPSIS\n\\fBwebsocket\\-gateway\\fR [\\fB\\-\\-config\\fR \\fIFILE\\fR] [\\fIsettings\\fR]\n";
  out += kDescription;
  out += kSettings;
  out += setting_entries();
  out += program_entries();
  out += kRest;
  return out;
}

}  // namespace gw
