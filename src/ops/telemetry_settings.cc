#include "ops/telemetry_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "protocol/query.h"

namespace gw {
namespace {

using Environment = std::map<std::string, std::string>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

constexpr int64_t kMillisecondsMax = 24 * 3600 * 1000;
constexpr int64_t kQueueMax = 1'000'000;
constexpr size_t kShownMax = 80;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// "a=b,c=d", values percent-decoded (as W3C Baggage has them). Empty: not of that form.
std::optional<Pairs> parse_pairs(std::string_view text) {
  Pairs pairs;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view item = trimmed(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    if (item.empty()) continue;
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos || equals == 0) return std::nullopt;
    Result<std::string> value = protocol::percent_decode(trimmed(item.substr(equals + 1)));
    if (!value) return std::nullopt;
    pairs.emplace_back(trimmed(item.substr(0, equals)), std::move(*value));
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
  Reader(const Environment& environment, std::vector<std::string>& problems)
      : environment_(environment), problems_(problems) {}

  TelemetrySettings read() {
    TelemetrySettings settings;
    if (one_of("OTEL_SDK_DISABLED", {"false", "true"}).value_or(0) == 1) return settings;
    settings.traces = signal("TRACES");
    settings.metrics = signal("METRICS");
    settings.tracing = tracing();
    settings.tracing.enabled = settings.traces.enabled;
    settings.queue_size = count("OTEL_BSP_MAX_QUEUE_SIZE", settings.queue_size);
    settings.batch_size =
        count("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", std::min(settings.batch_size, settings.queue_size));
    if (settings.batch_size > settings.queue_size)
      refuse("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "at most OTEL_BSP_MAX_QUEUE_SIZE");
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

  // The variable of the signal, else the one for all.
  std::string nearest(const std::string& signal, const std::string& what) const {
    const std::string own = "OTEL_EXPORTER_OTLP_" + signal + "_" + what;
    return find(own) ? own : "OTEL_EXPORTER_OTLP_" + what;
  }

  void refuse(const std::string& name, std::string_view expected, bool secret = false) {
    const std::string shown = secret
                                  ? std::string("its value")
                                  : fmt::format("{:?}", std::string_view(*find(name)).substr(0, kShownMax));
    problems_.push_back(fmt::format("variable {}: {}: expected {}", name, shown, expected));
  }

  std::optional<size_t> one_of(const std::string& name, std::initializer_list<std::string_view> words) {
    const std::string* value = find(name);
    if (!value) return std::nullopt;
    const auto found = std::find(words.begin(), words.end(), *value);
    if (found != words.end()) return static_cast<size_t>(found - words.begin());
    refuse(name, fmt::format("{}", fmt::join(words, ", ")));
    return std::nullopt;
  }

  int64_t whole(const std::string& name, int64_t standard, int64_t max) {
    const std::string* value = find(name);
    if (!value) return standard;
    int64_t number = 0;
    const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), number);
    if (error == std::errc{} && end == value->data() + value->size() && number >= 1 && number <= max)
      return number;
    refuse(name, fmt::format("a whole number from 1 to {}", max));
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

  OtlpSignal signal(const std::string& name) {
    OtlpSignal signal;
    const std::string endpoint = nearest(name, "ENDPOINT");
    const std::string exporter = "OTEL_" + name + "_EXPORTER";
    if (find(endpoint) && !is_endpoint(*find(endpoint)))
      refuse(endpoint, "http://host:port or https://host:port, without a user",
             find(endpoint)->find('@') != std::string::npos);
    const bool named = find(exporter) != nullptr;
    signal.enabled = named ? one_of(exporter, {"none", "otlp"}).value_or(0) == 1 : find(endpoint) != nullptr;
    const std::string protocol = nearest(name, "PROTOCOL");
    constexpr std::array kProtocols{OtlpProtocol::grpc, OtlpProtocol::http_protobuf, OtlpProtocol::http_json};
    if (const auto chosen = one_of(protocol, {"grpc", "http/protobuf", "http/json"}))
      signal.protocol = kProtocols[*chosen];
    signal.timeout = milliseconds(nearest(name, "TIMEOUT"), signal.timeout);
    const std::string headers = nearest(name, "HEADERS");
    if (find(headers) && !parse_pairs(*find(headers))) refuse(headers, "name=value,name=value", true);
    one_of(nearest(name, "COMPRESSION"), {"none", "gzip"});
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
    refuse(name, "a number from 0 to 1");
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
    const auto propagators = one_of("OTEL_PROPAGATORS", {"tracecontext", "tracecontext,baggage", "none"});
    options.propagate = propagators.value_or(0) != 2;
    return options;
  }

  Pairs resource() {
    Pairs attributes;
    if (const std::string* given = find("OTEL_RESOURCE_ATTRIBUTES")) {
      if (auto parsed = parse_pairs(*given)) {
        attributes = std::move(*parsed);
      } else {
        refuse("OTEL_RESOURCE_ATTRIBUTES", "name=value,name=value, percent-encoded");
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
  std::vector<std::string>& problems_;
};

}  // namespace

TelemetrySettings read_telemetry_settings(const std::map<std::string, std::string>& environment,
                                          std::vector<std::string>& problems) {
  TelemetrySettings settings = Reader(environment, problems).read();
  // A variable for both signals would be complained of twice.
  std::sort(problems.begin(), problems.end());
  problems.erase(std::unique(problems.begin(), problems.end()), problems.end());
  return settings;
}

}  // namespace gw
