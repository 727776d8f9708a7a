#include "ops/telemetry_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>

#include "base/http_field.h"
#include "net/http/query.h"

namespace gw {
namespace {

using Environment = std::map<std::string, std::string>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

constexpr int64_t kMillisecondsMax = 24 * 3600 * 1000;
constexpr int64_t kQueueMax = 1'000'000;
constexpr size_t kShownMax = 80;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

// "a=b,c=d", values percent-decoded (as W3C Baggage has them). Empty: not of that form.
std::optional<Pairs> parse_pairs(std::string_view text) {
  Pairs pairs;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view item = trim_blanks(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    if (item.empty()) continue;
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos || equals == 0) return std::nullopt;
    Result<std::string> value = http::percent_decode(trim_blanks(item.substr(equals + 1)));
    if (!value) return std::nullopt;
    pairs.emplace_back(trim_blanks(item.substr(0, equals)), std::move(*value));
  }
  return pairs;
}

// http://host[:port][/path]. No user information: it would be a secret in an address that is logged.
bool is_endpoint(std::string_view text) {
  const size_t scheme = text.starts_with("http://") ? 7 : text.starts_with("https://") ? 8 : 0;
  if (scheme == 0) return false;
  std::string_view authority = text.substr(scheme);
  authority = authority.substr(0, authority.find('/'));
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!plain || authority.empty() || text.find_first_of("@?#") != std::string_view::npos) return false;
  const size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos || authority.ends_with(']')) return true;
  const std::string_view port = authority.substr(colon + 1);
  uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  return colon > 0 && error == std::errc{} && end == port.data() + port.size() && number != 0;
}

class Reader {
 public:
  Reader(const Environment& environment, std::vector<std::string>& warnings)
      : environment_(environment), warnings_(warnings) {}

