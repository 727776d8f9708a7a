#include "net/listen_address.h"

#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/overload.h"

namespace gw {
namespace {

constexpr size_t kPathBytesMax = sizeof(sockaddr_un::sun_path) - 1;
constexpr size_t kNameBytesMax = 255;  // systemd.socket(5)
constexpr uint32_t kModeMax = 0777;

bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

std::optional<uint32_t> parse_mode(std::string_view digits) {
  uint32_t mode = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), mode, 8);
  if (error != std::errc{} || end != digits.data() + digits.size() || mode > kModeMax) return std::nullopt;
  return mode;
}

std::string octal(uint32_t mode) {
  char digits[8];
  const auto end = std::to_chars(digits, digits + sizeof(digits), mode, 8).ptr;
  return "0" + std::string(digits, end);
}

Error refusal(std::string why) { return Error{Errc::invalid_argument, std::move(why)}; }

Result<UnixPath> parse_path(std::string_view path) {
  if (!path.starts_with('/') || path.ends_with('/') || !is_visible(path))
    return refusal("expected an absolute path behind unix:, as unix:/run/websocket-gateway/ws.sock");
  if (path.size() > kPathBytesMax) {
    return refusal("has " + std::to_string(path.size()) + " bytes; the path of a Unix socket has at most " +
                   std::to_string(kPathBytesMax));
  }
  return UnixPath{std::string(path)};
}

Result<PassedSocket> parse_passed(std::string_view name) {
  if (name.empty() || name.size() > kNameBytesMax || !is_visible(name) || name.find(':') != name.npos)
    return refusal("expected the FileDescriptorName of a socket behind systemd:, or systemd alone");
  return PassedSocket{std::string(name)};
}

Result<ListenAddress> parse_place(std::string_view text) {
  constexpr std::string_view kUnix = "unix:";
  constexpr std::string_view kSystemd = "systemd";
  if (text.starts_with(kUnix)) {
    Result<UnixPath> path = parse_path(text.substr(kUnix.size()));
    if (!path) return path.error();
    return ListenAddress{std::move(*path)};
  }
  if (text == kSystemd) return ListenAddress{PassedSocket{}};
  if (text.starts_with(kSystemd) && text[kSystemd.size()] == ':') {
    Result<PassedSocket> passed = parse_passed(text.substr(kSystemd.size() + 1));
    if (!passed) return passed.error();
    return ListenAddress{std::move(*passed)};
  }
  const std::optional<SocketAddress> address = SocketAddress::parse(text);
  if (address) return ListenAddress{*address};
  return refusal(
      "expected HOST:PORT with an IP address or localhost, as 127.0.0.1:8000, 0.0.0.0:8000 or [::1]:8000; or "
      "unix:/PATH, or systemd[:NAME]");
}

Result<void> take_option(ListenAddress& address, std::string_view option) {
  constexpr std::string_view kMode = "mode=";
  if (option == "proxy_protocol") {
    address.proxy_protocol = true;
    return {};
  }
  if (option == "tls") {
    address.tls = true;
    return {};
  }
  auto* const path = std::get_if<UnixPath>(&address.place);
  if (!option.starts_with(kMode) || !path)
    return refusal("expected tls or proxy_protocol behind the ?, or mode=0660 of a unix: path");
  const std::optional<uint32_t> mode = parse_mode(option.substr(kMode.size()));
  if (!mode) return refusal("expected a mode of octal digits from 0 to 0777, as mode=0660");
  path->mode = *mode;
  return {};
}

}  // namespace

Result<ListenAddress> ListenAddress::parse(std::string_view text) {
  const size_t question = text.find('?');
  Result<ListenAddress> address = parse_place(text.substr(0, question));
  if (!address || question == std::string_view::npos) return address;
  std::string_view rest = text.substr(question + 1);
  while (true) {
    const size_t ampersand = rest.find('&');
    if (const auto taken = take_option(*address, rest.substr(0, ampersand)); !taken) return taken.error();
    if (ampersand == std::string_view::npos) return address;
    rest.remove_prefix(ampersand + 1);
  }
}

std::string ListenAddress::text() const {
  std::string out;
  std::string options;
  std::visit(Overload{
                 [&](const SocketAddress& address) { out = address.text(); },
                 [&](const UnixPath& unix_path) {
                   out = "unix:" + unix_path.path;
                   if (unix_path.mode != UnixPath::kDefaultMode) options = "mode=" + octal(unix_path.mode);
                 },
                 [&](const PassedSocket& passed) {
                   out = passed.name.empty() ? "systemd" : "systemd:" + passed.name;
                 },
             },
             place);
  if (proxy_protocol) options += options.empty() ? "proxy_protocol" : "&proxy_protocol";
  if (tls) options += options.empty() ? "tls" : "&tls";
  return options.empty() ? out : out + "?" + options;
}

bool ListenAddress::same_place(const ListenAddress& other) const {
  const auto* const path = std::get_if<UnixPath>(&place);
  const auto* const other_path = std::get_if<UnixPath>(&other.place);
  if (path && other_path) return path->path == other_path->path;
  // Port 0 picks another one each time.
  if (ip() && ip()->port == 0) return false;
  return place == other.place;
}

std::vector<SocketAddress> ip_addresses(const std::vector<ListenAddress>& addresses) {
  std::vector<SocketAddress> out;
  for (const ListenAddress& address : addresses)
    if (address.ip()) out.push_back(*address.ip());
  return out;
}

}  // namespace gw
