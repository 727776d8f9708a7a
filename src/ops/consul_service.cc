#include "ops/consul_service.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "json/json.h"

namespace gw::consul {
namespace {

constexpr size_t kUrlBytesMax = 512;

std::string bracketed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

std::string seconds(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(duration).count()) + "s";
}

Error invalid(std::string_view what) {
  return {Errc::protocol_error, "not what Consul answers: " + std::string(what)};
}

std::string text_of(const json::Object& object, std::string_view name) {
  const json::Value* value = object.find(name);
  return value ? json::as_string(*value).value_or("") : "";
}

// Consul writes null for an empty map or list.
bool is_absent(const json::Value* value) { return value == nullptr || value->is_null(); }

Result<std::map<std::string, std::string>> read_map(const json::Value* value) {
  std::map<std::string, std::string> out;
  if (is_absent(value)) return out;
  if (!value->is_object()) return invalid("Meta is no object");
  for (const json::Member& member : json::members(*value)) {
    const auto text = json::as_string(member.value());
    if (!text) return invalid("Meta holds something else than text");
    out[member.key()] = *text;
  }
  return out;
}

Result<std::vector<std::string>> read_list(const json::Value* value) {
  std::vector<std::string> out;
  if (is_absent(value)) return out;
  if (!value->is_array()) return invalid("Tags is no list");
  for (const json::Value& element : json::elements(*value)) {
    const auto text = json::as_string(element);
    if (!text) return invalid("Tags holds something else than text");
    out.push_back(*text);
  }
  return out;
}

Result<Service> read_service(const json::Value* value) {
  if (!value || !value->is_object()) return invalid("there is no Service");
  const json::Object object = json::members(*value);
  const json::Value* port = object.find("Port");
  const std::optional<int64_t> number = port ? json::as_int64(*port) : std::nullopt;
  if (!number || *number < 0 || *number > std::numeric_limits<uint16_t>::max()) return invalid("Port");
  const auto tags = read_list(object.find("Tags"));
  if (!tags) return tags.error();
  const auto meta = read_map(object.find("Meta"));
  if (!meta) return meta.error();
  return Service{text_of(object, "ID"),
                 text_of(object, "Service"),
                 text_of(object, "Address"),
                 static_cast<uint16_t>(*number),
                 *tags,
                 *meta};
}

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool consists_of(std::string_view text, std::string_view others) {
  return !text.empty() && text.size() <= kUrlBytesMax && std::all_of(text.begin(), text.end(), [&](char c) {
    return is_alphanumeric(c) || others.find(c) != std::string_view::npos;
  });
}

bool is_websocket_url(std::string_view url) {
  for (const std::string_view scheme : {"ws://", "wss://"}) {
    if (url.starts_with(scheme)) return consists_of(url.substr(scheme.size()), "[]/-._~%!$&()*+,;=:@");
  }
  return false;
}

// Empty: nothing that could be handed to a client.
std::string url_of(const Service& service, const std::string& node_address) {
  const auto meta = [&](const char* name) {
    const auto found = service.meta.find(name);
    return found == service.meta.end() ? std::string() : found->second;
  };
  if (const std::string url = meta("public_url"); is_websocket_url(url)) return url;
  const std::string& host = service.address.empty() ? node_address : service.address;
  if (!consists_of(host, ".:-_") || service.port == 0) return "";
  return (meta("scheme") == "wss" ? "wss://" : "ws://") + bracketed(host) + ":" +
         std::to_string(service.port);
}

}  // namespace

std::string registration_json(const Service& service, const CheckOptions& check, bool passing) {
  std::string body;
  json::Writer writer(body);
  writer.begin_object()
      .member("ID", service.id)
      .member("Name", service.name)
      .member("Address", service.address)
      .member("Port", service.port)
      .key("Tags")
      .begin_array();
  for (const std::string& tag : service.tags) writer.value(tag);
  writer.end_array().key("Meta").begin_object();
  for (const auto& [name, text] : service.meta) writer.member(name, text);
  writer.end_object()
      .key("Check")
      .begin_object()
      .member("CheckID", "service:" + service.id)
      .member("Name", "ready for WebSockets")
      .member("HTTP", (check.tls ? "https://" : "http://") + bracketed(service.address) + ":" +
                          std::to_string(service.port) + check.path);
  if (check.tls) writer.member("TLSSkipVerify", true);
  writer.member("Interval", seconds(check.interval))
      .member("Timeout", seconds(check.timeout))
      .member("DeregisterCriticalServiceAfter", seconds(check.deregister_after))
      .member("Status", passing ? "passing" : "critical")
      .end_object()
      .end_object();
  return body;
}

Result<Known> parse_known(std::string_view body) {
  const auto object = json::parse_object(body);
  if (!object) return invalid("no JSON object");
  auto service = read_service(object->find("Service"));
  if (!service) return service.error();
  const json::Value* checks = object->find("Checks");
  if (!is_absent(checks) && !checks->is_array()) return invalid("Checks is no list");
  return Known{std::move(*service), !is_absent(checks) && !json::elements(*checks).empty(),
               text_of(*object, "AggregatedStatus") == "critical"};
}

Result<std::vector<Instance>> parse_instances(std::string_view body) {
  const auto parsed = json::parse(body);
  if (!parsed || !parsed->is_array()) return invalid("no JSON list");
  std::vector<Instance> instances;
  for (const json::Value& entry : json::elements(*parsed)) {
    if (!entry.is_object()) return invalid("an entry is no object");
    const json::Object object = json::members(entry);
    auto service = read_service(object.find("Service"));
    if (!service) return service.error();
    const json::Value* node = object.find("Node");
    const std::string node_address =
        node && node->is_object() ? text_of(json::members(*node), "Address") : std::string();
    std::string url = url_of(*service, node_address);
    if (url.empty() || instances.size() >= kInstancesMax) continue;
    instances.push_back({std::move(service->id), std::move(url)});
  }
  return instances;
}

}  // namespace gw::consul