  TelemetrySettings read() {
    TelemetrySettings settings;
    if (is_disabled()) return settings;
    settings.traces = signal("TRACES");
    settings.metrics = signal("METRICS");
    settings.tracing = tracing();
    settings.tracing.enabled = settings.traces.enabled;
    settings.queue_size = count("OTEL_BSP_MAX_QUEUE_SIZE", settings.queue_size);
    settings.batch_size =
        count("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", std::min(settings.batch_size, settings.queue_size));
    if (settings.batch_size > settings.queue_size) {
      ignore("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "at most OTEL_BSP_MAX_QUEUE_SIZE");
      settings.batch_size = settings.queue_size;
    }
    settings.batch_delay = milliseconds("OTEL_BSP_SCHEDULE_DELAY", settings.batch_delay);
    settings.traces.timeout = std::min(settings.traces.timeout, milliseconds("OTEL_BSP_EXPORT_TIMEOUT", 30s));
    settings.metric_interval = milliseconds("OTEL_METRIC_EXPORT_INTERVAL", settings.metric_interval);
    settings.metric_timeout = milliseconds("OTEL_METRIC_EXPORT_TIMEOUT", settings.metric_timeout);
    // The SDK forgets both when the timeout is not the smaller.
    settings.metric_timeout = std::min<Duration>(settings.metric_timeout, settings.metric_interval - 1ms);
    settings.metrics.timeout = std::min(settings.metrics.timeout, settings.metric_timeout);
    settings.resource = resource();
    return settings;
  }

 private:
  const std::string* find(const std::string& name) const {
    const auto found = environment_.find(name);
    return found == environment_.end() || found->second.empty() ? nullptr : &found->second;
  }

  // Not a wrong value but the specification's own rule: only "true" is true.
  bool is_disabled() const {
    const std::string* value = find("OTEL_SDK_DISABLED");
    return value && lower(*value) == "true";
  }

  // The variable of the signal, else the one for all.
  std::string nearest(const std::string& signal, const std::string& what) const {
    const std::string own = "OTEL_EXPORTER_OTLP_" + signal + "_" + what;
    return find(own) ? own : "OTEL_EXPORTER_OTLP_" + what;
  }

  void ignore(const std::string& name, std::string_view expected, bool secret = false) {
    const std::string shown = secret
                                  ? std::string("its value")
                                  : fmt::format("{:?}", std::string_view(*find(name)).substr(0, kShownMax));
    warnings_.push_back(fmt::format("variable {}: {} is not used: expected {}", name, shown, expected));
  }

  std::optional<size_t> one_of(const std::string& name, std::initializer_list<std::string_view> words) {
    const std::string* value = find(name);
    if (!value) return std::nullopt;
    const auto found = std::find(words.begin(), words.end(), lower(trim_blanks(*value)));
    if (found != words.end()) return static_cast<size_t>(found - words.begin());
    ignore(name, fmt::format("{}", fmt::join(words, ", ")));
    return std::nullopt;
  }

  // Those of a list that are known; the rest is ignored. Empty: as if it were not set.
  std::set<std::string> some_of(const std::string& name, const std::set<std::string>& words) {
    std::set<std::string> known;
    const std::string* value = find(name);
    if (!value) return known;
    bool all_known = true;
    for (std::string_view rest = *value; !rest.empty();) {
      const size_t comma = std::min(rest.find(','), rest.size());
      const std::string item = lower(trim_blanks(rest.substr(0, comma)));
      rest.remove_prefix(std::min(comma + 1, rest.size()));
      if (item.empty()) continue;
      if (words.contains(item)) {
        known.insert(item);
      } else {
        all_known = false;
      }
    }
    if (!all_known) ignore(name, fmt::format("some of {}", fmt::join(words, ", ")));
    return known;
  }

  int64_t whole(const std::string& name, int64_t standard, int64_t max) {
    const std::string* value = find(name);
    if (!value) return standard;
    int64_t number = 0;
    const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), number);
    if (error == std::errc{} && end == value->data() + value->size() && number >= 1 && number <= max)
      return number;
    ignore(name, fmt::format("a whole number from 1 to {}", max));
    return standard;
  }

  size_t count(const std::string& name, size_t standard) {
    return static_cast<size_t>(whole(name, static_cast<int64_t>(standard), kQueueMax));
  }

  // The specification's unit; the SDK would read seconds.
  Duration milliseconds(const std::string& name, Duration standard) {
    const auto given = std::chrono::duration_cast<std::chrono::milliseconds>(standard).count();
    return std::chrono::milliseconds(whole(name, given, kMillisecondsMax));
  }

  // The variable, when it holds an address.
  std::string endpoint_variable(const std::string& signal) {
    std::string variable = nearest(signal, "ENDPOINT");
    const std::string* given = find(variable);
    if (!given) return {};
    if (is_endpoint(trim_blanks(*given))) return variable;
    ignore(variable, "http://host:port or https://host:port, without a user",
           given->find('@') != std::string::npos);
    return {};
  }

  // Over HTTP the address for all signals gets the path of each appended.
  std::string endpoint(const std::string& variable, const std::string& signal, OtlpProtocol protocol) {
    const bool grpc = protocol == OtlpProtocol::grpc;
    std::string address(variable.empty() ? grpc ? "http://localhost:4317" : "http://localhost:4318"
                                         : trim_blanks(*find(variable)));
    if (grpc || !(variable.empty() || variable == "OTEL_EXPORTER_OTLP_ENDPOINT")) return address;
    while (address.ends_with('/')) address.pop_back();
    return address + "/v1/" + lower(signal);
  }

  OtlpSignal signal(const std::string& name) {
    OtlpSignal signal;
    const std::string protocol = nearest(name, "PROTOCOL");
    constexpr std::array kProtocols{OtlpProtocol::grpc, OtlpProtocol::http_protobuf, OtlpProtocol::http_json};
    if (const auto chosen = one_of(protocol, {"grpc", "http/protobuf", "http/json"}))
      signal.protocol = kProtocols[*chosen];
    const std::string variable = endpoint_variable(name);
    signal.endpoint = endpoint(variable, name, signal.protocol);
    const std::set<std::string> exporters = some_of("OTEL_" + name + "_EXPORTER", {"none", "otlp"});
    signal.enabled = exporters.empty() ? !variable.empty() : exporters.contains("otlp");
    signal.timeout = milliseconds(nearest(name, "TIMEOUT"), signal.timeout);
    const std::string headers = nearest(name, "HEADERS");
    if (find(headers) && !parse_pairs(*find(headers))) ignore(headers, "name=value,name=value", true);
    const std::string compression = nearest(name, "COMPRESSION");
    signal.gzip = one_of(compression, {"none", "gzip"}).value_or(0) == 1;
    if (signal.gzip && signal.protocol != OtlpProtocol::grpc) {
      signal.gzip = false;
      ignore(compression, "none; gzip only with the protocol grpc");
    }
    return signal;
  }

  double ratio() {
    const std::string name = "OTEL_TRACES_SAMPLER_ARG";
    const std::string* value = find(name);
    if (!value) return 1;
    double number = 0;
    const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), number);
    if (error == std::errc{} && end == value->data() + value->size() && number >= 0 && number <= 1)
      return number;
    ignore(name, "a number from 0 to 1");
    return 1;
  }

  TraceOptions tracing() {
    TraceOptions options;
    const size_t sampler =
        one_of("OTEL_TRACES_SAMPLER", {"always_on", "always_off", "traceidratio", "parentbased_always_on",
                                       "parentbased_always_off", "parentbased_traceidratio"})
            .value_or(3);
    const double share = sampler % 3 == 0 ? 1 : sampler % 3 == 1 ? 0 : ratio();
    options.sampler = Sampler(share, sampler >= 3);
    // Baggage has no place in an envelope.
    const std::set<std::string> propagators =
        some_of("OTEL_PROPAGATORS", {"tracecontext", "baggage", "none"});
    options.propagate = propagators.empty() || propagators.contains("tracecontext");
    return options;
  }

  Pairs resource() {
    Pairs attributes;
    if (const std::string* given = find("OTEL_RESOURCE_ATTRIBUTES")) {
      if (auto parsed = parse_pairs(*given)) {
        attributes = std::move(*parsed);
      } else {
        ignore("OTEL_RESOURCE_ATTRIBUTES", "name=value,name=value, percent-encoded");
      }
    }
    const auto is_name = [](const auto& pair) { return pair.first == "service.name"; };
    if (const std::string* name = find("OTEL_SERVICE_NAME")) {
      std::erase_if(attributes, is_name);
      attributes.emplace_back("service.name", *name);
    } else if (std::none_of(attributes.begin(), attributes.end(), is_name)) {
      attributes.emplace_back("service.name", "websocket-gateway");
    }
    return attributes;
  }

  const Environment& environment_;
  std::vector<std::string>& warnings_;
};

}  // namespace

TelemetrySettings read_telemetry_settings(const std::map<std::string, std::string>& environment,
                                          std::vector<std::string>& warnings) {
  // A variable for both signals is looked at twice.
  std::vector<std::string> said;
  TelemetrySettings settings = Reader(environment, said).read();
  std::sort(said.begin(), said.end());
  said.erase(std::unique(said.begin(), said.end()), said.end());
  warnings.insert(warnings.end(), said.begin(), said.end());
  return settings;
}

}  // namespace gw
