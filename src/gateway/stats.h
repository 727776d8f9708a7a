// What the gateway counts. Each shard counts for itself and reports copies; the control loop adds them up.
#pragma once

#include <array>
#include <cstdint>
#include <map>

#include "base/time.h"
#include "net/tls_session.h"

namespace gw {

struct ShardStats {
  uint64_t connections_active = 0;
  uint64_t connections_total = 0;
  uint64_t handshakes_refused_total = 0;  // answered with an HTTP status
  uint64_t messages_received_total = 0;   // data messages from clients
  uint64_t messages_sent_total = 0;       // frames put into clients' outboxes
  uint64_t bytes_received_total = 0;
  uint64_t bytes_sent_total = 0;
  uint64_t errors_total = 0;  // error messages sent to clients
  uint64_t rate_pauses_total = 0;
  uint64_t accept_failures_total = 0;           // no file descriptor or memory left
  std::map<uint16_t, uint64_t> closes_by_code;  // ended connections
  TlsStats tls;

  void add(const ShardStats& other);
};

// Milliseconds from a message's arrival to the engine's answer, in cumulative buckets as Prometheus has them.
class LatencyHistogram {
 public:
  static constexpr std::array<double, 13> kBoundsMs{0.1, 0.25, 0.5, 1,   2.5,  5,   10,
                                                    25,  50,   100, 250, 1000, 5000};

  void record(Duration latency);
  // Of the bucket up to kBoundsMs[i], smaller ones included.
  uint64_t cumulative(size_t i) const;
  uint64_t count() const { return count_; }
  double sum_ms() const { return sum_ms_; }

 private:
  std::array<uint64_t, kBoundsMs.size() + 1> buckets_{};
  uint64_t count_ = 0;
  double sum_ms_ = 0;
};

struct GatewayStats {
  ShardStats shards;
  LatencyHistogram message_latency;
  uint64_t messages_published_total = 0;
  uint64_t messages_queued_total = 0;
  uint64_t messages_duplicate_total = 0;
  uint64_t messages_rejected_total = 0;  // overloaded or failed
  uint64_t publications_total = 0;
  uint64_t sends_total = 0;
  size_t mailbox_items = 0;  // on their way from shards to the control loop
};

}  // namespace gw
