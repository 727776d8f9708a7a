#include <charconv>
#include <stdexcept>

#include "load/clock.h"
#include "load/fleet.h"
#include "load/scenarios.h"

namespace gw::bench {
namespace {

// {"n":00000001 would be no JSON number, so the sequence is a string: {"n":"00000001","text":"xxx..."}
constexpr std::string_view kHead = R"({"n":")";
constexpr std::string_view kMiddle = R"(","text":")";
constexpr std::string_view kTail = R"("})";
constexpr size_t kDigits = 8;
constexpr size_t kFixed = kHead.size() + kDigits + kMiddle.size() + kTail.size();

class Broadcast {
 public:
  Broadcast(Bench& bench, Fleet& fleet, const FanoutOptions& options)
      : bench_(bench),
        publisher_(make_publisher(bench.loop, bench.target)),
        options_(options),
        next_(fleet.size(), 0) {
    const bool is_wrapped = bench.target.dialect == Dialect::centrifugo;
    fleet.on_text([this, is_wrapped](WsClient& client, std::string_view text) {
      is_wrapped ? on_push(client, text) : on_delivery(client, text);
    });
  }

  void run_bursts(size_t bursts) {
    std::vector<std::string> messages(options_.burst);
    for (size_t i = 0; i < bursts; ++i) {
      for (std::string& message : messages) message = make_message(published_++);
      due_ += options_.burst * next_.size();
      burst_ns_ = now_ns();
      publisher_->publish(messages);
      bench_.loop.wait_until("deliveries of a burst",
                             [this] { return delivered_ == due_ && publisher_->unanswered() == 0; });
    }
  }

  void reset_latencies() { latencies_ = {}; }
  const Histogram& latencies() const { return latencies_; }

 private:
  std::string make_message(uint32_t sequence) const {
    std::string digits = std::to_string(sequence);
    digits.insert(0, kDigits - digits.size(), '0');
    return std::string(kHead) + digits + std::string(kMiddle) + std::string(options_.bytes - kFixed, 'x') +
           std::string(kTail);
  }

  // Centrifugo's publications come in its own words, several of them together.
  void on_push(WsClient& client, std::string_view text) {
    if (text == "{}") return;  // its ping
    constexpr std::string_view kData = R"("data":)";
    for (size_t at = text.find(kData); at != std::string_view::npos; at = text.find(kData, at + 1))
      on_delivery(client, text.substr(at + kData.size(), options_.bytes));
  }

  void on_delivery(WsClient& client, std::string_view text) {
    if (text.starts_with(R"({"type":)")) return;  // the gateway's own ping
    uint32_t sequence = 0;
    if (text.size() == options_.bytes && text.starts_with(kHead) && text.ends_with(kTail)) {
      std::from_chars(text.data() + kHead.size(), text.data() + kHead.size() + kDigits, sequence);
    } else {
      throw std::runtime_error("not what was published: " + std::string(text));
    }
    uint32_t& next = next_[client.index()];
    if (sequence != next) {
      throw std::runtime_error("publication " + std::to_string(sequence) + " arrived where " +
                               std::to_string(next) + " was due");
    }
    ++next;
    ++delivered_;
    latencies_.add(now_ns() - burst_ns_);
  }

  Bench& bench_;
  std::unique_ptr<Publisher> publisher_;
  const FanoutOptions& options_;
  std::vector<uint32_t> next_;  // the sequence that each client waits for
  uint32_t published_ = 0;
  uint64_t due_ = 0;
  uint64_t delivered_ = 0;
  int64_t burst_ns_ = 0;
  Histogram latencies_;
};

}  // namespace

void run_fanout(Bench& bench, const FanoutOptions& options, Report& report) {
  if (options.bytes < kFixed) throw std::runtime_error("--bytes: at least " + std::to_string(kFixed));
  Target target = bench.target;
  target.hears = true;
  const auto tokens = make_sessions(bench.loop, target, options.connections);
  Fleet fleet(bench.loop, target, options.connections,
              [&](size_t i) { return target.subscriber_resource(tokens[i]); });
  fleet.open_all({});
  Broadcast broadcast(bench, fleet, options);
  broadcast.run_bursts(options.warm_up);
  broadcast.reset_latencies();

  const CpuTime before = bench.cpu();
  const int64_t wall = now_ns();
  broadcast.run_bursts(options.bursts);
  const auto wall_ns = static_cast<double>(now_ns() - wall);
  const CpuTime after = bench.cpu();

  const size_t deliveries = options.connections * options.burst * options.bursts;
  report.add("connections", static_cast<double>(options.connections));
  report.add("burst", static_cast<double>(options.burst));
  report.add("bytes", static_cast<double>(options.bytes));
  report.add_cpu("delivery", before, after, deliveries);
  report.add("deliveries_per_s", static_cast<double>(deliveries) / (wall_ns / 1e9));
  report.add("delivery", broadcast.latencies());
  fleet.close_all();
}

}  // namespace gw::bench
